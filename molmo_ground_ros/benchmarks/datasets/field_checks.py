# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks the values of a record: each function takes a foreign value and returns a valid one.

Every failure is a BadField with the path of the field (`points[3].x`) and the shortened value.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from molmo_ground_ros.benchmarks.datasets.examples import Pixel
from molmo_ground_ros.errors import BadField
from molmo_ground_ros.frames.masks import MAX_PIXELS, Mask, read_rle

# A video longer than this, eleven days, is damage.
MOST_S = 1e6
MOST_FRAMES = 10**7  # of a video
MOST_FPS = 1000.0
# How far a point may lie off the image, as a share of its size. A point further off is damage.
_MOST_OFF_IMAGE = 1.0
_SHORT = 80  # characters of a value in a message
_MISSING: Any = object()

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = _SHORT


class _ShortRepr:
    """Wraps a value of any length, so that a message shows only its beginning."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return _repr.repr(self._value)[:_SHORT]


def bad_field(name: str, value: object, why: str) -> BadField:
    """The error to raise for a value that cannot be used."""
    return BadField(name, _ShortRepr(value), why)


def field(record: Mapping[str, Any], name: str, at: str = '') -> Any:
    """The value of a field that must be present, and may be null. at: the path of `record`."""
    value = record.get(name, _MISSING)
    if value is _MISSING:
        names = ', '.join(sorted(map(str, record)))[:_SHORT] or 'nothing'
        raise bad_field(at + name, None, f'is missing; there is {names}')
    return value


def mapping(value: object, name: str) -> Mapping[str, Any]:
    """A record inside a record."""
    if not isinstance(value, Mapping):
        raise bad_field(name, value, 'is no record')
    return value


def items(value: object, name: str) -> list[Any] | tuple[Any, ...]:
    """A list."""
    if not isinstance(value, list | tuple):
        raise bad_field(name, value, 'is no list')
    return value


def text(value: object, name: str) -> str:
    """Text that is not blank and can be written as UTF-8."""
    if not isinstance(value, str) or not value.strip():
        raise bad_field(name, value, 'is no text')
    return encodable(value, name)


def words(value: object, name: str) -> str:
    """Text that can be written as UTF-8; null becomes ''."""
    if value is None:
        return ''
    if not isinstance(value, str):
        raise bad_field(name, value, 'is no text')
    return encodable(value, name)


def encodable(value: str, name: str) -> str:
    """The text itself. Raises for half a surrogate pair, which JSON can hold and UTF-8 cannot."""
    if any('\ud800' <= character <= '\udfff' for character in value):
        raise bad_field(name, ascii(value), 'is no UTF-8')
    return value


def key(value: object, name: str) -> str:
    """An id: text, or a whole number, which becomes text."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(value)
    return text(value, name)


def number(value: object, name: str, least: float, most: float) -> float:
    """A finite number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise bad_field(name, value, 'is no number')
    try:
        finite = float(value)
    except OverflowError:
        finite = math.inf
    if not math.isfinite(finite):
        raise bad_field(name, value, 'is not finite')
    if not least <= finite <= most:
        raise bad_field(name, value, f'is not in {least:g} to {most:g}')
    return finite


def integer(value: object, name: str, least: int, most: int) -> int:
    """A whole number from `least` to `most`. 3.0 counts as whole."""
    finite = number(value, name, least, most)
    # A float does not hold a stamp exactly.
    if isinstance(value, int | np.integer):
        return int(value)
    if not finite.is_integer():
        raise bad_field(name, value, 'is not whole')
    return int(finite)


def side(value: object, name: str) -> int:
    """A width or height in pixels."""
    return integer(value, name, 1, MAX_PIXELS)


def size(
    record: Mapping[str, Any], width: str = 'width', height: str = 'height'
) -> tuple[int, int]:
    """(width, height) of a record's images, pixels."""
    sides = side(field(record, width), width), side(field(record, height), height)
    if sides[0] * sides[1] > MAX_PIXELS:
        raise bad_field(f'{width} x {height}', sides, f'is more than {MAX_PIXELS} pixels')
    return sides


def seconds(value: object, name: str, most: float = MOST_S) -> float:
    """A time from 0 to `most`, seconds."""
    return number(value, name, 0.0, most)


def duration(value: object, name: str) -> float:
    """The length of a video in seconds, above 0."""
    length = seconds(value, name)
    if not length:
        raise bad_field(name, value, 'is an empty video')
    return length


def rate(value: object, name: str) -> float:
    """Frames a second, above 0."""
    fps = number(value, name, 0.0, MOST_FPS)
    if not fps:
        raise bad_field(name, value, 'is no rate')
    return fps


def coordinate(value: object, name: str, extent: float) -> float:
    """An x or y on an image of that extent, or at most one extent off it."""
    return number(value, name, -_MOST_OFF_IMAGE * extent, (1 + _MOST_OFF_IMAGE) * extent)


def point(value: object, name: str, width: float, height: float) -> Pixel:
    """A point from {'x': ..., 'y': ...} or [x, y], in the units of width and height."""
    if isinstance(value, Mapping):
        x, y = field(value, 'x', f'{name}.'), field(value, 'y', f'{name}.')
        return coordinate(x, f'{name}.x', width), coordinate(y, f'{name}.y', height)
    pair = items(value, name)
    if len(pair) != 2:
        raise bad_field(name, value, 'is no x and y')
    return coordinate(pair[0], f'{name}[0]', width), coordinate(pair[1], f'{name}[1]', height)


def mask(value: object, name: str, width: int, height: int) -> Mask | None:
    """A COCO mask of that size; None for null, and for a mask whose counts are null or empty.

    Parquet may return a null mask as a record of nulls.
    """
    if value is None:
        return None
    if isinstance(value, Mapping) and 'counts' in value and value['counts'] in (None, '', b''):
        return None
    decoded = read_rle(value)
    if (decoded.width, decoded.height) != (width, height):
        size_text = f'{decoded.width} x {decoded.height}'
        why = f"is another size than the record's {width} x {height}"
        raise bad_field(name, size_text, why)
    return decoded


def same_length(lists: Mapping[str, int]) -> None:
    """Raise BadField if lists that belong together differ in length. lists: lengths by name."""
    if len(set(lists.values())) > 1:
        raise bad_field(', '.join(lists), list(lists.values()), 'differ in length')


def numbered(value: object, name: str) -> Iterator[tuple[str, Any]]:
    """Each item of a list, preceded by its path for messages."""
    for index, item in enumerate(items(value, name)):
        yield f'{name}[{index}]', item
