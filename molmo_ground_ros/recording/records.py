# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The records of an MCAP file or chunk, one after the other, across damage. Knows no topics.

A record is an opcode, the length of its content, and the content (MCAP specification, Records).
It is accepted if it fits into the data and is followed by another record or the end. Otherwise the
next place where a record can be accepted is searched for. No index of the file is used, so all
that a cut, a hole or a wrong length leaves intact is read.
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
# The head of a record shorter than 4 GiB. It is a lookahead, so that matches may overlap.
_NEXT = re.compile(rb'(?=[\x03-\x0f]....\0{4})', re.DOTALL)
_FIRST_WINDOW, _LARGEST_WINDOW = 1 << 12, 1 << 22  # bytes that a search reads at once

# Called with the first byte and the end of a stretch that holds no record.
ReportGap = Callable[[int, int], None]


class Bytes(Protocol):
    """A file or a piece of memory that is read by place."""

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    def read(self, at: int, count: int) -> bytes | memoryview:
        """`count` bytes from `at` on; fewer at the end."""
        ...


@dataclass(frozen=True, slots=True)
class BytesReader:
    """The bytes of an unpacked chunk."""

    data: memoryview
    size: int

    def read(self, at: int, count: int) -> memoryview:
        """A view of the bytes."""
        return self.data[at : at + count]


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open file. Reading does not move its position and fills no buffer."""

    descriptor: int
    size: int

    def read(self, at: int, count: int) -> bytes:
        """Bytes of the file. Raises OSError."""
        # What a damaged file states may be no place or count at all.
        if not 0 <= at < self.size or count <= 0:
            return b''
        return os.pread(self.descriptor, min(count, self.size - at), at)


@dataclass(frozen=True, slots=True)
class Record:
    """Where a record lies in the data."""

    opcode: int
    at: int  # of its opcode
    end: int

    @property
    def content(self) -> int:
        """Where its content begins."""
        return self.at + HEAD_BYTES


def records(data: Bytes, at: int, report_gap: ReportGap) -> Iterator[Record]:
    """Every record from byte `at` on that can be accepted; `report_gap` gets what is skipped.

    A chunk that the end of the data cuts off is a record too, whose end is that of the data.
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
            # A chunk states its size twice, and the length of the record may be damaged.
            inner_end = _chunk_end(data, at)
            follower = _head(data, inner_end) if 0 < inner_end < data.size else None
            if follower and _may_begin(data, inner_end, follower):
                yield Record(CHUNK, at, inner_end)
                at, head = inner_end, follower
                continue
        following = _next_record(data, at + 1)
        if end and end <= following:
            yield Record(opcode, at, end)
            report_gap(end, following)
        else:
            report_gap(at, following)
        at, head = following, _head(data, following)


def _head(data: Bytes, at: int) -> tuple[int, int] | None:
    """(opcode, length) of the record at `at`; None at the end."""
    raw = data.read(at, HEAD_BYTES)
    return _HEAD.unpack(raw) if len(raw) == HEAD_BYTES else None


def _end(data: Bytes, at: int, head: tuple[int, int] | None) -> int:
    """Where the record at `at` ends; 0 if it is no record or does not fit into the data.

    A chunk states its size twice. Where both agree that the end of the data cuts it off, it ends
    with the data. Where only the inner size fits, that one is used.
    """
    if head is None or not (HEADER <= head[0] <= DATA_END or head[0] >= _FIRST_PRIVATE):
        return 0
    end = at + HEAD_BYTES + head[1]
    if end <= data.size:
        return end
    inner_end = _chunk_end(data, at) if head[0] == CHUNK else 0
    if inner_end == end:
        return data.size
    return inner_end if inner_end <= data.size else 0


def _may_begin(data: Bytes, at: int, head: tuple[int, int] | None) -> bool:
    """Whether a record with this head may begin at `at`, or the data ends there."""
    return at == data.size or _end(data, at, head) != 0


def _next_record(data: Bytes, at: int) -> int:
    """The next place from `at` on where a record can be accepted, or the end of the data."""
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
    """The fields before a chunk's data."""

    first_ns: int  # log time
    last_ns: int
    unpacked_size: int  # bytes
    checksum: int  # 0: none
    compression: bytes
    data_at: int  # where its data begins
    packed_size: int


def chunk_head(data: Bytes, at: int) -> ChunkHead | None:
    """The head of the chunk record at `at`; None if it is damaged."""
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
