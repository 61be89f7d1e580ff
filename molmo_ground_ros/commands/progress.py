# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Shows how far a long command has come: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TextIO

_WIDTH = 24  # characters of the bar
# Where the stream is no terminal, a line is written for each finished step. Within a step the next
# line comes after LINE_S if LINE_SHARE of all the work was done since the last line, and after
# QUIET_S otherwise: a run of an hour writes about ten lines, a run of a day six an hour.
LINE_S, LINE_SHARE, QUIET_S = 60.0, 0.1, 600.0


class ProgressLine:
    """Shows the progress of steps whose names are fixed and whose lengths are guessed.

    steps: for each, what its name begins with, and its guessed length in seconds.
    """

    def __init__(
        self,
        steps: Sequence[tuple[str, float]],
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._steps = list(steps)
        self._stream = stream
        self._clock = clock
        self._began = clock()
        # The finished part of the guessed time, from 0 to 1.
        self._share = 0.0
        # Whether any work of a guessed length was finished, so that the rest can be projected.
        self._measured = False
        self._finished: set[str] = set()
        # When the last line was written, and the share it stood for.
        self._line_s, self._line_share = self._began, 0.0

    def show(self, name: str, done: int, total: int) -> None:
        """Show that a step is at `done` of `total`; a name of no listed step leaves the bar."""
        self._reach(name, done / total if total else 1.0)
        if self._stream.isatty():
            filled = round(self._share * _WIDTH)
            drawn = '#' * filled + '.' * (_WIDTH - filled)
            self._stream.write(
                f'\r\033[K[{drawn}] {name}{self._count(done, total)}, {self._left()}'
            )
            self._stream.flush()
        elif done >= total and name not in self._finished:
            self._finished.add(name)
            self._line(f'{name}: done')
        elif done < total and self._due():
            self._line(f'{name}{self._count(done, total)}')

    def close(self) -> None:
        """Leave the last bar as it is, and begin a new line for what is printed next."""
        if self._stream.isatty():
            self._stream.write('\n')
            self._stream.flush()

    def _due(self) -> bool:
        quiet_s = self._clock() - self._line_s
        far = self._share - self._line_share >= LINE_SHARE
        return quiet_s >= (LINE_S if far else QUIET_S)

    def _line(self, text: str) -> None:
        self._line_s, self._line_share = self._clock(), self._share
        print(f'{text}, {self._left()}', file=self._stream, flush=True)

    def _reach(self, name: str, part: float) -> None:
        total_s = sum(length_s for _, length_s in self._steps)
        if not total_s:
            return
        before_s = 0.0
        for prefix, length_s in self._steps:
            if name.startswith(prefix):
                self._share = max(self._share, (before_s + part * length_s) / total_s)
                self._measured |= part * length_s > 0
                return
            before_s += length_s

    @staticmethod
    def _count(done: int, total: int) -> str:
        return f' {done}/{total}' if total > 1 else ''

    def _left(self) -> str:
        """The remaining time: the guess, or from the first measured work on its projection."""
        if not self._measured:
            return f'about {duration(sum(seconds for _, seconds in self._steps))} (a guess)'
        spent = self._clock() - self._began
        return f'about {duration(spent / self._share * (1 - self._share))} left'


class StepProgress:
    """The progress of a single step on a stream; nothing is printed unless `enabled`."""

    def __init__(self, name: str, total: int, stream: TextIO, *, enabled: bool) -> None:
        self._name, self._total, self._enabled = name, total, enabled
        self._progress = ProgressLine([(name, 1.0)], stream)

    def __enter__(self) -> StepProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            self._progress.close()

    def show(self, done: int) -> None:
        """Show that `done` examples are finished."""
        if self._enabled:
            self._progress.show(self._name, done, max(self._total, done))


def duration(seconds: float) -> str:
    """A time span as text for a person: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'
