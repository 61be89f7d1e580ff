# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One record of an analysis, with what a person wrote beside it, to a checked row.

Values come as JSON gives them or as the text of a CSV cell. Knows nothing of files.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.frames.windows import MAX_WINDOW_NS
from molmo_ground_ros.language import prompts
from molmo_ground_ros.types import Task

Kind = Literal['event', 'track_point']

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
)  # that are read; others may stand beside them
_TASKS = tuple(task.name.lower() for task in Task)
_STATES = ('answered', 'truncated')  # of a window that has points: stitch.State
_INTEGER = re.compile(r'[-+]?[0-9]{1,20}')
_VERDICTS = "neither empty, 'confirmed', 'wrong' nor a corrected 'x y' in pixels"


class Verdict(enum.Enum):
    """What a person says about a point. A corrected one is RIGHT, at its new place."""

    UNSEEN = enum.auto()  # nobody looked at it
    RIGHT = enum.auto()
    WRONG = enum.auto()


@dataclass(frozen=True, slots=True, order=True)
class QuestionKey:
    """One question about one camera of one recording."""

    source: str  # the recording
    camera: str  # topic
    question: int  # its place among the questions, from 0
    kind: Kind


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One event, or one track's point, as the person leaves it."""

    asked: QuestionKey
    query: str
    task: str  # small letters
    stamp_ns: int
    id: int  # of the event or the track
    label: str
    x: float  # source pixels; where it was corrected, the corrected ones
    y: float
    width: int  # of the image, pixels
    height: int
    start_ns: int  # the window, both ends in it
    end_ns: int
    truncated: bool  # its answer was cut off
    verdict: Verdict

    @property
    def key(self) -> tuple[QuestionKey, int, int]:
        """What no two rows share: an event has one point, a track one a stamp."""
        return self.asked, self.id, self.stamp_ns if self.asked.kind == 'track_point' else 0


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """Where a row that could not be read belongs: an answer for that moment lacks a point."""

    asked: QuestionKey
    stamp_ns: int


def read_row(record: Mapping[str, Any], source: str) -> LabelRow:
    """Check a record. source: the recording it is of.

    Raises BadSetting or BadQuestion with the column and its value: one that is missing, no number
    or not finite; a stamp outside its window; a window that is empty or over 63 s; an unknown
    verdict; a point that is confirmed, corrected or not looked at and lies outside its image.
    """
    asked = _asked(record, source)
    stamp_ns = _integer(record, 'stamp_ns')
    start_ns, end_ns = _integer(record, 'window_start_ns'), _integer(record, 'window_end_ns')
    if not 0 < end_ns - start_ns <= MAX_WINDOW_NS:
        raise BadSetting('window_end_ns', end_ns, 'is not within 63 s after window_start_ns')
    if not start_ns <= stamp_ns <= end_ns:
        raise BadSetting('stamp_ns', stamp_ns, 'is not in its window')
    width, height = _positive(record, 'image_width'), _positive(record, 'image_height')
    verdict, place = _verdict(record)
    x, y = place or (_number(record, 'x'), _number(record, 'y'))
    inside = 0 <= x <= width and 0 <= y <= height
    if verdict is not Verdict.WRONG and not inside:
        raise BadSetting('x y', f'{x:g} {y:g}', f'is outside the image of {width} x {height}')
    query, label = _text(record, 'query').strip(), _text(record, 'label').strip()
    for words in (query, label or query):
        prompts.prompt(words, Task.COUNT)
    return LabelRow(
        asked=asked,
        query=query,
        task=_one_of(record, 'task', _TASKS),
        stamp_ns=stamp_ns,
        id=_integer(record, 'id'),
        label=label,
        x=x,
        y=y,
        width=width,
        height=height,
        start_ns=start_ns,
        end_ns=end_ns,
        truncated=_one_of(record, 'window_state', _STATES) == 'truncated',
        verdict=verdict,
    )


def read_unreadable(record: Mapping[str, Any], source: str) -> UnreadableRow | None:
    """Where a record belongs that `read_row` does not take; None if it does not tell that."""
    try:
        return UnreadableRow(_asked(record, source), _integer(record, 'stamp_ns'))
    except BadSetting:
        return None


def _asked(record: Mapping[str, Any], source: str) -> QuestionKey:
    kind = _one_of(record, 'type', ('event', 'track_point'))
    return QuestionKey(
        source,
        _text(record, 'camera'),
        _integer(record, 'question'),
        'event' if kind == 'event' else 'track_point',
    )


def _verdict(record: Mapping[str, Any]) -> tuple[Verdict, tuple[float, float] | None]:
    """What was written, and the corrected place if one was."""
    value = _value(record, 'verdict')
    words = '' if value is None else value
    if not isinstance(words, str):
        raise BadSetting('verdict', value, _VERDICTS)
    match words.lower().split():
        case []:
            return Verdict.UNSEEN, None
        case ['confirmed']:
            return Verdict.RIGHT, None
        case ['wrong']:
            return Verdict.WRONG, None
        case [x, y]:
            try:
                place = float(x), float(y)
            except ValueError:
                place = math.nan, math.nan
            if all(math.isfinite(one) for one in place):
                return Verdict.RIGHT, place
    raise BadSetting('verdict', value, _VERDICTS)


def _value(record: Mapping[str, Any], column: str) -> Any:
    if column not in record:
        raise BadSetting(column, None, 'the column is missing')
    return record[column]


def _text(record: Mapping[str, Any], column: str) -> str:
    value = _value(record, column)
    if not isinstance(value, str):
        raise BadSetting(column, value, 'is no text')
    return value


def _one_of(record: Mapping[str, Any], column: str, known: tuple[str, ...]) -> str:
    value = _text(record, column)
    if value not in known:
        raise BadSetting(column, value, f'is none of {", ".join(known)}')
    return value


def _integer(record: Mapping[str, Any], column: str) -> int:
    """A whole number; not a float, which cannot hold a stamp."""
    value = _value(record, column)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    raise BadSetting(column, value, 'is no whole number')


def _positive(record: Mapping[str, Any], column: str) -> int:
    value = _integer(record, column)
    if value <= 0:
        raise BadSetting(column, value, 'is not above 0')
    return value


def _number(record: Mapping[str, Any], column: str) -> float:
    value = _value(record, column)
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise BadSetting(column, value, 'is no finite number')
    return number
