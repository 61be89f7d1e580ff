# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages of answers and events made by hand: what the node's views are tested with."""

from __future__ import annotations

import math
from typing import Any

from geometry_msgs.msg import Point
from std_msgs.msg import Header

from molmo_ground_ros.msg import Event, GroundedPoint, PointArray, Track, TrackArray
from molmo_ground_ros.ros import convert
from support.clips import stamp

WIDTH, HEIGHT = 640, 480
QUERY = 'How many blocks?'


def grounded(
    seconds: float, number: int, x: float, y: float, position: tuple[float, ...] = ()
) -> GroundedPoint:
    """A point of the frame at a time; with a position if one is handed over."""
    point = GroundedPoint(
        stamp=convert.time_msg(stamp(seconds)), frame_id='optical', id=number, x=x, y=y,
        score=0.9, probability=math.nan, depth_spread=math.nan,
    )  # fmt: skip
    if position:
        point.position_status = GroundedPoint.OK
        point.position = Point(**dict(zip('xyz', position, strict=True)))
    return point


def point_array(*points: GroundedPoint, **fields: Any) -> PointArray:
    """An answer with these points; its clip ends at 4 s."""
    return PointArray(points=list(points), count=len(points), **{**_envelope(), **fields})


def track_array(*tracks: Track, **fields: Any) -> TrackArray:
    """An answer with these tracks; its clip ends at 4 s."""
    return TrackArray(tracks=list(tracks), **{**_envelope(), **fields})


def track(number: int, *points: GroundedPoint) -> Track:
    """One object's track."""
    return Track(id=number, label='cup', points=list(points))


def event(number: int, point: GroundedPoint, total: int = 9) -> Event:
    """An event of the standing question q1."""
    return Event(
        header=Header(stamp=point.stamp, frame_id='optical'), query_id='q1', query=QUERY,
        label='block', camera='front', number=number, total=total, point=point,
        target_frame='base', image_width=WIDTH, image_height=HEIGHT,
    )  # fmt: skip


def _envelope() -> dict[str, Any]:
    return {
        'header': Header(stamp=convert.time_msg(stamp(4.0)), frame_id='newest'),
        'query': QUERY, 'label': 'block', 'camera': 'front', 'target_frame': 'base',
        'image_width': WIDTH, 'image_height': HEIGHT,
    }  # fmt: skip
