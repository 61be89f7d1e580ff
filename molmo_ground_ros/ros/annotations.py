# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`~/annotations`: the same as the overlay, for Foxglove to draw on the camera's own images."""

from __future__ import annotations

import importlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Any

from builtin_interfaces.msg import Time

from molmo_ground_ros.msg import GroundedPoint, Track
from molmo_ground_ros.reports.annotations import (
    TIME,
    TRACK_SCALE,
    TYPES,
    AnnotatedPoint,
    AnnotationFactory,
)
from molmo_ground_ros.reports.drawing import TRAIL_NS
from molmo_ground_ros.ros import convert
from molmo_ground_ros.ros.scene import Scene


def foxglove_types() -> Mapping[str, Any] | None:
    """Foxglove's message types by name; None where foxglove_msgs does not have all of them."""
    try:
        module = importlib.import_module('foxglove_msgs.msg')
        types = {name: getattr(module, name.rpartition('/')[2]) for name in TYPES if name != TIME}
    except (ModuleNotFoundError, AttributeError):
        return None
    return {**types, TIME: Time}


class SceneAnnotations:
    """Makes the annotations of a scene."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        """types: those of `reports.annotations.TYPES`, by name."""
        self._factory = AnnotationFactory(types)

    def messages(self, scene: Scene) -> list[Any]:
        """One message for each frame with points, ascending in time; an empty one for no points.

        Foxglove shows a message until the next, so each takes away what the one before drew.
        """
        ways = [_Way(track) for track in scene.tracks]
        messages = [self._of_frame(scene, ways, stamp_ns) for stamp_ns in scene.stamps_ns()]
        return messages or [self.empty()]

    def empty(self) -> Any:
        """Annotations that take away those before them."""
        return self._factory.empty()

    def _of_frame(self, scene: Scene, ways: list[_Way], stamp_ns: int) -> Any:
        message = self.empty()
        for point, name in scene.names():
            if convert.stamp_ns(point.stamp) == stamp_ns:
                self._factory.add_ring(message, _annotated(point, name), scene.longer_side)
        for way in ways:
            trail = way.trail(stamp_ns)
            if trail:
                annotated = _annotated(trail[-1], way.name)
                self._factory.add_ring(message, annotated, scene.longer_side, TRACK_SCALE)
                pixels = [(point.x, point.y) for point in trail]
                self._factory.add_trail(message, trail[-1].id, stamp_ns, pixels)
        return message


class _Way:
    """A track whose stamps are searched often."""

    def __init__(self, track: Track) -> None:
        self.name = f'#{track.id} {track.label}'.rstrip()
        self._points = track.points
        self._stamps = [convert.stamp_ns(point.stamp) for point in track.points]

    def trail(self, stamp_ns: int) -> list[GroundedPoint]:
        """Its points of the last while up to a stamp; none where it has no point at that stamp."""
        last = bisect_right(self._stamps, stamp_ns)
        if not last or self._stamps[last - 1] != stamp_ns:
            return []
        return list(self._points[bisect_left(self._stamps, stamp_ns - TRAIL_NS) : last])


def _annotated(point: GroundedPoint, name: str) -> AnnotatedPoint:
    return AnnotatedPoint(point.id, name, convert.stamp_ns(point.stamp), point.x, point.y)
