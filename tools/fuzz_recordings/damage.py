# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What may happen to the bytes of a file. Each function may change its argument."""

from __future__ import annotations

import re

import numpy as np

END_BYTES = 4096  # of a file, in which heads, definitions, indexes and footers stand

# Where the structure of a file stands: schemas and headers of databases, heads of chunks and of
# records, boxes of containers, footers of tables.
_MARKS = re.compile(
    rb'SQLite format 3|CREATE TABLE|CREATE INDEX|\x04\0\0\0zstd|\x03\0\0\0lz4|compression=|op='
    rb'|conn=|size=|chunk_count=|topic=|ftyp|moov|mvhd|trak|tkhd|elst|mdhd|stsd|stts|ctts|stsc|stsz'
    rb'|stco|avcC|hvcC|av1C|mdat|\x1a\x45\xdf\xa3|\x18\x53\x80\x67|\x16\x54\xae\x6b|\x1f\x43\xb6\x75'
    rb'|RIFF|LIST|avih|strh|idx1|GIF8|PAR1|ros2msg|protobuf|jsonschema|sensor_msgs|foxglove'
)
_NUMBERS = re.compile(rb'-?\d+(\.\d+)?')
_EXTREMES = (
    *(b'0', b'-1', b'1e999', b'1e-999', b'NaN', b'99999999999999999999', b'9223372036854775807'),
    *(b'4294967296', b'null', b'true', b'"x"', b'[]', b'{}', b'[[1]]', b'{"a": [', b'""', b'..'),
)


def flip(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A few bytes changed."""
    for _ in range(int(rng.integers(1, 40))):
        data[int(rng.integers(len(data)))] ^= int(rng.integers(1, 256))
    return data


def cut(data: bytearray, rng: np.random.Generator) -> bytearray:
    """The end lost."""
    return data[: int(rng.integers(len(data)))]


def take_out(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A piece missing."""
    first, last = _piece(data, rng)
    return data[:first] + data[last:]


def blank(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A piece of zeros, as of a page that was never written."""
    first, last = _piece(data, rng)
    data[first:last] = bytes(last - first)
    return data


def take_out_block(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A block of 512 bytes, or some, missing or of zeros."""
    first = int(rng.integers(len(data))) // 512 * 512
    last = first + 512 * int(rng.integers(1, 9))
    blanked = bytes(min(last, len(data)) - first) if rng.integers(2) else b''
    return data[:first] + blanked + data[last:]


def repeat(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A piece twice."""
    first, last = _piece(data, rng)
    return data[:last] + data[first:last] + data[last:]


def flip_head(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A few bytes changed where headers and definitions stand."""
    for _ in range(int(rng.integers(1, 20))):
        data[int(rng.integers(min(len(data), END_BYTES)))] = int(rng.integers(256))
    return data


def flip_tail(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A few bytes changed where indexes and footers stand."""
    for _ in range(int(rng.integers(1, 20))):
        data[-1 - int(rng.integers(min(len(data), END_BYTES)))] = int(rng.integers(256))
    return data


def mangle_lengths(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A few numbers of four or eight bytes replaced by extreme ones."""
    for _ in range(int(rng.integers(1, 6))):
        _extreme(data, int(rng.integers(len(data))), rng)
    return data


def mangle_marked(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Bytes and numbers around a mark of the file's structure changed."""
    marks = [mark.span() for mark in _MARKS.finditer(data)]
    for _ in range(int(rng.integers(1, 4)) if marks else 0):
        first, last = marks[int(rng.integers(len(marks)))]
        at = int(rng.integers(max(first - 48, 0), min(last + 64, len(data))))
        if rng.integers(2):
            _extreme(data, at, rng)
        else:
            data[at] = int(rng.integers(256))
    return data


def mangle_text(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A few numbers that are written as text replaced by what nobody expects there."""
    for _ in range(int(rng.integers(1, 4))):
        numbers = [number.span() for number in _NUMBERS.finditer(data[: 1 << 16])]
        if not numbers:
            break
        first, last = numbers[int(rng.integers(len(numbers)))]
        data[first:last] = _EXTREMES[int(rng.integers(len(_EXTREMES)))]
    return data


DAMAGES = (
    *(flip, cut, take_out, blank, take_out_block, repeat, flip_head, flip_tail, mangle_lengths),
    *(mangle_marked, mangle_text),
)


def _piece(data: bytearray, rng: np.random.Generator) -> tuple[int, int]:
    first, last = sorted(int(number) for number in rng.integers(len(data), size=2))
    return first, last


def _extreme(data: bytearray, at: int, rng: np.random.Generator) -> None:
    size = int(rng.choice([4, 8]))
    value = int(rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))
    data[at : at + size] = value.to_bytes(size, 'little' if rng.integers(2) else 'big')
