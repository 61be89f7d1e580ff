# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Foxglove's image annotations: rings, names and trails, as messages of types that it is handed.

The types come from ROS (`foxglove_msgs.msg`) or are made by rosbags from the definitions in
`message_definitions.py`. Both take the fields of a message by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from molmo_ground_ros.reports.colours import colour
from molmo_ground_ros.reports.message_definitions import ANNOTATIONS

TIME = 'builtin_interfaces/msg/Time'
CIRCLE = 'foxglove_msgs/msg/CircleAnnotation'
COLOR = 'foxglove_msgs/msg/Color'
LINES = 'foxglove_msgs/msg/PointsAnnotation'
POINT = 'foxglove_msgs/msg/Point2'
TEXT = 'foxglove_msgs/msg/TextAnnotation'
TYPES = (ANNOTATIONS, CIRCLE, COLOR, LINES, POINT, TEXT, TIME)
"""The names of the types that are needed."""

RADIUS = 1 / 45  # of the ring around an event, as a share of the image's longer side
TRACK_SCALE = 0.5  # of the ring around a point of a track, of the size of an event's
_NS = 1_000_000_000
_Rgba = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class AnnotatedPoint:
    """A point that gets a ring and a name."""

    number: int  # gives the colour
    name: str
    stamp_ns: int
    x: float
    y: float


class AnnotationFactory:
    """Makes messages of the types that it is handed."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        """types: those of TYPES, by name."""
        self._types = types

    def empty(self) -> Any:
        """Annotations that remove those before them."""
        return self._types[ANNOTATIONS](circles=[], points=[], texts=[])

    def add_ring(
        self, message: Any, point: AnnotatedPoint, longer_side: int, scale: float = 1.0
    ) -> None:
        """Add a ring and a name. longer_side: of the image, pixels. scale: 1 for an event."""
        radius = longer_side * RADIUS
        ink, stamp = self._ink(point.number), self._time(point.stamp_ns)
        message.circles.append(
            self._types[CIRCLE](
                timestamp=stamp,
                position=self._at(point.x, point.y),
                diameter=2 * radius * scale,
                thickness=max(1.0, radius / 5),
                fill_color=self._color((0.0, 0.0, 0.0, 0.0)),
                outline_color=ink,
            )
        )
        left, base = point.x + 1.3 * radius * scale, point.y - 0.7 * radius * scale
        message.texts.append(
            self._types[TEXT](
                timestamp=stamp,
                position=self._at(left, base),
                text=point.name,
                font_size=max(10.0, 1.2 * radius),
                text_color=ink,
                background_color=self._color((0.0, 0.0, 0.0, 0.6)),
            )
        )

    def add_trail(
        self, message: Any, number: int, stamp_ns: int, trail: Iterable[tuple[float, float]]
    ) -> None:
        """Add a line in the colour of an id, shown at a stamp. trail: pixels, in order of time."""
        kind = self._types[LINES]
        message.points.append(
            kind(
                timestamp=self._time(stamp_ns),
                type=kind.LINE_STRIP,
                points=[self._at(x, y) for x, y in trail],
                outline_color=self._ink(number),
                outline_colors=[],
                fill_color=self._color((0.0, 0.0, 0.0, 0.0)),
                thickness=2.0,
            )
        )

    def _time(self, stamp_ns: int) -> Any:
        return self._types[TIME](sec=stamp_ns // _NS, nanosec=stamp_ns % _NS)

    def _at(self, x: float, y: float) -> Any:
        # A whole number would end the process: the generated code asserts that it has a float.
        return self._types[POINT](x=float(x), y=float(y))

    def _color(self, rgba: _Rgba) -> Any:
        red, green, blue, alpha = rgba
        return self._types[COLOR](r=red, g=green, b=blue, a=alpha)

    def _ink(self, number: int) -> Any:
        red, green, blue = (value / 255 for value in colour(number))
        return self._color((red, green, blue, 1.0))
