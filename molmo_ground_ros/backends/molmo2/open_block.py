# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The frames of a points or tracks block that is still being written, and guesses of the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_TimedPoint = tuple[float, int, int]
"""Seconds, x and y."""

# Digits of a coordinate. Only 1000, which is rare, has four.
_DIGITS = 3
_LONGEST = 8  # characters of a time
# How many last points of an id a guess uses: the curve needs three, and one to be tested on.
_PAST = 4


class OpenBlock:
    """What a guess needs of a block. Its size grows with the ids, not with the block's length."""

    def __init__(self, labels: Sequence[str], *, tracks: bool) -> None:
        """labels: the clip's times as the prompt writes them, ascending."""
        self._labels = labels
        self._tracks = tracks
        # The time of the last frame, as it was written.
        self._head = ''
        # From the last frame but one to the last.
        self._gap_s = 0.0
        # The fewest labels between two frames so far; 0 before the second frame.
        self._step = 0
        # The ids of the last frame.
        self._ids: list[str] = []
        # The last points of each id.
        self._past: dict[str, list[_TimedPoint]] = {}
        self.separator = ';'
        # How many points the block has so far.
        self.count = 0

    def copy(self) -> OpenBlock:
        """An independent copy, to which guessed frames may be added."""
        other = OpenBlock(self._labels, tracks=self._tracks)
        other._head, other._step, other._ids = self._head, self._step, list(self._ids)
        other._past = {number: list(points) for number, points in self._past.items()}
        other._gap_s = self._gap_s
        other.separator, other.count = self.separator, self.count
        return other

    def add(self, fields: Sequence[str], separator: str) -> None:
        """Add a complete frame: its time, and an id, x and y for each object.

        Raises ValueError for anything else. If only the time is right, the time has been added.
        """
        if not _is_time(fields[0]):
            raise ValueError(f'{fields[0]} is no time')
        time = float(fields[0])
        self._gap_s = time - float(self._head) if self._head else 0.0
        self._step, self._head = self._step_to(fields[0]), fields[0]
        self.separator = separator
        if len(fields) % 3 != 1:
            raise ValueError(f'{len(fields)} fields')
        points = [
            (time, _clipped(x), _clipped(y))
            for x, y in zip(fields[2::3], fields[3::3], strict=True)
        ]
        self._ids = list(fields[1::3])
        for number, point in zip(self._ids, points, strict=True):
            self._past[number] = [*self._past.get(number, [])[1 - _PAST :], point]
        self.count += len(points)

    def go_on(self, written: str, length: int) -> str:
        """Guess the text that follows `written`, the part of a frame, to about `length` characters.

        The guessed frames are added to this object, so call it on a copy.
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
        """Complete the last field; gives the missing text and what follows it, None if unknown."""
        partial, place = fields[-1], len(fields) - 1
        # Axis 0 is the id, 1 is x, 2 is y.
        row, axis = (place - 1) // 3, (place - 1) % 3
        if place == 0:
            complete = self._next_head(partial)
        elif axis == 0:
            complete = self._next_id(row)
        else:
            complete = self._coordinate(fields[place - axis], fields[0], axis, partial)
        if complete is None or not complete.startswith(partial):
            return None
        fields[-1] = complete
        last = place > 0 and axis == 2 and row + 1 >= len(self._ids)
        return complete[len(partial) :] + (self._frame_end(fields[0]) if last else ' ')

    def _next_head(self, partial: str) -> str | None:
        """The time of the next frame, which must begin with `partial`; None at the clip's end."""
        place = self._place(self._head) + (self._step or 1) if self._head else 0
        # A model may name a time beyond the clip.
        if self._head and self._place(self._head) < 0:
            after = f'{float(self._head) + self._gap_s:.1f}'
            return after if self._gap_s > 0 else None
        return next((label for label in self._labels[place:] if label.startswith(partial)), None)

    def _next_id(self, row: int) -> str | None:
        """The next id: tracks repeat the ids of the frame before, points are numbered on."""
        if not self._tracks:
            return str(self.count + row + 1)
        if not self._ids:
            return str(row + 1)
        return self._ids[row] if row < len(self._ids) else None

    def _coordinate(self, number: str, head: str, axis: int, partial: str) -> str | None:
        """The coordinate that the track's motion leads to, and that begins with `partial`."""
        if len(partial) >= _DIGITS:
            return partial
        past = self._past.get(number, [])
        if not past or not self._tracks:
            return None
        return _nearest(_next_value(past, float(head), axis), partial)

    def _frame_end(self, head: str) -> str:
        """A separator; after the clip's last frame the end of the block."""
        place = self._place(head)
        after = place + (self._step_to(head) or 1)
        at_end = self._tracks and place >= 0 and after >= len(self._labels)
        return '">' if at_end else self.separator

    def _step_to(self, head: str) -> int:
        """Labels between frames once this frame is added: 2 for tracks at 1 fps on a clip of 2."""
        gap = self._place(head) - self._place(self._head) if self._head and self._tracks else 0
        return min(gap, self._step or gap) if gap > 0 else self._step

    def _place(self, head: str) -> int:
        """The index of a time among the clip's labels, -1 if it is not among them."""
        return self._labels.index(head) if head in self._labels else -1


