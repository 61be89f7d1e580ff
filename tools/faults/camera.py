# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A camera that the harness controls: good images with stamps of its own clock, and bad ones."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from molmo_ground_ros.ros import convert

WIDTH, HEIGHT = 32, 24
FIRST_NS = 1_000_000 * 1_000_000_000
STEP_NS = 250_000_000
# Between two images, so that the node's queue of 5 does not overflow.
PAUSE_S = 0.01
# Each begins later than the one before, which may have been on the same topic.
_CAMERAS = itertools.count()


class Camera:
    """One topic with images. Its time stands still unless it shows something."""

    def __init__(
        self,
        node: Node,
        topic: str,
        reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE,
        *,
        is_compressed: bool = False,
    ) -> None:
        """Offer the topic; `is_compressed` publishes JPEG."""
        self.topic = topic
        self.stamp_ns = FIRST_NS + next(_CAMERAS) * 100_000_000_000
        # Of the good images that were published.
        self.stamps_ns: set[int] = set()
        self.frame_id = f'{topic.strip("/").replace("/", "_")}_optical'
        self._node = node
        self._is_compressed = is_compressed
        kind = CompressedImage if is_compressed else Image
        qos = QoSProfile(depth=20, reliability=reliability)
        self.publisher = node.create_publisher(kind, topic, qos)

    def close(self) -> None:
        """Offer the topic no more."""
        self._node.destroy_publisher(self.publisher)

    def show(self, count: int = 1, *, step_ns: int = STEP_NS, pause_s: float = PAUSE_S) -> None:
        """Publish good images, `step_ns` apart by their stamps and `pause_s` by the clock."""
        for _ in range(count):
            self.stamp_ns += step_ns
            self.stamps_ns.add(self.stamp_ns)
            self.publisher.publish(self.image())
            time.sleep(pause_s)

    def show_bad(self, spoil: Callable[[Any], None], count: int = 8) -> None:
        """Publish images that `spoil` has changed; their stamps are not noted as good."""
        for _ in range(count):
            self.stamp_ns += STEP_NS
            message = self.image()
            spoil(message)
            self.publisher.publish(message)
            time.sleep(PAUSE_S)

    def jump(self, by_ns: int) -> None:
        """Let the camera's clock jump. Images from before count as good no more."""
        self.stamp_ns += by_ns
        self.stamps_ns.clear()

    def image(self, width: int = WIDTH, height: int = HEIGHT) -> Any:
        """A good image with the stamp of now."""
        header = Header(stamp=convert.time_msg(self.stamp_ns), frame_id=self.frame_id)
        if self._is_compressed:
            return CompressedImage(header=header, format='jpeg', data=jpeg(width, height))
        return Image(
            header=header,
            width=width,
            height=height,
            encoding='rgb8',
            step=3 * width,
            data=bytes(3 * width * height),
        )


def jpeg(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A black JPEG, which is small whatever its size in pixels."""
    return bytes(cv2.imencode('.jpg', np.zeros((height, width, 3), np.uint8))[1])
