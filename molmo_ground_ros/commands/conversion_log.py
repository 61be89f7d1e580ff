# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `convert` says on stderr: how far it is, and what it left out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TextIO

from molmo_ground_ros.errors import BadRecord

# Seconds between two lines of progress where stderr is no terminal, and between two redraws of
# the line where it is one.
_EVERY_S = 30.0
_REDRAWN_S = 0.2


class Log:
    """Counts what was converted and what was skipped, and writes lines about it to a stream."""

    def __init__(
        self, stream: TextIO, *, strict: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._stream = stream
        self._strict = strict
        self._clock = clock
        self._last_line_s = clock()
        self._drawn = False

    def skip(self, error: BadRecord) -> None:
        """Count and print a record that cannot be used; raise it if `strict`."""
        if self._strict:
            raise error
        self.counts['skipped'] += 1
        self.tell(f'skipped: {error}')

    def tell(self, text: str) -> None:
        """Print a line that no later progress overwrites."""
        self.clear()
        print(text, file=self._stream)

    def show(self, text: str) -> None:
        """Show the progress: a line redrawn on a terminal, a line now and then elsewhere."""
        terminal, now_s = self._stream.isatty(), self._clock()
        if now_s - self._last_line_s < (_REDRAWN_S if terminal else _EVERY_S):
            return
        self._last_line_s = now_s
        self._drawn = terminal
        self._stream.write(f'\r\033[K{text}' if terminal else f'{text}\n')
        self._stream.flush()

    def clear(self) -> None:
        """Erase the line of progress, so that what is printed next begins on its own line."""
        if self._drawn:
            self._stream.write('\r\033[K')
            self._drawn = False
