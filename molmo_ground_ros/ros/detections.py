# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`~/detections` and `~/detections_3d`: answers and events in the messages of vision_msgs.

A point becomes a box of zero size. Each frame with points has a message of its own with the frame's
stamp, ascending in time, as a detector that looks at every image would send them.

Numbers are made float: the code that ROS generates ends the process where it meets a whole number.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from geometry_msgs.msg import Pose, PoseWithCovariance, Quaternion
from std_msgs.msg import Header

from molmo_ground_ros.msg import GroundedPoint
from molmo_ground_ros.ros import convert
from molmo_ground_ros.ros.scene import Scene

Labelled = tuple[GroundedPoint, str]
"""A point, and the label of its answer or of its track."""


def vision_messages() -> Any | None:
    """The module of vision_msgs with the message types; None where it is not installed."""
    try:
        return importlib.import_module('vision_msgs.msg')
    except ModuleNotFoundError:
        return None


class SceneDetections:
    """Makes the detections of a scene."""

    def __init__(self, types: Any) -> None:
        """types: the module that `vision_messages` gives."""
        self._types = types

    def in_pixels(self, scene: Scene) -> list[Any]:
        """A Detection2DArray for each frame with points; an empty one for no points."""
        arrays = []
        for points in _frames(list(scene.labelled())):
            header = _header(points[0][0], points[0][0].frame_id)
            boxes = [self._in_pixels(header, point, label) for point, label in points]
            arrays.append(self._types.Detection2DArray(header=header, detections=boxes))
        return arrays or [self._types.Detection2DArray(header=_empty(scene, scene.frame_id))]

    def in_metres(self, scene: Scene) -> list[Any]:
        """A Detection3DArray for each frame with known positions; an empty one for no points.

        There is none where the scene has points and no position of any is known: an empty array
        would say that nothing was found.
        """
        labelled = list(scene.labelled())
        located = [pair for pair in labelled if pair[0].position_status == GroundedPoint.OK]
        arrays = []
        for points in _frames(located):
            header = _header(points[0][0], scene.target_frame)
            boxes = [self._in_metres(header, point, label) for point, label in points]
            arrays.append(self._types.Detection3DArray(header=header, detections=boxes))
        if labelled:
            return arrays
        frame_id = scene.target_frame or scene.frame_id
        return [self._types.Detection3DArray(header=_empty(scene, frame_id))]

    def _in_pixels(self, header: Header, point: GroundedPoint, label: str) -> Any:
        centre = self._types.Point2D(x=float(point.x), y=float(point.y))
        box = self._types.BoundingBox2D(center=self._types.Pose2D(position=centre))
        return self._types.Detection2D(
            header=header,
            results=[self._hypothesis(point, label, PoseWithCovariance())],
            bbox=box,
            id=str(point.id),
        )

    def _in_metres(self, header: Header, point: GroundedPoint, label: str) -> Any:
        pose = Pose(position=point.position, orientation=Quaternion(w=1.0))
        return self._types.Detection3D(
            header=header,
            results=[self._hypothesis(point, label, PoseWithCovariance(pose=pose))],
            bbox=self._types.BoundingBox3D(center=pose),
            id=str(point.id),
        )

    def _hypothesis(self, point: GroundedPoint, label: str, pose: PoseWithCovariance) -> Any:
        hypothesis = self._types.ObjectHypothesis(class_id=label, score=convert.trust(point))
        return self._types.ObjectHypothesisWithPose(hypothesis=hypothesis, pose=pose)


def _frames(labelled: list[Labelled]) -> Iterator[list[Labelled]]:
    """The points of each frame, ascending by stamp, then by id."""

    def stamp_ns(pair: Labelled) -> int:
        return convert.stamp_ns(pair[0].stamp)

    in_order = sorted(labelled, key=lambda pair: (stamp_ns(pair), pair[0].id))
    for _, points in groupby(in_order, key=stamp_ns):
        yield list(points)


def _header(point: GroundedPoint, frame_id: str) -> Header:
    return Header(stamp=point.stamp, frame_id=frame_id)


def _empty(scene: Scene, frame_id: str) -> Header:
    return Header(stamp=convert.time_msg(scene.stamp_ns), frame_id=frame_id)
