# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The rows of a damaged SQLite file, page by page, without its trees.

It is ours because SQLite itself stops at the first damaged page of a tree, and its own recovery is
not part of Python's module. A row lies in a leaf page; what does not fit there lies in a chain of
overflow pages (SQLite file format, sections 1.6 and 2.1). So the rows of every leaf page can be
read, whatever happened to the pages above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from molmo_ground_ros.recording.records import OpenFile

MAGIC = b'SQLite format 3\0'

_LEAF = 0x0D  # the type of a page with rows
_FILE_HEAD = 100  # bytes, before the content of the first page
_PAGE_HEAD = 8
_SMALLEST_PAGE, _USUAL_PAGE = 512, 4096
_INTEGERS = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}  # serial type: bytes
_COLUMNS = 16  # most that a row of rosbag2 has, and some
_PAGES_AT_ONCE = 256

Value = int | bytes | None


@dataclass(frozen=True, slots=True)
class SqliteRow:
    """A row of any table, as far as it lies in its leaf page."""

    page: int  # number of its leaf, from 0
    cell: int
    number: int  # of the row in its table
    values: tuple[Value, ...]  # of the last one, the bytes in the leaf page
    missing: int  # bytes that lie in overflow pages
    overflow: int  # the first overflow page, from 1; meaningless where nothing is missing


class Pages:
    """The pages of a file."""

    def __init__(self, data: OpenFile) -> None:
        """Take the page size from the file's head, or the usual size where the head is damaged."""
        self._data = data
        head = bytes(data.read(0, _FILE_HEAD))
        intact = head.startswith(MAGIC) and len(head) == _FILE_HEAD
        size = int.from_bytes(head[16:18], 'big') if intact else 0
        size = 1 << 16 if size == 1 else size
        self.size = size if size >= _SMALLEST_PAGE and size & (size - 1) == 0 else _USUAL_PAGE
        reserved = head[20] if size else 0
        self._usable = self.size - (reserved if reserved <= 32 else 0)

    def rows(self) -> Iterator[SqliteRow]:
        """Every row of every leaf page, in the order of the file."""
        count = -(-self._data.size // self.size)
        for first in range(0, count, _PAGES_AT_ONCE):
            block = self._data.read(first * self.size, _PAGES_AT_ONCE * self.size)
            for number in range(first, min(first + _PAGES_AT_ONCE, count)):
                at = (number - first) * self.size
                if block[at : at + 1] == b'\x0d' or number == 0:
                    yield from self._leaf(number, block[at : at + self.size])

    def row(self, page: int, cell: int) -> SqliteRow | None:
        """Read one row again. None where the cell holds none."""
        return self._cell(page, cell, self._data.read(page * self.size, self.size))

    def last_value(self, row: SqliteRow) -> bytes:
        """The last value of a row, as far as its overflow pages can be followed."""
        last = row.values[-1]
        pieces = [last if isinstance(last, bytes) else b'']
        missing, page = row.missing, row.overflow
        # A circle of pages ends as well, because `missing` shrinks in every step.
        while missing > 0 and page > 0:
            raw = self._data.read((page - 1) * self.size, self._usable)
            if len(raw) < 5:
                break
            pieces.append(raw[4 : 4 + missing])
            missing -= len(pieces[-1])
            page = int.from_bytes(raw[:4], 'big')
        return b''.join(pieces)

    def _leaf(self, number: int, page: bytes) -> Iterator[SqliteRow]:
        start = _FILE_HEAD if number == 0 else 0
        if page[start : start + 1] != bytes([_LEAF]):
            return
        count = int.from_bytes(page[start + 3 : start + 5], 'big')
        for cell in range(min(count, (len(page) - start - _PAGE_HEAD) // 2)):
            row = self._cell(number, cell, page)
            if row is not None:
                yield row

    def _cell(self, number: int, cell: int, page: bytes) -> SqliteRow | None:
        """The row in a cell of a page; None where the bytes make no sense as a row."""
        start = (_FILE_HEAD if number == 0 else 0) + _PAGE_HEAD + 2 * cell
        at = int.from_bytes(page[start : start + 2], 'big')
        payload, at = _varint(page, at)
        row_number, at = _varint(page, at)
        local = self._local(payload)
        inside = page[at : at + local]
        if not 0 < payload <= self._data.size or len(inside) != local:
            return None
        overflow = int.from_bytes(page[at + local : at + local + 4], 'big')
        values = _columns(inside)
        if values is None:
            return None
        return SqliteRow(number, cell, row_number, values, payload - local, overflow)

    def _local(self, payload: int) -> int:
        """How many bytes of a payload lie in the leaf (file format, section 1.6)."""
        most = self._usable - 35
        if payload <= most:
            return payload
        least = (self._usable - 12) * 32 // 255 - 23
        some = least + (payload - least) % (self._usable - 4)
        return some if some <= most else least


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A big-endian number of seven bits a byte, and where it ends."""
    value = 0
    for place in range(at, min(at + 9, len(data))):
        if place == at + 8:
            return value << 8 | data[place], place + 1
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    return 0, len(data)


def _columns(payload: bytes) -> tuple[Value, ...] | None:
    """The values of a record, the last one as far as it lies here; None if they do not fit."""
    size, at = _varint(payload, 0)
    kinds = list[int]()
    while at < size <= len(payload) and len(kinds) < _COLUMNS:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if at != size or not kinds:
        return None
    values = list[Value]()
    for kind in kinds:
        integer = _INTEGERS.get(kind)
        length = integer if integer is not None else max(kind - 12, 0) // 2
        raw = payload[at : at + length]
        if len(raw) != length and len(values) < len(kinds) - 1:
            return None
        if kind == 0:
            values.append(None)
        elif integer is not None:
            values.append(kind - 8 if kind in (8, 9) else int.from_bytes(raw, 'big', signed=True))
        else:
            values.append(raw)
        at += length
    return tuple(values)