def _is_time(head: str) -> bool:
    """Whether the text is a number of seconds. The article's own grammar has `t^1` here."""
    return len(head) < _LONGEST and head.replace('.', '', 1).isdecimal()


def _clipped(written: str) -> int:
    """A written coordinate, limited to 0..1000. Raises ValueError if it is no number."""
    return min(max(int(written), 0), 1000)


def _next_value(past: Sequence[_TimedPoint], time: float, axis: int) -> int:
    """The coordinate at `time`, by the rule that would have guessed the last point best."""
    if len(past) <= 2:
        return _line(past, time, axis)
    *before, last = past
    errors = [abs(rule(before, last[0], axis) - last[axis]) for rule in _RULES]
    return _RULES[errors.index(min(errors))](past, time, axis)


def _stay(past: Sequence[_TimedPoint], time: float, axis: int) -> int:  # noqa: ARG001
    return int(past[-1][axis])


def _line(past: Sequence[_TimedPoint], time: float, axis: int) -> int:
    """On the straight line through the last two points, limited to 0..1000."""
    if len(past) < 2 or past[-1][0] <= past[-2][0]:
        return int(past[-1][axis])
    before, last = past[-2:]
    slope = (last[axis] - before[axis]) / (last[0] - before[0])
    return _limited(last[axis] + slope * (time - last[0]))


def _curve(past: Sequence[_TimedPoint], time: float, axis: int) -> int:
    """On the parabola through the last three points, limited to 0..1000."""
    if len(past) < 3 or not past[-3][0] < past[-2][0] < past[-1][0]:
        return _line(past, time, axis)
    a, b, c = past[-3:]
    before = (b[axis] - a[axis]) / (b[0] - a[0])
    slope = (c[axis] - b[axis]) / (c[0] - b[0])
    bend = (slope - before) / (c[0] - a[0])
    return _limited(c[axis] + (time - c[0]) * (slope + bend * (time - b[0])))


# Of rules that are equally good the first is used.
_RULES: tuple[Callable[[Sequence[_TimedPoint], float, int], int], ...] = (_stay, _line, _curve)


def _limited(value: float) -> int:
    return min(max(round(value), 0), 1000)


def _nearest(guess: int, partial: str) -> str:
    """The written coordinate nearest to a guess among those that begin with these digits."""
    written = f'{guess:03d}'
    if written.startswith(partial) or not (partial.isascii() and partial.isdecimal()):
        return written
    # A model that wrote 6 of 602 where 598 was guessed goes on with 600 more likely than not.
    size = 10 ** (_DIGITS - len(partial))
    least = int(partial) * size
    return f'{min(max(guess, least), least + size - 1):03d}'
