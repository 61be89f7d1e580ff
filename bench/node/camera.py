# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The cameras: `python -m bench.node.camera KIND SECONDS TOPIC ...`, 30 Hz and 1280x720 each.

Waits until every topic has two subscribers, prints `begin`, publishes, and prints how many images
each topic got as one JSON object. Messages are made once; then only their stamps change.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from bench.node.film import RATE_HZ, SIZE, packets, pictures
from molmo_ground_ros.ros.transports import transport_of

DISTINCT = 8
SUBSCRIBERS = 2
# Images of each camera at the end, and the pause before each.
_LAST, _LAST_PAUSE_S = 2, 0.1
_STAMP = struct.Struct('<iI')
_STAMP_AT = 4  # after the encapsulation header


def main(kind: str, seconds: float, topics: Sequence[str]) -> None:
    """Publish images of a kind, 'jpeg', 'raw' or 'h264', on each topic."""
    rclpy.init()
    node = Node('bench_cameras')
    made = _messages(kind)
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    publishers = [node.create_publisher(type(made[0]), topic, qos) for topic in topics]
    messages = [bytearray(serialize_message(item)) for item in made]
    while any(publisher.get_subscription_count() < SUBSCRIBERS for publisher in publishers):
        time.sleep(0.05)
    # The publisher can know of a subscription before the subscription knows of it.
    time.sleep(1.0)
    print('begin', flush=True)
    counts = _publish(publishers, messages, seconds)
    # Let what is under way arrive.
    time.sleep(1.0)
    print(json.dumps(dict(zip(topics, counts, strict=True))), flush=True)
    rclpy.shutdown()


def _publish(publishers: Sequence[Any], messages: Sequence[bytearray], seconds: float) -> list[int]:
    """Publish in turn, evenly; returns how many images each publisher got."""
    counts = [0] * len(publishers)
    step_s = 1 / (RATE_HZ * len(publishers))

    def publish(camera: int) -> None:
        # In its own order: a packet of video is of no use without the one before it.
        data = messages[counts[camera] % len(messages)]
        _STAMP.pack_into(data, _STAMP_AT, *divmod(time.time_ns(), 10**9))
        publishers[camera].publish(bytes(data))
        counts[camera] += 1

    began = time.monotonic()
    for number in range(round(seconds / step_s)):
        # A camera that is late leaves images out, as a real one does.
        late_s = time.monotonic() - began - number * step_s
        if late_s > 1 / RATE_HZ:
            continue
        time.sleep(max(0.0, -late_s))
        publish(number % len(publishers))
    # A subscriber notices that an image was lost when it gets a later one, as these surely are.
    for _ in range(_LAST):
        for camera in range(len(publishers)):
            time.sleep(_LAST_PAUSE_S)
            publish(camera)
    return counts


def _messages(kind: str) -> list[Any]:
    """The images of a camera, as messages."""
    if kind == 'h264':
        video = transport_of('', 'foxglove_video').message
        return [video(frame_id='camera', data=packet, format='h264') for packet in packets()]
    return [_message(kind, picture) for picture in pictures(DISTINCT)]


def _message(kind: str, picture: NDArray[np.uint8]) -> Any:
    """picture: (720, 1280, 3) RGB."""
    header = Header(frame_id='camera')
    if kind == 'raw':
        return Image(
            header=header,
            width=SIZE[0],
            height=SIZE[1],
            encoding='rgb8',
            step=3 * SIZE[0],
            data=picture.tobytes(),
        )
    encoded = cv2.imencode('.jpg', picture[..., ::-1])[1].tobytes()
    return CompressedImage(header=header, format='rgb8; jpeg compressed bgr8', data=encoded)


if __name__ == '__main__':
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
