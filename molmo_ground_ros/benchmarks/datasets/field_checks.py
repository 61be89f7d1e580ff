# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a record holds, checked: each function takes a foreign value and gives a sound one.

Every failure is a BadSetting that names the field (`points[3].x`) and shows the value, shortened.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from molmo_ground_ros.benchmarks.datasets.examples import Pixel
from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.frames.masks import MAX_PIXELS, Mask, read_rle

MOST_S = 1e6  # seconds of a video: eleven days; more is damage
MOST_FRAMES = 10**7  # of a video
MOST_FPS = 1000.0
_OFF = 1.0  # sizes of the picture that a point may lie off it; further is damage
_SHOWN = 80  # characters of a value in a message
_NOTHING: Any = object()

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = _SHOWN


class _Shown:
    """A value in a message, however long it is."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return _short.repr(self._value)[:_SHOWN]


def bad_field(name: str, value: object, why: str) -> BadSetting:
    """The error to raise for a value."""
    return BadSetting(name, _Shown(value), why)


def field(record: Mapping[str, Any], name: str, at: str = '') -> Any:
    """The value of a field that must be there, and may be null. at: where `record` lies."""
    value = record.get(name, _NOTHING)
    if value is _NOTHING:
        there = ', '.join(sorted(map(str, record)))[:_SHOWN] or 'nothing'
        raise bad_field(at + name, None, f'is missing; there is {there}')
    return value


def mapping(value: object, name: str) -> Mapping[str, Any]:
    """A record in a record."""
    if not isinstance(value, Mapping):
        raise bad_field(name, value, 'is no record')
    return value


def items(value: object, name: str) -> list[Any] | tuple[Any, ...]:
    """A list."""
    if not isinstance(value, list | tuple):
        raise bad_field(name, value, 'is no list')
    return value


def text(value: object, name: str) -> str:
    """Text with something in it that can be written as UTF-8."""
    if not isinstance(value, str) or not value.strip():
        raise bad_field(name, value, 'is no text')
    return encodable(value, name)


def words(value: object, name: str) -> str:
    """Text; null is ''."""
    if value is None:
        return ''
    if not isinstance(value, str):
        raise bad_field(name, value, 'is no text')
    return encodable(value, name)


def encodable(value: str, name: str) -> str:
    """The text itself, if it has no half of a character (which JSON can hold, and UTF-8 not)."""
    if any('\ud800' <= character <= '\udfff' for character in value):
        raise bad_field(name, ascii(value), 'is no UTF-8')
    return value


def key(value: object, name: str) -> str:
    """An id: text, or a whole number as text."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(value)
    return text(value, name)


def number(value: object, name: str, least: float, most: float) -> float:
    """A finite number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise bad_field(name, value, 'is no number')
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise bad_field(name, value, 'is not finite')
    if not least <= found <= most:
        raise bad_field(name, value, f'is not in {least:g} to {most:g}')
    return found


def integer(value: object, name: str, least: int, most: int) -> int:
    """A whole number from `least` to `most`; 3.0 is one."""
    found = number(value, name, least, most)
    if not found.is_integer():
        raise bad_field(name, value, 'is not whole')
    return int(found)


def side(value: object, name: str) -> int:
    """A width or height, pixels."""
    return integer(value, name, 1, MAX_PIXELS)


def size(
    record: Mapping[str, Any], width: str = 'width', height: str = 'height'
) -> tuple[int, int]:
    """(width, height) in pixels of a record's pictures."""
    found = side(field(record, width), width), side(field(record, height), height)
    if found[0] * found[1] > MAX_PIXELS:
        raise bad_field(f'{width} x {height}', found, f'is more than {MAX_PIXELS} pixels')
    return found


def seconds(value: object, name: str, most: float = MOST_S) -> float:
    """A time from 0 on, at most `most`."""
    return number(value, name, 0.0, most)


def duration(value: object, name: str) -> float:
    """How long a video is, s."""
    found = seconds(value, name)
    if not found:
        raise bad_field(name, value, 'is an empty video')
    return found


def rate(value: object, name: str) -> float:
    """Frames a second."""
    found = number(value, name, 0.0, MOST_FPS)
    if not found:
        raise bad_field(name, value, 'is no rate')
    return found


def coordinate(value: object, name: str, extent: float) -> float:
    """An x or y on a picture of that extent, or at most one extent off it."""
    return number(value, name, -_OFF * extent, (1 + _OFF) * extent)


def point(value: object, name: str, width: float, height: float) -> Pixel:
    """{'x': ..., 'y': ...} or [x, y], in the units of width and height."""
    if isinstance(value, Mapping):
        x, y = field(value, 'x', f'{name}.'), field(value, 'y', f'{name}.')
        return coordinate(x, f'{name}.x', width), coordinate(y, f'{name}.y', height)
    pair = items(value, name)
    if len(pair) != 2:
        raise bad_field(name, value, 'is no x and y')
    return coordinate(pair[0], f'{name}[0]', width), coordinate(pair[1], f'{name}[1]', height)


def mask(value: object, name: str, width: int, height: int) -> Mask | None:
    """A COCO mask of that size; None for null and for one whose counts are null or empty.

    A row of parquet whose mask is null may hold a record of nulls in its place.
    """
    if value is None:
        return None
    if isinstance(value, Mapping) and 'counts' in value and value['counts'] in (None, '', b''):
        return None
    found = read_rle(value)
    if (found.width, found.height) != (width, height):
        raise bad_field(
            name,
            f'{found.width} x {found.height}',
            f"is another size than the record's {width} x {height}",
        )
    return found


def same_length(lists: Mapping[str, int]) -> None:
    """Raise if lists that belong together differ in length. lists: by name."""
    if len(set(lists.values())) > 1:
        raise bad_field(', '.join(lists), list(lists.values()), 'differ in length')


def numbered(value: object, name: str) -> Iterator[tuple[str, Any]]:
    """Each item of a list with its name in messages."""
    for index, item in enumerate(items(value, name)):
        yield f'{name}[{index}]', item
