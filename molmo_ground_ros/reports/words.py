# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stamps, scores, numbers and doubts in words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

from molmo_ground_ros.analysis.findings import Event, Mark, Trajectory
from molmo_ground_ros.types import Point, Position, PositionStatus

_NS = 1_000_000_000
_FIRST_DATE_NS = 1_000_000_000 * _NS  # earlier stamps are a simulator's, and no date


def clock(since_ns: int) -> str:
    """Time since the start: '15.8 s', from a minute on '0:01:15.8'."""
    tenths = round(since_ns / 1e8)
    if abs(tenths) < 600:
        return f'{tenths / 10:.1f} s'
    seconds = tenths // 10
    return f'{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{tenths % 10}'


def date(stamp_ns: int) -> str:
    """A stamp as a date with milliseconds; '' where it cannot be one."""
    if stamp_ns < _FIRST_DATE_NS:
        return ''
    second = datetime.fromtimestamp(stamp_ns // _NS, UTC)
    return f'{second:%Y-%m-%d %H:%M:%S}.{stamp_ns % _NS // 1_000_000:03} UTC'


def score(value: float) -> str:
    """A score with two decimals; a dash where there is none."""
    return '\u2013' if math.isnan(value) else f'{value:.2f}'


def trust(point: Point) -> str:
    """The score of a point, and its probability where there is one: '0.50, probability 0.41'."""
    words = score(point.score)
    if math.isnan(point.probability):
        return words
    return f'{words}, probability {score(point.probability)}'


def metres(position: Position | None) -> str:
    """A position with millimetres, or why there is none; '' if nobody asked for it."""
    if position is None:
        return ''
    if position.status is PositionStatus.OK:
        return f'({position.x:.3f}, {position.y:.3f}, {position.z:.3f})'
    return position.status.name.lower().replace('_', ' ')


def place_words(position: Position | None) -> str:
    """The place of a point in words for a caption: metres, frame and spread, or why not."""
    if position is None:
        return ''
    if position.status is not PositionStatus.OK:
        return f'{metres(position)}: {position.reason}'
    return f"{metres(position)} m in '{position.frame_id}', depth spread {position.spread_m:.3f} m"


def plural(number: int, noun: str) -> str:
    """'1 event', '2 events'."""
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'


def numbered(values: Iterable[int]) -> str:
    """'#2, #5'."""
    return ', '.join(f'#{value}' for value in values)


def doubts(merged: Event | Trajectory) -> list[str]:
    """What could not be decided about an event or trajectory: a phrase for each of its marks."""
    others = f' ({numbered(merged.may_be)})' if merged.may_be else ''
    windows = ', '.join(str(window + 1) for window in merged.missed_by)
    phrases = {
        Mark.MAY_BE_TWO: 'may be two: joined from two windows, but hardly near enough',
        Mark.MAY_BE_SAME: f'may be the same as another{others}',
        Mark.WHICH: f'fits several nearly as well{others}',
        Mark.UNCONFIRMED: f'not seen by window {windows}, which shows the moment',
        Mark.AT_EDGE: 'at the edge of what was seen: no other window tells how it goes on',
        Mark.RESUMED: 'lost from sight and joined again at the same place',
    }
    return [phrases[mark] for mark in merged.marks]
