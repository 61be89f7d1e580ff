# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a running stitcher remembers as JSON values, and back without loss.

Reading raises ValueError, TypeError or LookupError for values that these functions did not write.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from molmo_ground_ros.grounding.stitch.finding import AnsweredWindow, Gap, Sighting, WindowState
from molmo_ground_ros.types import Point, Position, PositionStatus


def integer(value: Any) -> int:
    """A whole number. Raises TypeError for another value: true and 1.0 are none."""
    if type(value) is not int:
        raise TypeError(f'{value!r} is no whole number')
    return value


def real(value: Any) -> float:
    """A finite number. Raises TypeError for another value."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise TypeError(f'{value!r} is no number')
    return float(value)


def words(value: Any) -> str:
    """A text. Raises TypeError for another value."""
    if not isinstance(value, str):
        raise TypeError(f'{value!r} is no text')
    return value


def span_of(value: Any) -> tuple[int, int]:
    """A span of stamps."""
    start_ns, end_ns = value
    if integer(end_ns) < integer(start_ns):
        raise ValueError(f'{value!r} ends before it starts')
    return start_ns, end_ns


def point_json(point: Point) -> list[Any]:
    """A point; an unknown score is null, and so is a position that nobody asked for."""
    position = None
    if point.position is not None:
        status, *numbers, reason, frame_id = dataclasses.astuple(point.position)
        position = [int(status), *map(_known, numbers), reason, frame_id]
    score, probability = _known(point.score), _known(point.probability)
    place = point.stamp_ns, point.id, point.x, point.y
    return [*place, score, point.frame_id, position, probability]


def point_of(value: Any) -> Point:
    """The point of `point_json`."""
    # Older files have no probability.
    stamp_ns, identity, x, y, score, frame_id, position, *more = value
    (probability,) = more or (None,)
    return Point(
        stamp_ns=integer(stamp_ns),
        id=integer(identity),
        x=real(x),
        y=real(y),
        score=_real_or_nan(score),
        frame_id=words(frame_id),
        position=None if position is None else _position_of(position),
        probability=_real_or_nan(probability),
    )


def _position_of(value: Any) -> Position:
    status, x, y, z, spread_m, reason, frame_id = value
    return Position(
        status=PositionStatus(status),
        x=_real_or_nan(x),
        y=_real_or_nan(y),
        z=_real_or_nan(z),
        spread_m=_real_or_nan(spread_m),
        reason=words(reason),
        frame_id=words(frame_id),
    )


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def _real_or_nan(value: Any) -> float:
    return math.nan if value is None else real(value)


def sighting_json(sighting: Sighting) -> list[Any]:
    """A sighting."""
    return [sighting.window, sighting.label, point_json(sighting.point)]


def sighting_of(value: Any) -> Sighting:
    """The sighting of `sighting_json`."""
    window, label, point = value
    return Sighting(integer(window), words(label), point_of(point))


def window_json(window: AnsweredWindow) -> dict[str, Any]:
    """A window without the words of its answer, and without what was rejected of them."""
    return {
        field.name: getattr(window, field.name)
        for field in dataclasses.fields(window)
        if field.name not in ('text', 'rejected')
    }


def window_of(value: Any) -> AnsweredWindow:
    """The window of `window_json`."""
    window = AnsweredWindow(**{**value, 'state': WindowState(value['state'])}, text='', rejected=())
    span_of((window.start_ns, window.end_ns))
    for number in (window.index, window.seen_until_ns, window.newest_ns):
        integer(number)
    words(window.reason)
    return window


def gap_json(gap: Gap) -> list[Any]:
    """A gap without its windows."""
    return [gap.start_ns, gap.end_ns, gap.reason]


def gap_of(value: Any) -> Gap:
    """The gap of `gap_json`."""
    start_ns, end_ns, reason = value
    return Gap(*span_of((start_ns, end_ns)), (), words(reason))


def fields_of(value: Any) -> Mapping[str, Any]:
    """The fields of an object. Raises TypeError for another value."""
    if not isinstance(value, dict):
        raise TypeError(f'{value!r} is no object')
    return value
