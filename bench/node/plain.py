# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A plain rclpy node that decodes every image: `python -m bench.node.plain KIND TOPIC ...`.

After SIGTERM it prints how many images each topic brought as one JSON object.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames.image import decode
from molmo_ground_ros.frames.video_frame import pixels
from molmo_ground_ros.frames.video_packets import PacketDecoder
from molmo_ground_ros.ros import convert
from molmo_ground_ros.ros.transports import transport_of


def main(kind: str, topics: Sequence[str]) -> None:
    """Subscribe and decode until SIGTERM."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = Node('bench_plain')
    received: Counter[str] = Counter()

    def on_image(topic: str, message: Any) -> None:
        decode(convert.image(message))
        received[topic] += 1

    def on_packet(topic: str, decoder: PacketDecoder, message: Any) -> None:
        received[topic] += 1
        # What follows a lost packet, or comes before the first keyframe, may be no video to it.
        with suppress(ImageError):
            for _, image in decoder.decode(message.data, received[topic], is_needed=True):
                pixels(image)

    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    message = Image if kind == 'raw' else CompressedImage
    for topic in topics:
        if kind == 'h264':
            callback = partial(on_packet, topic, PacketDecoder('h264'))
            node.create_subscription(transport_of(topic, 'raw').message, topic, callback, qos)
        else:
            node.create_subscription(message, topic, partial(on_image, topic), qos)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    spinner = threading.Thread(target=_spin, args=(node,))
    spinner.start()
    while not stop.wait(0.2):
        pass
    rclpy.shutdown()
    spinner.join()
    print(json.dumps({'received': received}), flush=True)


def _spin(node: Node) -> None:
    try:
        rclpy.spin(node)
    except ExternalShutdownException:
        return


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
