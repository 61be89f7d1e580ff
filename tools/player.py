# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Plays a recording's cameras over DDS, with depth, calibrations and transforms, as recorded.

`ros2 bag play` is not on PyPI. Messages are published as the bytes that they were recorded as, with
their own stamps.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage

from molmo_ground_ros.recording import Recording

TYPES = {
    'sensor_msgs/msg/Image': Image,
    'sensor_msgs/msg/CompressedImage': CompressedImage,
    'sensor_msgs/msg/CameraInfo': CameraInfo,
    'tf2_msgs/msg/TFMessage': TFMessage,
}
STATIC = '/tf_static'

Wait = Callable[[Callable[[], bool], str], None]
"""Waits for a condition, which has a name."""


@dataclass(frozen=True, order=True)
class Cue:
    """One message, by when it is due."""

    stamp_ns: int
    order: int  # of the topic: of one stamp, transforms and depth come before the image
    topic: str
    number: int  # in the topic's timeline


class Player:
    """Publishes the messages of a recording. It must stay open."""

    def __init__(self, node: Node, recording: Recording) -> None:
        """Make a publisher for each topic."""
        self._index = recording.index
        self._camera = recording.topic
        self._publishers: dict[str, Publisher] = {}
        for topic, joined in self._timelines():
            kind = TYPES[joined.origins[0][1]]
            self._publishers[topic] = node.create_publisher(kind, topic, self._qos(topic))

    def cues(self) -> list[Cue]:
        """All messages in the order in which they are due, static transforms first."""
        cues = []
        for topic, joined in self._timelines():
            order = (topic == self._camera) + (topic not in self._index.companions)
            for number, stamp_ns in enumerate(joined.stamps.tolist()):
                cues.append(Cue(0 if topic == STATIC else stamp_ns, order, topic, number))
        return sorted(cues)

    def send(self, cue: Cue) -> None:
        """Publish one message."""
        self._publishers[cue.topic].publish(bytes(self._index.payload(cue.topic, cue.number)))

    def message(self, cue: Cue) -> Any:
        """One message, unpacked."""
        kind = self._publishers[cue.topic].msg_type
        return deserialize_message(bytes(self._index.payload(cue.topic, cue.number)), kind)

    def wait_subscribed(self, topics: Sequence[str], wait: Wait) -> None:
        """Wait until each of the topics has a subscriber."""
        for topic in topics:
            publisher = self._publishers[topic]
            wait(functools.partial(_has_subscriber, publisher), f'a subscriber of {topic}')

    def play(self, rate: float, topics: Sequence[str], wait: Wait) -> None:
        """Publish all, `rate` times as fast as it was recorded.

        topics: what has to be subscribed before.
        """
        self.wait_subscribed(topics, wait)
        # The publisher can know of the subscription before the subscription knows of it.
        time.sleep(0.5)
        began, cues = time.monotonic(), self.cues()
        first_ns = next(cue.stamp_ns for cue in cues if cue.stamp_ns)
        for cue in cues:
            due = began + (cue.stamp_ns - first_ns) / 1e9 / rate
            time.sleep(max(0.0, due - time.monotonic()))
            self.send(cue)
        for topic in topics:
            self._publishers[topic].wait_for_all_acked()

    def _timelines(self) -> Iterator[tuple[str, Any]]:
        yield from self._index.companions.items()
        yield from self._index.timelines.items()

    def _qos(self, topic: str) -> QoSProfile:
        if topic == STATIC:
            return QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        # Unlike a camera, the player can send a message again: a busy machine loses none.
        return QoSProfile(depth=100)


def _has_subscriber(publisher: Publisher) -> bool:
    return int(publisher.get_subscription_count()) > 0
