# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The transforms that the node knows: from tf2_ros, or from /tf and /tf_static by ourselves."""

from __future__ import annotations

import threading
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time
from tf2_msgs.msg import TFMessage

from molmo_ground_ros.errors import MissingPackage
from molmo_ground_ros.ros import convert
from molmo_ground_ros.space.errors import NoTransform
from molmo_ground_ros.space.transforms import TransformBuffer, frame_name, rigid_matrix

# As tf2_ros has it.
QUEUE = 100


class TransformInput(Protocol):
    """Transforms between coordinate frames at a stamp."""

    name: str  # what it is, for diagnostics

    def matrix(self, source: str, target: str, stamp_ns: int) -> NDArray[np.float64]:
        """(4, 4). Raises NoTransform."""
        ...

    def clear(self) -> None:
        """Forget what moves, after a jump of time."""
        ...

    def close(self) -> None:
        """Receive no more transforms."""
        ...


def transform_input(node: Node, kept_s: float) -> TransformInput:
    """That of tf2_ros where it is installed, else our own. kept_s: seconds that are kept."""
    try:
        import tf2_ros
    except ImportError:
        return TopicTransforms(node, kept_s)
    return Tf2Transforms(tf2_ros, node, kept_s)


class Tf2Transforms:
    """What tf2_ros knows."""

    name = 'tf2_ros'

    def __init__(self, tf2: Any, node: Node, kept_s: float) -> None:
        """tf2: the module tf2_ros."""
        self._tf2, self._node = tf2, node
        # With the node, the buffer clears itself when the node's time jumps back.
        self._buffer = tf2.Buffer(cache_time=Duration(seconds=kept_s), node=node)
        self._listener = tf2.TransformListener(self._buffer, node)

    def matrix(self, source: str, target: str, stamp_ns: int) -> NDArray[np.float64]:
        """See TransformInput. It does not wait."""
        ends, stamp = (frame_name(target), frame_name(source)), Time(nanoseconds=stamp_ns)
        try:
            found = self._buffer.lookup_transform(*ends, stamp).transform
        except self._tf2.TransformException as err:
            raise NoTransform(source, target, stamp_ns, str(err)) from err
        move, turn = found.translation, found.rotation
        return rigid_matrix((move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w))

    def clear(self) -> None:
        """See TransformInput."""
        self._buffer.clear()

    def close(self) -> None:
        """See TransformInput. The buffer's own service and callback are ended as well."""
        self._listener.unregister()
        if hasattr(self._buffer, 'jump_handle'):
            self._buffer.jump_handle.unregister()
        if hasattr(self._buffer, 'srv'):
            self._node.destroy_service(self._buffer.srv)


class TopicTransforms:
    """What /tf and /tf_static told, kept and interpolated by `space.transforms`."""

    name = '/tf, without tf2_ros'

    def __init__(self, node: Node, kept_s: float) -> None:
        """Subscribe to both. Without pytransform3d there are no transforms, and it says so."""
        self._node = node
        self._missing = ''
        self._lock = threading.Lock()
        self._buffer: TransformBuffer | None = None  # guarded by _lock
        try:
            self._buffer = TransformBuffer(kept_s)
        except MissingPackage as err:
            self._missing = self.name = str(err)
        group = MutuallyExclusiveCallbackGroup()
        latched = QoSProfile(depth=QUEUE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._subscriptions = [
            node.create_subscription(TFMessage, topic, callback, qos, callback_group=group)
            for topic, callback, qos in (
                ('/tf', self._on_moving, QoSProfile(depth=QUEUE)),
                ('/tf_static', self._on_static, latched),
            )
        ]

    def matrix(self, source: str, target: str, stamp_ns: int) -> NDArray[np.float64]:
        """See TransformInput."""
        with self._lock:
            if self._buffer is None:
                raise NoTransform(source, target, stamp_ns, self._missing)
            return self._buffer.matrix(source, target, stamp_ns)

    def clear(self) -> None:
        """See TransformInput."""
        with self._lock:
            if self._buffer is not None:
                self._buffer.clear()

    def close(self) -> None:
        """See TransformInput."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _on_moving(self, msg: TFMessage) -> None:
        self._add(msg, is_static=False)

    def _on_static(self, msg: TFMessage) -> None:
        self._add(msg, is_static=True)

    def _add(self, msg: TFMessage, *, is_static: bool) -> None:
        with self._lock:
            if self._buffer is not None:
                self._buffer.add(map(convert.transform, msg.transforms), is_static=is_static)
