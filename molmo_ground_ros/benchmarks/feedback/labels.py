# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks one record of an analysis that a person has labelled. Reads no file.

Values are JSON values, or the text of CSV cells.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from molmo_ground_ros.errors import BadField
from molmo_ground_ros.frames.windows import MAX_WINDOW_NS
from molmo_ground_ros.language import grammar
from molmo_ground_ros.types import Query, Task

Kind = Literal['event', 'track_point']

# The columns that are read; a record may have others.
COLUMNS = (
    'type',
    'question',
    'query',
    'task',
    'camera',
    'stamp_ns',
    'id',
    'label',
    'x',
    'y',
    'image_width',
    'image_height',
    'window_start_ns',
    'window_end_ns',
    'window_state',
    'verdict',
)
_TASKS = tuple(task.name.lower() for task in Task)
# The states of a window that has points.
_STATES = ('answered', 'truncated')
_INTEGER = re.compile(r'[-+]?[0-9]{1,20}')
_VERDICTS = (
    "neither empty, 'confirmed', 'wrong' nor a corrected place in pixels: 'x y', or 'x y stamp_ns'"
)


class Verdict(enum.Enum):
    """What a person says about a point. A corrected point is RIGHT, at its new place and stamp."""

    UNSEEN = enum.auto()  # nobody has looked at it
    RIGHT = enum.auto()
    WRONG = enum.auto()


@dataclass(frozen=True, slots=True, order=True)
class QuestionKey:
    """One question about one camera of one recording."""

    source: str  # the recording
    camera: str  # topic
    index: int  # of the question, from 0
    kind: Kind


