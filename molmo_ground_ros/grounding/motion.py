# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How fast the object of a track moves, from the positions of its points."""

from __future__ import annotations

import math
from collections.abc import Sequence

from molmo_ground_ros.types import Point, Position, PositionStatus

# Points further apart than this say nothing of the time between them: three frames of the grid.
LONGEST_NS = 1_500_000_000

_NS_PER_S = 1_000_000_000


def speeds(points: Sequence[Point]) -> tuple[float, ...]:
    """Metres a second at each point of a track, NaN where it cannot be known.

    It is the way between the neighbours before and after a point that have a position, or from or
    to the point itself at an end, over the time between the two. Neighbours further away in time
    than LONGEST_NS do not count. points: of one object, ascending in stamp.
    """
    placed = [point for point in points if _position(point) is not None]
    by_stamp = {
        point.stamp_ns: _speed(placed[max(index - 1, 0) : index + 2], point)
        for index, point in enumerate(placed)
    }
    return tuple(by_stamp.get(point.stamp_ns, math.nan) for point in points)


def _position(point: Point) -> Position | None:
    position = point.position
    return position if position and position.status is PositionStatus.OK else None


def _speed(around: Sequence[Point], point: Point) -> float:
    """The speed between the first and the last of the points that are near enough in time."""
    near = [other for other in around if abs(other.stamp_ns - point.stamp_ns) <= LONGEST_NS]
    first, last = _position(near[0]), _position(near[-1])
    if first is None or last is None or near[0].stamp_ns == near[-1].stamp_ns:
        return math.nan
    way_m = math.dist((first.x, first.y, first.z), (last.x, last.y, last.z))
    return way_m * _NS_PER_S / (near[-1].stamp_ns - near[0].stamp_ns)
