# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The frames that an open points or tracks block holds so far, and what its next ones may be."""

from __future__ import annotations

from collections.abc import Sequence

_Spot = tuple[float, int, int]  # (time, x, y)
_DIGITS = 3  # of a coordinate; 1000 has four and is rare
_LONGEST = 8  # characters of a time
_PAST = 3  # spots of an id that a guess looks at


class OpenBlock:
    """What a guess needs of a block; O(ids), however long the block is."""

    def __init__(self, labels: Sequence[str], *, tracks: bool) -> None:
        """labels: the clip's times as the prompt writes them, ascending."""
        self._labels = labels
        self._tracks = tracks
        self._head = ''  # of the last frame
        self._gap_s = 0.0  # from the frame before to the last one
        self._step = 0  # labels from one frame to the next, the least seen; 0 before the second
        self._ids: list[str] = []  # of the last frame
        self._seen: dict[str, list[_Spot]] = {}  # the last spots of each id
        self.separator = ';'
        self.count = 0  # rows so far

    def copy(self) -> OpenBlock:
        """One to guess with."""
        other = OpenBlock(self._labels, tracks=self._tracks)
        other._head, other._step, other._ids = self._head, self._step, list(self._ids)
        other._seen = {number: list(spots) for number, spots in self._seen.items()}
        other._gap_s = self._gap_s
        other.separator, other.count = self.separator, self.count
        return other

    def add(self, fields: Sequence[str], separator: str) -> None:
        """A whole frame: its head, and rows of three. Raises ValueError for anything else.

        Of a frame with a head and other rows the head is taken in.
        """
        if not _is_time(fields[0]):
            raise ValueError(f'{fields[0]} is no time')
        time = float(fields[0])
        self._gap_s = time - float(self._head) if self._head else 0.0
        self._step, self._head = self._step_to(fields[0]), fields[0]
        self.separator = separator
        if len(fields) % 3 != 1:
            raise ValueError(f'{len(fields)} fields')
        spots = [
            (time, _held(x), _held(y)) for x, y in zip(fields[2::3], fields[3::3], strict=True)
        ]
        self._ids = list(fields[1::3])
        for number, spot in zip(self._ids, spots, strict=True):
            self._seen[number] = [*self._seen.get(number, [])[1 - _PAST :], spot]
        self.count += len(spots)

    def go_on(self, written: str, length: int) -> str:
        """How the block goes on after this part of a frame, to about so many characters.

        Adds the guessed frames to itself: call it on a copy.
        """
        fields, guess = written.split(' '), ''
        if len(fields) > 1 and not _is_time(fields[0]):
            return guess
        while len(guess) < length:
            more = self._field(fields)
            if more is None:
                return guess
            guess += more
            if more.endswith('">'):
                return guess
            if more.endswith(self.separator):
                try:
                    self.add(fields, self.separator)
                except ValueError:
                    return guess
                fields = ['']
            else:
                fields.append('')
        return guess

    def _field(self, fields: list[str]) -> str | None:
        """The rest of the last field, which is made whole, and what follows; None if unknown."""
        partial, place = fields[-1], len(fields) - 1
        row, axis = (place - 1) // 3, (place - 1) % 3  # axis 0 is the id
        if place == 0:
            whole = self._next_head(partial)
        elif axis == 0:
            whole = self._next_id(row)
        else:
            whole = self._coordinate(fields[place - axis], fields[0], axis, partial)
        if whole is None or not whole.startswith(partial):
            return None
        fields[-1] = whole
        last = place > 0 and axis == 2 and row + 1 >= len(self._ids)
        return whole[len(partial) :] + (self._frame_end(fields[0]) if last else ' ')

    def _next_head(self, partial: str) -> str | None:
        """The time that follows, as far as it has been written; None at the clip's end."""
        place = self._place(self._head) + (self._step or 1) if self._head else 0
        if self._head and self._place(self._head) < 0:  # beyond the clip, as a model may be
            after = f'{float(self._head) + self._gap_s:.1f}'
            return after if self._gap_s > 0 else None
        return next((one for one in self._labels[place:] if one.startswith(partial)), None)

    def _next_id(self, row: int) -> str | None:
        """Tracks repeat the ids of the frame before, points number on."""
        if not self._tracks:
            return str(self.count + row + 1)
        if not self._ids:
            return str(row + 1)
        return self._ids[row] if row < len(self._ids) else None

    def _coordinate(self, number: str, head: str, axis: int, partial: str) -> str | None:
        """As before, or on along the line, whichever did better last time."""
        if len(partial) >= _DIGITS:
            return partial
        past = self._seen.get(number, [])
        if not past or not self._tracks:
            return None
        guess = past[-1][axis]
        if len(past) > 1 and not _stays(past, axis):
            guess = _line(past[-2], past[-1], float(head), axis)
        return f'{guess:03d}'

    def _frame_end(self, head: str) -> str:
        """A separator, or the end of the block at the end of the clip."""
        place = self._place(head)
        after = place + (self._step_to(head) or 1)
        at_end = self._tracks and place >= 0 and after >= len(self._labels)
        return '">' if at_end else self.separator

    def _step_to(self, head: str) -> int:
        """The step with a further frame: 2 for tracks at 1 fps on a clip of 2 fps."""
        gap = self._place(head) - self._place(self._head) if self._head and self._tracks else 0
        return min(gap, self._step or gap) if gap > 0 else self._step

    def _place(self, head: str) -> int:
        """The number of a label, -1 if it is none of the clip's."""
        return self._labels.index(head) if head in self._labels else -1


def _is_time(head: str) -> bool:
    """Whether a head is a number of seconds, of any sense; the article's form has `t^1`."""
    return len(head) < _LONGEST and head.replace('.', '', 1).isdecimal()


def _held(written: str) -> int:
    """A coordinate in 0..1000, whatever was written. Raises ValueError for no number."""
    return min(max(int(written), 0), 1000)


def _stays(past: Sequence[_Spot], axis: int) -> bool:
    """Whether 'as before' was the better guess of the last spot."""
    last, before = past[-1][axis], past[-2][axis]
    if last == before or len(past) < _PAST:
        return last == before
    return abs(last - before) < abs(last - _line(past[-3], past[-2], past[-1][0], axis))


def _line(a: _Spot, b: _Spot, time: float, axis: int) -> int:
    """The straight line through two spots at a time, held to 0..1000."""
    slope = (b[axis] - a[axis]) / (b[0] - a[0]) if b[0] > a[0] else 0.0
    return min(max(round(b[axis] + slope * (time - b[0])), 0), 1000)
