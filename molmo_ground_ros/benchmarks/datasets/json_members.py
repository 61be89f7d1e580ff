# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Finds the records in a JSON file of any size, and reads one at a time.

Annotations of a whole data set are often one JSON value of a gigabyte. Its brackets and texts are
scanned once for the places of records; a record is read when it is needed. In memory are places and
one record.
"""

from __future__ import annotations

import json
import mmap
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, overload

from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record

# A text, or a bracket. Everything between them is skipped.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)
_OPENING, _TEXT = b'[{', b'"'
_BOM = b'\xef\xbb\xbf'


class Member(NamedTuple):
    """The place of one record: an object or a list."""

    names: tuple[str, ...]  # on the way to it; in a list its number from 0
    start: int  # byte
    end: int


class MemberList(Sequence[Member]):
    """Places of records without their names, 16 bytes each."""

    def __init__(self) -> None:
        self._starts: array[int] = array('Q')
        self._ends: array[int] = array('Q')

    def append(self, member: Member) -> None:
        """Add the place of a record."""
        self._starts.append(member.start)
        self._ends.append(member.end)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Member: ...

    @overload
    def __getitem__(self, index: slice) -> list[Member]: ...

    def __getitem__(self, index: int | slice) -> Member | list[Member]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        return Member((), self._starts[index], self._ends[index])


class JsonFile:
    """A JSON file whose records are read one by one. A context manager, for one thread."""

    def __init__(self, path: Path) -> None:
        """Raises BadRecord for a file that cannot be opened or is empty."""
        self.path = path
        try:
            with path.open('rb') as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise bad_record(str(path), 0, f'is no JSON: {error}') from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bytes.close()

    def members(self, depth: int) -> Iterator[Member]:
        """The objects and lists inside 1 to `depth` others, each after those inside it.

        Raises BadRecord for a file whose outermost value is no object, and where brackets do not
        match: what was yielded before may be wrong then.
        """
        names: list[str] = []
        levels: list[_Level] = []
        text = b''
        for token in _TOKEN.finditer(self._bytes):
            value = token.group()
            if value[:1] == _TEXT:
                text = value
            elif value in _OPENING:
                if not levels and (value != b'{' or self._before(token.start())):
                    raise bad_record(str(self.path), 0, 'is no JSON object')
                names.append(_name(levels, text))
                levels.append(_Level(b'}' if value == b'{' else b']', token.start()))
            else:
                if not levels or levels[-1].closing != value:
                    raise bad_record(str(self.path), 0, f'is no JSON: byte {token.start()}')
                start = levels.pop().start
                if 0 < len(levels) <= depth:
                    yield Member(tuple(names[1:]), start, token.end())
                names.pop()
        if levels or not self._has_value():
            raise bad_record(str(self.path), 0, 'is no JSON: it is cut off')

    def strays(self, outer: Member, inner: Sequence[Member]) -> list[int]:
        """The numbers of those of a list's records before which something is no record.

        outer: the list. inner: its records; the number of records stands for the end of the list.
        """
        ends = [outer.start + 1, *(member.end for member in inner)]
        starts = [*(member.start for member in inner), outer.end - 1]
        return [
            k
            for k, (end, start) in enumerate(zip(ends, starts, strict=True))
            if self._bytes[end:start].strip() not in (b'', b',')
        ]

    def is_list(self, member: Member) -> bool:
        """Whether a value is a list."""
        return self._bytes[member.start : member.start + 1] == b'['

    def read(self, member: Member) -> Any:
        """The value of a record. Raises BadRecord."""
        try:
            return json.loads(self._bytes[member.start : member.end].decode('utf-8'))
        except (ValueError, RecursionError) as error:
            name = '.'.join(member.names)
            raise bad_record(str(self.path), 0, f'{name}: is no JSON: {error}') from error

    def _before(self, start: int) -> bytes:
        """What stands before the outermost value and is no blank."""
        return self._bytes[:start].removeprefix(_BOM).strip()

    def _has_value(self) -> bool:
        return _TOKEN.search(self._bytes) is not None


@dataclass(slots=True)
class _Level:
    """An object or list that is open."""

    closing: bytes
    start: int  # byte
    count: int = 0  # of the objects and lists in a list


def _name(levels: list[_Level], text: bytes) -> str:
    """The name of a value that begins: its key in an object, its number in a list."""
    if not levels:
        return ''
    if levels[-1].closing == b'}':
        return text[1:-1].decode('utf-8', 'replace')
    levels[-1].count += 1
    return str(levels[-1].count - 1)
