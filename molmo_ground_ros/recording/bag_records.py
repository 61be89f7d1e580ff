# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The records of a ROS 1 bag or chunk, one after the other, across damage. Knows no topics.

A record is the length of its header, the header, the length of its data, and the data; a header is
fields of `name=value` with their lengths (rosbag format 2.0). A record is accepted if its header is
one and the data fits. Where no record may follow it, the next place where one begins is searched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from molmo_ground_ros.recording.records import Bytes, ReportGap

MESSAGE, BAG_HEADER, INDEX, CHUNK, CHUNK_INFO, CONNECTION = 2, 3, 4, 5, 6, 7

_LARGEST_HEADER = 1 << 12  # bytes; a connection's holds a topic
_WINDOW = 1 << 16  # bytes that a search reads at once
_FURTHEST = 256  # bytes from the start of a record to the field `op` that a search looks at
_OP = b'\x04\0\0\0op='
_ANY = range(MESSAGE, CONNECTION + 1)
_AFTER_A_CHUNK = (INDEX, CHUNK, CHUNK_INFO)


@dataclass(frozen=True, slots=True)
class BagRecord:
    """Where a record lies in the data."""

    opcode: int
    at: int
    fields: Mapping[bytes, bytes]  # of its header
    data_at: int
    end: int  # of its data, as stated

    def number(self, name: bytes) -> int:
        """A field's little-endian number; 0 if there is none."""
        return int.from_bytes(self.fields.get(name, b''), 'little')


def bag_records(data: Bytes, at: int, report_gap: ReportGap) -> Iterator[BagRecord]:
    """Every record from byte `at` on that can be accepted; `report_gap` gets what is skipped.

    A chunk that the end of the data cuts off is a record too.
    """
    record = record_at(data, at)
    while at < data.size:
        if record is not None and record.end <= data.size:
            following = record_at(data, record.end)
            if following is not None or record.end == data.size:
                yield record
                at, record = record.end, following
                continue
        # In the data of a chunk lie messages and connections, in that of others no records.
        is_chunk = record is not None and record.opcode == CHUNK
        place = _next(data, at + 1, _AFTER_A_CHUNK if is_chunk else _ANY)
        if record is not None and (is_chunk or record.end <= place):
            # The length of a chunk that another record lies in is damaged.
            end = min(record.end, place) if place < data.size else record.end
            yield replace(record, end=end)
            if end < place:
                report_gap(end, place)
        else:
            report_gap(at, place)
        at, record = place, record_at(data, place)


def record_at(data: Bytes, at: int) -> BagRecord | None:
    """The record that begins at `at`; None if none does. Its data may be cut off."""
    length = _number(data, at)
    if not 0 < length <= _LARGEST_HEADER:
        return None
    fields = header_fields(bytes(data.read(at + 4, length)))
    opcode = fields.get(b'op', b'')
    if len(opcode) != 1 or not MESSAGE <= opcode[0] <= CONNECTION:
        return None
    data_at = at + 8 + length
    if data_at > data.size:
        return None
    return BagRecord(opcode[0], at, fields, data_at, data_at + _number(data, data_at - 4))


def header_fields(raw: bytes) -> dict[bytes, bytes]:
    """The fields of a header; none if it is no header."""
    fields = dict[bytes, bytes]()
    at = 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 4], 'little')
        name, equals, value = raw[at + 4 : at + 4 + length].partition(b'=')
        if not equals or len(name) + 1 + len(value) != length:
            return {}
        fields[name] = value
        at += 4 + length
    return fields


def _next(data: Bytes, at: int, opcodes: Collection[int]) -> int:
    """The next place from `at` on where one of these records begins, or the end of the data."""
    while at < data.size:
        raw = bytes(data.read(at, _WINDOW))
        found = raw.find(_OP)
        while found >= 0:
            for start in _starts(raw, found):
                record = record_at(data, at + start)
                if record is not None and record.opcode in opcodes:
                    return at + start
            found = raw.find(_OP, found + 1)
        if at + len(raw) >= data.size:
            break
        # A record may begin in this window and have its field in the next.
        at += max(len(raw) - _FURTHEST, 1)
    return data.size


def _starts(raw: bytes, field: int) -> Iterator[int]:
    """Where records may begin whose header holds the field at `field`."""
    for start in range(max(field - _FURTHEST, 0), field - 3):
        length = int.from_bytes(raw[start : start + 4], 'little')
        if field + len(_OP) < start + 4 + length <= start + 4 + _LARGEST_HEADER:
            yield start


def _number(data: Bytes, at: int) -> int:
    return int.from_bytes(bytes(data.read(at, 4)), 'little')