@dataclass(frozen=True, slots=True)
class Correction:
    """The right place of a point."""

    x: float  # source pixels
    y: float
    stamp_ns: int | None = None  # of the right image; None if it is that of the record


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One event, or one point of a track, as corrected by the person."""

    question: QuestionKey
    query: str
    task: str  # small letters
    stamp_ns: int  # after the person's correction
    id: int  # of the event or the track
    label: str
    x: float  # source pixels, after the person's correction
    y: float
    width: int  # of the image, pixels
    height: int
    start_ns: int  # of the window, which includes both ends
    end_ns: int
    truncated: bool  # the answer was cut off by the limit of tokens
    verdict: Verdict

    @property
    def key(self) -> tuple[QuestionKey, int, int]:
        """Identifies the row: an event has one point, a track one point for each stamp."""
        return self.question, self.id, self.stamp_ns if self.question.kind == 'track_point' else 0


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """The question and stamp of a row that could not be read: the answer lacks a point there."""

    question: QuestionKey
    stamp_ns: int


def read_row(record: Mapping[str, Any], source: str) -> LabelRow:
    """A checked row. source: the recording that the record is of.

    Raises BadField with the column and its value: a missing column; no number, or not a finite one;
    a stamp outside its window, also a corrected one; a window that is empty or longer than 63 s; an
    unknown verdict; a point outside its image, unless it is marked as wrong. Raises BadQuestion for
    a query or label that cannot be asked.
    """
    question = _question(record, source)
    start_ns, end_ns = _window(record)
    width, height = _positive(record, 'image_width'), _positive(record, 'image_height')
    verdict, right = _verdict(record)
    x, y = (right.x, right.y) if right else (_number(record, 'x'), _number(record, 'y'))
    is_inside = 0 <= x <= width and 0 <= y <= height
    if verdict is not Verdict.WRONG and not is_inside:
        raise BadField('x y', f'{x:g} {y:g}', f'is outside the image of {width} x {height}')
    query, label = _text(record, 'query').strip(), _text(record, 'label').strip()
    # Both must be questions that can be asked.
    for words in (query, label or query):
        grammar.MOLMO2.question(Query(words, Task.COUNT))
    return LabelRow(
        question=question,
        query=query,
        task=_choice(record, 'task', _TASKS),
        stamp_ns=_stamp(record, right, start_ns, end_ns),
        id=_integer(record, 'id'),
        label=label,
        x=x,
        y=y,
        width=width,
        height=height,
        start_ns=start_ns,
        end_ns=end_ns,
        truncated=_choice(record, 'window_state', _STATES) == 'truncated',
        verdict=verdict,
    )


def _window(record: Mapping[str, Any]) -> tuple[int, int]:
    """The start and end of the window, nanoseconds."""
    start_ns, end_ns = _integer(record, 'window_start_ns'), _integer(record, 'window_end_ns')
    if not 0 < end_ns - start_ns <= MAX_WINDOW_NS:
        raise BadField('window_end_ns', end_ns, 'is not within 63 s after window_start_ns')
    return start_ns, end_ns


def _stamp(record: Mapping[str, Any], right: Correction | None, start_ns: int, end_ns: int) -> int:
    """The stamp of the point, or the one that the person gave in its place; both in the window."""
    stamp_ns = _integer(record, 'stamp_ns')
    if not start_ns <= stamp_ns <= end_ns:
        raise BadField('stamp_ns', stamp_ns, 'is not in its window')
    if right is None or right.stamp_ns is None:
        return stamp_ns
    if not start_ns <= right.stamp_ns <= end_ns:
        raise BadField('verdict', record['verdict'], 'its stamp is not in the window')
    return right.stamp_ns


def read_unreadable(record: Mapping[str, Any], source: str) -> UnreadableRow | None:
    """The question and stamp of a record that `read_row` refuses; None if they are bad as well."""
    try:
        return UnreadableRow(_question(record, source), _integer(record, 'stamp_ns'))
    except BadField:
        return None


def _question(record: Mapping[str, Any], source: str) -> QuestionKey:
    kind = _choice(record, 'type', ('event', 'track_point'))
    return QuestionKey(
        source,
        _text(record, 'camera'),
        _integer(record, 'question'),
        'event' if kind == 'event' else 'track_point',
    )


def _verdict(record: Mapping[str, Any]) -> tuple[Verdict, Correction | None]:
    """The verdict, and the right place if the person gave one."""
    value = _value(record, 'verdict')
    words = '' if value is None else value
    if not isinstance(words, str):
        raise BadField('verdict', value, _VERDICTS)
    match words.lower().split():
        case []:
            return Verdict.UNSEEN, None
        case ['confirmed']:
            return Verdict.RIGHT, None
        case ['wrong']:
            return Verdict.WRONG, None
        case [x, y, *stamps] if len(stamps) <= 1:
            right = _correction(x, y, *stamps)
            if right is not None:
                return Verdict.RIGHT, right
    raise BadField('verdict', value, _VERDICTS)


def _correction(x: str, y: str, stamp: str = '') -> Correction | None:
    """The place that a person wrote; None where it is none."""
    if stamp and not _INTEGER.fullmatch(stamp):
        return None
    try:
        place = float(x), float(y)
    except ValueError:
        return None
    if not all(math.isfinite(coordinate) for coordinate in place):
        return None
    return Correction(*place, int(stamp) if stamp else None)


def _value(record: Mapping[str, Any], column: str) -> Any:
    if column not in record:
        raise BadField(column, None, 'the column is missing')
    return record[column]


def _text(record: Mapping[str, Any], column: str) -> str:
    value = _value(record, column)
    if not isinstance(value, str):
        raise BadField(column, value, 'is no text')
    return value


def _choice(record: Mapping[str, Any], column: str, choices: tuple[str, ...]) -> str:
    value = _text(record, column)
    if value not in choices:
        raise BadField(column, value, f'is none of {", ".join(choices)}')
    return value


def _integer(record: Mapping[str, Any], column: str) -> int:
    """A whole number. A float is refused, because it cannot hold a stamp exactly."""
    value = _value(record, column)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    raise BadField(column, value, 'is no whole number')


def _positive(record: Mapping[str, Any], column: str) -> int:
    value = _integer(record, column)
    if value <= 0:
        raise BadField(column, value, 'is not above 0')
    return value


def _number(record: Mapping[str, Any], column: str) -> float:
    value = _value(record, column)
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise BadField(column, value, 'is no finite number')
    return number
