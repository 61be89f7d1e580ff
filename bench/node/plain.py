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
from functools import partial
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image

from molmo_ground_ros.frames.image import decode
from molmo_ground_ros.ros import convert


def main(kind: str, topics: Sequence[str]) -> None:
    """Subscribe and decode until SIGTERM."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = Node('bench_plain')
    received: Counter[str] = Counter()

    def on_image(topic: str, message: Any) -> None:
        decode(convert.image(message))
        received[topic] += 1

    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    message = Image if kind == 'raw' else CompressedImage
    for topic in topics:
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
