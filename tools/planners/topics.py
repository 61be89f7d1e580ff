# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the node publishes for other packages, and the events of a standing question."""

from __future__ import annotations

import importlib
import json
import queue
from typing import Any

from geometry_msgs.msg import PointStamped
from std_msgs.msg import String

from molmo_ground_ros.client import EventStream, GroundClient
from tools.planners.calls import near_the_grasps
from tools.planners.row import must
from tools.planners.table import FRAME, QUESTION, TARGET, Table, wait

# How long events may take after the last image was played.
LATE_S = 15.0


class Listener:
    """What came on a topic since it was made."""

    def __init__(self, table: Table, kind: Any, topic: str) -> None:
        """Subscribe, and wait until the node knows."""
        self.messages: list[Any] = []
        self._table = table
        self._subscription = table.node.create_subscription(
            kind, f'{TARGET}/{topic}', self.messages.append, 200
        )
        wait(lambda: self._subscription.get_publisher_count() > 0, topic)

    def close(self) -> None:
        """Listen no more."""
        self._table.node.destroy_subscription(self._subscription)


def _heard(table: Table, kind: Any, topic: str, most: int) -> list[Any]:
    """What comes on a topic with one answer, at most so many messages."""
    listener = Listener(table, kind, topic)
    with GroundClient(table.node) as ground:
        ground.ask(QUESTION)
    wait(lambda: len(listener.messages) >= most, topic, LATE_S)
    listener.close()
    return listener.messages


def detections(table: Table) -> str:
    """Each grasp is a detection in pixels, in a message with the stamp of its frame."""
    kind = importlib.import_module('vision_msgs.msg').Detection2DArray
    arrays = _heard(table, kind, 'detections', table.parts)
    labels = {box.results[0].hypothesis.class_id for each in arrays for box in each.detections}
    return f'{near_the_grasps(table, map(_stamp_ns, arrays))}, {", ".join(labels)}'


def detections_in_metres(table: Table) -> str:
    """The same in metres, in the target frame."""
    kind = importlib.import_module('vision_msgs.msg').Detection3DArray
    arrays = _heard(table, kind, 'detections_3d', table.parts)
    must({each.header.frame_id for each in arrays} == {FRAME}, 'another frame')
    return f"{near_the_grasps(table, map(_stamp_ns, arrays))}, in '{FRAME}'"


def best_point(table: Table) -> str:
    """The surest place is one of the grasps."""
    (message,) = _heard(table, PointStamped, 'point', 1)
    must(message.header.frame_id == FRAME, message.header.frame_id)
    place = message.point
    return f'({place.x:.3f}, {place.y:.3f}, {place.z:.3f}) m'


class Events:
    """Watches while the recording is played, by the client and as JSON."""

    def __init__(self, table: Table, stream: EventStream) -> None:
        """stream: of a standing question that was set before the first image."""
        self._stream = stream
        self._texts: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._bridge = table.node.create_subscription(
            String, f'{TARGET}/events_json', self._texts.put, 100
        )

    def live(self, table: Table) -> str:
        """Every grasp is an event, once."""
        stamps: list[int] = []
        while len(stamps) < table.parts:
            event = self._stream.next_within(LATE_S)
            must(event is not None, f'{len(stamps)} events of {table.parts}')
            if event is not None:
                stamps.append(event.point.stamp_ns)
        return f'{near_the_grasps(table, stamps)}, coverage {self._stream.state().coverage:.2f}'

    def as_json(self, table: Table) -> str:
        """The same events as JSON in a text."""
        stamps = []
        for _ in range(table.parts):
            header = json.loads(self._texts.get(timeout=LATE_S).data)['header']
            stamps.append(header['stamp']['sec'] * 10**9 + header['stamp']['nanosec'])
        return near_the_grasps(table, stamps)


def _stamp_ns(message: Any) -> int:
    return int(message.header.stamp.sec) * 10**9 + int(message.header.stamp.nanosec)
