# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The records of an MCAP file or chunk, one after the other, over damage. Knows no topics.

A record is an opcode, the length of its content, and the content (MCAP specification, Records).
One is believed if it fits and what follows it may be a record too, or the end. Where that fails,
the next place that may be believed is searched for: the reader does without the file's index, and
what a cut, a hole or a wrong length leaves is found.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX = 1, 2, 3, 4, 5, 6, 7
STATISTICS, DATA_END = 0x0B, 0x0F
HEAD_BYTES = 9  # an opcode and a length

_FIRST_PRIVATE = 0x80  # opcodes from here on are for applications; they are skipped
_HEAD = struct.Struct('<BQ')
# The head of a record shorter than 4 GiB, wherever it begins: a look ahead finds overlapping ones.
_NEXT = re.compile(rb'(?=[\x03-\x0f]....\0{4})', re.DOTALL)
_FIRST_WINDOW, _LARGEST_WINDOW = 1 << 12, 1 << 22  # bytes that a search reads at once

Gap = Callable[[int, int], None]  # is told of bytes that are no record: from, to


class Bytes(Protocol):
    """A file or a piece of memory."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    def read(self, at: int, count: int) -> bytes | memoryview:
        """Bytes from `at` on; fewer at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Memory:
    """The bytes of an unpacked chunk."""

    data: memoryview
    size: int

    def read(self, at: int, count: int) -> memoryview:
        """A view."""
        return self.data[at : at + count]


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open file, read without a place of its own and without a buffer."""

    descriptor: int
    size: int

    def read(self, at: int, count: int) -> bytes:
        """Bytes of the file. Raises OSError."""
        return os.pread(self.descriptor, min(count, max(self.size - at, 0)), at)


@dataclass(frozen=True, slots=True)
class Record:
    """Where a record lies."""

    opcode: int
    at: int  # of its opcode
    end: int

    @property
    def content(self) -> int:
        """Where its content begins."""
        return self.at + HEAD_BYTES


def records(data: Bytes, at: int, gap: Gap) -> Iterator[Record]:
    """Every record from `at` on that can be believed; `gap` is told what was skipped.

    A chunk that the end of the data cuts off is given too, with the end of the data as its end.
    """
    head = _head(data, at)
    while at < data.size:
        end = _end(data, at, head)
        opcode = head[0] if head else 0
        follower = _head(data, end) if end else None
        if end and _may_begin(data, end, follower):
            yield Record(opcode, at, end)
            at, head = end, follower
            continue
        if opcode == CHUNK:
            # It states its size twice, and this one may be damaged.
            whole = _chunk_end(data, at)
            follower = _head(data, whole) if 0 < whole < data.size else None
            if follower and _may_begin(data, whole, follower):
                yield Record(CHUNK, at, whole)
                at, head = whole, follower
                continue
        found = _find(data, at + 1)
        if end and end <= found:
            yield Record(opcode, at, end)
            gap(end, found)
        else:
            gap(at, found)
        at, head = found, _head(data, found)


def _head(data: Bytes, at: int) -> tuple[int, int] | None:
    """(opcode, length) of the record at `at`; None at the end."""
    raw = data.read(at, HEAD_BYTES)
    return _HEAD.unpack(raw) if len(raw) == HEAD_BYTES else None


def _end(data: Bytes, at: int, head: tuple[int, int] | None) -> int:
    """Where the record at `at` ends; 0 if it is none or does not fit.

    A chunk whose two sizes agree that it is cut off ends with the data; where they do not agree
    and only the inner one fits, it is believed.
    """
    if head is None or not (HEADER <= head[0] <= DATA_END or head[0] >= _FIRST_PRIVATE):
        return 0
    end = at + HEAD_BYTES + head[1]
    if end <= data.size:
        return end
    whole = _chunk_end(data, at) if head[0] == CHUNK else 0
    if whole == end:
        return data.size
    return whole if whole <= data.size else 0


def _may_begin(data: Bytes, at: int, head: tuple[int, int] | None) -> bool:
    return at == data.size or _end(data, at, head) != 0


def _find(data: Bytes, at: int) -> int:
    """The next place from `at` on where a record can be believed; the size if there is none."""
    window = _FIRST_WINDOW
    while at < data.size:
        raw = data.read(at, window)
        for match in _NEXT.finditer(raw):
            place = at + match.start()
            end = _end(data, place, _head(data, place))
            if end and _may_begin(data, end, _head(data, end)):
                return place
        if at + len(raw) >= data.size:
            break
        at += max(len(raw) - HEAD_BYTES + 1, 1)
        window = min(2 * window, _LARGEST_WINDOW)
    return data.size


# A chunk's content: first and last log time, unpacked size, its checksum, compression, packed size.
CHUNK_TIMES = struct.Struct('<QQQI')
_COMPRESSIONS = (b'', b'lz4', b'zstd')
_CHUNK_START = CHUNK_TIMES.size + 4 + 4 + 8  # bytes, with the longest name


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """What stands before a chunk's data."""

    first_ns: int  # log time
    last_ns: int
    unpacked_size: int  # bytes
    checksum: int  # 0: none
    compression: bytes
    data_at: int  # where its data begins
    packed_size: int


def chunk_head(data: Bytes, at: int) -> ChunkHead | None:
    """Of the chunk record at `at`; None if it is damaged."""
    raw = bytes(data.read(at + HEAD_BYTES, _CHUNK_START))
    for name in _COMPRESSIONS:
        place = CHUNK_TIMES.size
        if raw[place : place + 4 + len(name)] == len(name).to_bytes(4, 'little') + name:
            place += 4 + len(name)
            size = int.from_bytes(raw[place : place + 8], 'little')
            if len(raw) < place + 8:
                return None
            first_ns, last_ns, unpacked, checksum = CHUNK_TIMES.unpack_from(raw)
            start = at + HEAD_BYTES + place + 8
            return ChunkHead(first_ns, last_ns, unpacked, checksum, name, start, size)
    return None


def _chunk_end(data: Bytes, at: int) -> int:
    """Where the chunk at `at` ends by the size of its data; 0 if its head is damaged."""
    head = chunk_head(data, at)
    return 0 if head is None else head.data_at + head.packed_size
