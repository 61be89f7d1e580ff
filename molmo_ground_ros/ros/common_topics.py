# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers and events in messages that other packages know: detections, and a single best point.

Each is made only while someone subscribes to it, in the thread that publishes the answer: a program
that listens loses none.
"""

from __future__ import annotations

import math
from typing import Any

from geometry_msgs.msg import PointStamped
from rclpy.node import Node
from std_msgs.msg import Header

from molmo_ground_ros.msg import GroundedPoint
from molmo_ground_ros.ros import convert
from molmo_ground_ros.ros.detections import SceneDetections, vision_messages
from molmo_ground_ros.ros.scene import Scene

# Messages that may wait in the middleware. An answer about a track has detections of every frame.
DEPTH, DETECTIONS_DEPTH = 10, 200


class CommonTopics:
    """Publishes scenes on `~/point`, and on `~/detections` and `~/detections_3d` if they can be."""

    def __init__(self, node: Node) -> None:
        """Offer the topics; those of detections only where vision_msgs is installed."""
        self._point = node.create_publisher(PointStamped, '~/point', DEPTH)
        # Topic and what makes its messages.
        self._detections: list[tuple[Any, Any]] = []
        types = vision_messages()
        if types is not None:
            made = SceneDetections(types)
            for kind, topic, make in (
                (types.Detection2DArray, '~/detections', made.in_pixels),
                (types.Detection3DArray, '~/detections_3d', made.in_metres),
            ):
                publisher = node.create_publisher(kind, topic, DETECTIONS_DEPTH)
                self._detections.append((publisher, make))

    def is_watched(self) -> bool:
        """Whether anyone subscribes to any of the topics."""
        publishers = [self._point, *(publisher for publisher, _ in self._detections)]
        return any(publisher.get_subscription_count() for publisher in publishers)

    def publish(self, scene: Scene) -> None:
        """Publish a scene on those topics that someone subscribes to."""
        if self._point.get_subscription_count():
            best = best_point(scene)
            if best is not None:
                self._point.publish(best)
        for publisher, make in self._detections:
            if publisher.get_subscription_count():
                for message in make(scene):
                    publisher.publish(message)


def best_point(scene: Scene) -> PointStamped | None:
    """The place in metres that a scene is surest of; None where no position is known.

    Of points it is the one with the highest probability, or score where there is no calibration; of
    tracks the newest point of the one whose newest point has it. Among equals, and where the model
    gives no scores, the newest counts.
    """
    ends = [[*_located(track.points)][-1:] for track in scene.tracks]
    candidates = [*_located(scene.points), *(point for end in ends for point in end)]
    best = max(candidates, key=_certainty, default=None)
    if best is None:
        return None
    header = Header(stamp=best.stamp, frame_id=scene.target_frame)
    return PointStamped(header=header, point=best.position)


def _located(points: Any) -> list[GroundedPoint]:
    return [point for point in points if point.position_status == GroundedPoint.OK]


def _certainty(point: GroundedPoint) -> tuple[float, int]:
    trust = convert.trust(point)
    return -1.0 if math.isnan(trust) else trust, convert.stamp_ns(point.stamp)
