# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How far a long command has come: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TextIO

_WIDTH = 24  # characters of the bar
# Off a terminal a line is written where a step is done, and on the way after LINE_S if LINE_SHARE
# of all lies between, else after QUIET_S: an hour's run writes ten lines, a day's six an hour.
LINE_S, LINE_SHARE, QUIET_S = 60.0, 0.1, 600.0


class Progress:
    """Steps of known names and guessed lengths, shown as they are done."""

    def __init__(
        self,
        steps: Sequence[tuple[str, float]],  # what a step's name begins with, guessed seconds
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._steps = list(steps)
        self._stream = stream
        self._clock = clock
        self._began = clock()
        self._share = 0.0  # of the guessed time, that lies behind
        self._measured = False  # a step was done whose length was guessed
        self._said: set[str] = set()
        self._line_s, self._line_share = self._began, 0.0  # of the last line

    def show(self, name: str, done: int, total: int) -> None:
        """A step is at `done` of `total`. A name that begins as no known one moves no bar."""
        self._reach(name, done / total if total else 1.0)
        if self._stream.isatty():
            filled = round(self._share * _WIDTH)
            bar = '#' * filled + '.' * (_WIDTH - filled)
            self._stream.write(f'\r\033[K[{bar}] {name}{self._count(done, total)}, {self._left()}')
            self._stream.flush()
        elif done >= total and name not in self._said:
            self._said.add(name)
            self._line(f'{name}: done')
        elif done < total and self._due():
            self._line(f'{name}{self._count(done, total)}')

    def close(self) -> None:
        """Leave the last bar where it is; what is printed next begins on its own line."""
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
        whole = sum(seconds for _, seconds in self._steps)
        if not whole:
            return
        behind = 0.0
        for known, seconds in self._steps:
            if name.startswith(known):
                self._share = max(self._share, (behind + part * seconds) / whole)
                self._measured |= part * seconds > 0
                return
            behind += seconds

    @staticmethod
    def _count(done: int, total: int) -> str:
        return f' {done}/{total}' if total > 1 else ''

    def _left(self) -> str:
        """Guessed until something was measured, then what was measured so far goes on."""
        if not self._measured:
            return f'about {duration(sum(seconds for _, seconds in self._steps))} (a guess)'
        spent = self._clock() - self._began
        return f'about {duration(spent / self._share * (1 - self._share))} left'


def duration(seconds: float) -> str:
    """A time span as text for a person: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'
