# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One camera of the node: its subscription, its buffer, and what was received from it."""

from __future__ import annotations

import functools
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from molmo_ground_ros.config import Settings
from molmo_ground_ros.errors import describe
from molmo_ground_ros.frames import cdr
from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.decoded_cache import DecodedCache
from molmo_ground_ros.ros import diagnostics
from molmo_ground_ros.ros.camera_watch import CameraWatch, Reception
from molmo_ground_ros.ros.image_receiver import ImageReceiver, OutsideExecutor
from molmo_ground_ros.ros.transports import VIDEO, transport_of

# Packets of video that may wait in the middleware: one too many costs a second of images or more.
PACKETS_WAITING = 60


class CameraInput:
    """Puts the images of one topic into a buffer. A bad image is counted, and the node lives on."""

    def __init__(
        self,
        node: Node,
        receiver: ImageReceiver,
        camera: str,
        topic: str,
        settings: Settings,
        decoded: DecodedCache,
    ) -> None:
        """Make the buffer; nothing is received before `subscribe`. camera: its name.

        Raises BadSetting where the type of the topic is not installed.
        """
        self.name = camera
        self.buffer = _buffer(camera, settings, decoded)
        self.reception = Reception()
        # The name of the topic, resolved and remapped once it is subscribed.
        self.topic = topic
        # What it was made from.
        self.source = (camera, topic)
        self._transport = transport_of(topic, settings.image_transport)
        self._node = node
        self._receiver = receiver
        self._settings = settings
        self._watch = CameraWatch(time.monotonic_ns())
        self._subscription: Subscription | None = None

    def subscribe(self) -> None:
        """Begin to receive images."""
        transport = self._transport
        qos = image_qos(self._settings)
        if transport.kind in VIDEO:
            qos.depth = max(qos.depth, PACKETS_WAITING)
        self._subscription = self._node.create_subscription(
            transport.message,
            transport.topic,
            functools.partial(self.on_image, transport.kind),
            qos,
            # As bytes: rclpy would make a Python message of each, and most are never looked at.
            raw=True,
            callback_group=OutsideExecutor(),
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=self._on_incompatible_qos, message_lost=self._on_lost
            ),
        )
        self._receiver.add(self._subscription)
        self.topic = self._subscription.topic_name
        self._watch = CameraWatch(time.monotonic_ns())
        self._node.get_logger().info(f"camera '{self.name}': {self.topic}")

    def unsubscribe(self) -> None:
        """Receive no more images. What is in the buffer stays."""
        if self._subscription is not None:
            self._receiver.remove(self._subscription)
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def on_image(self, kind: str, serialized: bytes) -> None:
        """Put one message into the buffer, as it came. kind: the name of its type, for `cdr`."""
        self.reception.note_arrival(time.monotonic_ns())
        try:
            message = cdr.received_message(serialized, kind)
            self.buffer.push(message.stamp_ns, message.image, message.frame_id)
        except Exception as error:  # noqa: BLE001 - one bad message must not end the node
            self.reception.failed += 1
            self.reception.last_error = describe(error)
            self._node.get_logger().error(self.reception.last_error, throttle_duration_sec=5.0)

    def status(self) -> DiagnosticStatus:
        """What /diagnostics says of this camera now. Called at every tick of the diagnostics."""
        stats = self.buffer.stats()
        if self._subscription is None:
            return diagnostics.inactive_status(self._node.get_name(), self.name, self.topic)
        concern = self._watch.concern(time.monotonic_ns(), stats, self.reception)
        return diagnostics.camera_status(
            self._node.get_name(),
            self.name,
            self.topic,
            stats,
            self.reception,
            concern,
            self._node.get_clock().now().nanoseconds,
        )

    def _on_incompatible_qos(self, event: Any) -> None:
        self.reception.incompatible_qos = event.total_count
        self._node.get_logger().error(
            f'{self.topic}: a publisher offers QoS that qos_reliability='
            f'{self._settings.qos_reliability} cannot receive'
        )

    def _on_lost(self, event: Any) -> None:
        self.reception.note_lost(event.total_count_change)
        self.buffer.note_lost()


def _buffer(camera: str, settings: Settings, decoded: DecodedCache) -> ClipBuffer:
    return ClipBuffer(
        camera,
        horizon_ns=round(settings.buffer_seconds * 1e9),
        max_bytes=round(settings.buffer_megabytes * 1e6),
        keep_period_ns=round(1e9 / settings.buffer_rate_hz),
        decode=decoded.decode,
    )


def image_qos(settings: Settings) -> QoSProfile:
    """The quality of service of images, depth and calibrations."""
    policies = {
        'best_effort': ReliabilityPolicy.BEST_EFFORT,
        'reliable': ReliabilityPolicy.RELIABLE,
    }
    return QoSProfile(depth=settings.qos_depth, reliability=policies[settings.qos_reliability])
