# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The depth of one camera of the node: its subscriptions, its buffer, and what was received."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from molmo_ground_ros.config import Settings
from molmo_ground_ros.errors import describe
from molmo_ground_ros.frames import cdr
from molmo_ground_ros.ros import convert
from molmo_ground_ros.ros.camera_input import image_qos
from molmo_ground_ros.ros.depth_buffer import Calibrations, DepthBuffer
from molmo_ground_ros.ros.pairing import pairing
from molmo_ground_ros.ros.transform_input import TransformInput
from molmo_ground_ros.space.camera_model import CameraModel
from molmo_ground_ros.space.errors import CalibrationError
from molmo_ground_ros.space.locate import DepthFrame
from molmo_ground_ros.space.topics import info_topic, is_rectified

# A stamp that is further behind the newest is a jump of time.
JUMP_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class DepthTopics:
    """What the positions of one camera come from."""

    image: str
    depth: str
    camera_info: str
    depth_info: str


def depth_topics(settings: Settings) -> dict[str, DepthTopics]:
    """The topics of each camera that has depth, by its name."""
    chosen = {}
    for index, (camera, image) in enumerate(
        zip(settings.cameras, settings.image_topics, strict=True)
    ):
        depth = _at(settings.depth_topics, index)
        if depth:
            info = _at(settings.camera_info_topics, index) or info_topic(image)
            depth_info = _at(settings.depth_info_topics, index) or info_topic(depth)
            chosen[camera] = DepthTopics(image, depth, info, depth_info)
    return chosen


def _at(topics: Sequence[str], index: int) -> str:
    return topics[index] if index < len(topics) else ''


@dataclass(frozen=True, slots=True)
class _StampedDepth:
    """A depth image as message_filters pairs it: by its header."""

    header: Header
    message: cdr.ImageMessage


class DepthInput:
    """The `CameraSpace` of one camera of the node. A bad message is counted, and the node lives."""

    def __init__(
        self, node: Node, topics: DepthTopics, settings: Settings, transforms: TransformInput
    ) -> None:
        """Make the buffer; nothing is received before `subscribe`."""
        self.topics = topics
        self.target_frame = settings.target_frame
        self.buffer = DepthBuffer(
            topics.depth,
            horizon_ns=round(settings.buffer_seconds * 1e9),
            max_bytes=round(settings.depth_megabytes * 1e6),
            keep_period_ns=round(1e9 / settings.buffer_rate_hz),
        )
        self.failed = 0  # messages that could not be taken
        self.last_error = ''
        self._colour = Calibrations(topics.camera_info)
        # That of the image itself has no depth beside it: then depth lies under the image.
        self._shares_info = topics.depth_info == topics.camera_info
        self._depth = Calibrations(topics.depth_info)
        self._transforms = transforms
        self._node, self._settings = node, settings
        self._newest_ns = 0
        self._pairing = pairing(2, self._on_pair)
        self._subscriptions: list[Subscription] = []

    def subscribe(self) -> None:
        """Begin to receive depth and calibrations."""
        topics = self.topics
        is_compressed = topics.depth.endswith('/compressedDepth')
        kind, name = (CompressedImage, cdr.COMPRESSED) if is_compressed else (Image, cdr.RAW)
        # As bytes, as images: rclpy would make a Python message of each.
        self._listen(kind, topics.depth, functools.partial(self._on_depth, name), raw=True)
        self._listen(CameraInfo, topics.camera_info, functools.partial(self._pairing.add, 1))
        if not self._shares_info:
            self._listen(CameraInfo, topics.depth_info, self._on_depth_info)
        self._node.get_logger().info(f'depth of {topics.image}: {topics.depth}, {self.pairing}')

    def unsubscribe(self) -> None:
        """Receive no more. What is in the buffer stays."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    @property
    def pairing(self) -> str:
        """How depth and calibrations are paired."""
        return self._pairing.name

    def clear(self) -> None:
        """Forget the depth, after a jump of time."""
        self._newest_ns = 0
        self.buffer.clear()
        self._pairing.restart()

    def calibration(self, stamp_ns: int) -> CameraModel:
        """See CameraSpace."""
        return self._colour.at(stamp_ns)

    def depth(self, stamp_ns: int) -> DepthFrame | None:
        """See CameraSpace."""
        has_own = self._depth.count and not self._shares_info
        return self.buffer.frame(stamp_ns, self._depth.at(stamp_ns) if has_own else None)

    def transform(self, source: str, target: str, stamp_ns: int) -> NDArray[Any]:
        """See CameraSpace."""
        return self._transforms.matrix(source, target, stamp_ns)

    def values(self) -> dict[str, object]:
        """What /diagnostics shows of it."""
        stats = self.buffer.stats()
        return {
            'depth_topic': self.topics.depth,
            'depth_received': stats.received,
            'depth_held': stats.frames,
            'depth_bytes': stats.nbytes,
            'depth_failed': self.failed,
            'depth_last_error': self.last_error,
            'camera_info': self.topics.camera_info,
            'camera_info_known': bool(self._colour.count),
            'depth_info_known': bool(self._depth.count),
            'pairing': self.pairing,
            'transforms': self._transforms.name,
            'target_frame': self.target_frame,
        }

    def _listen(self, kind: type, topic: str, callback: Any, *, raw: bool = False) -> None:
        group, qos = MutuallyExclusiveCallbackGroup(), image_qos(self._settings)
        subscription = self._node.create_subscription(
            kind, topic, callback, qos, callback_group=group, raw=raw
        )
        self._subscriptions.append(subscription)

    def _on_depth(self, kind: str, serialized: bytes) -> None:
        try:
            message = cdr.received_message(serialized, kind)
            stamp = convert.time_msg(message.stamp_ns)
        except Exception as error:  # noqa: BLE001 - one bad message must not end the node
            self._note(error)
            return
        if message.stamp_ns < self._newest_ns - JUMP_NS:
            self._newest_ns = message.stamp_ns
            self._pairing.restart()
        self._newest_ns = max(self._newest_ns, message.stamp_ns)
        self._pairing.add(0, _StampedDepth(Header(stamp=stamp), message))

    def _on_pair(self, messages: Sequence[Any]) -> None:
        """Take a depth image, a calibration, or both."""
        try:
            for msg, take in zip(messages, (self._take_depth, self._take_info), strict=False):
                if msg is not None:
                    take(msg)
        except Exception as error:  # noqa: BLE001 - one bad message must not end the node
            self._note(error)

    def _take_depth(self, stamped: _StampedDepth) -> None:
        message = stamped.message
        self.buffer.push(message.stamp_ns, message.image, message.frame_id)

    def _take_info(self, msg: CameraInfo) -> None:
        self._calibrate(self._colour, msg, self.topics.image)

    def _on_depth_info(self, msg: CameraInfo) -> None:
        self._calibrate(self._depth, msg, self.topics.depth)

    def _calibrate(self, calibrations: Calibrations, msg: CameraInfo, images: str) -> None:
        try:
            model = convert.camera_model(msg, rectified=is_rectified(images))
            calibrations.add(convert.stamp_ns(msg.header.stamp), model)
        except CalibrationError as error:
            calibrations.fail(str(error))
            self._note(error)

    def _note(self, error: Exception) -> None:
        self.failed += 1
        self.last_error = describe(error)
        self._node.get_logger().error(self.last_error, throttle_duration_sec=5.0)
