# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""When a question is due: at every whole number of periods of header stamps.

So questions of one period, or of multiples of it, are due together. A turn that passes while the
model is busy is counted and left out; turns never pile up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from molmo_ground_ros.grounding.stitch.json_values import integer


@dataclass(slots=True)
class Turns:
    """The turns of one question on one camera. For one thread."""

    # How often an answer was due, and how often it was left out.
    due: int = 0
    skipped: int = 0
    # The stamp of the next turn; 0 before the first.
    next_ns: int = 0
    # The newest turn was given back, so that it is not given back again.
    gave_way: bool = False

    def begin(self, since_ns: int, newest_ns: int, period_ns: int, window_ns: int) -> None:
        """Set the first turn: one to two periods after `since_ns`, or a window after it.

        It is the earlier of these. If it is over by the stamp of the newest image, it is now.
        """
        regular_ns = -(-(since_ns + period_ns) // period_ns) * period_ns
        first_ns = min(regular_ns, since_ns + max(window_ns, 1))
        self.next_ns = max(first_ns, newest_ns // period_ns * period_ns)

    def is_due(self, newest_ns: int) -> bool:
        """Whether a turn has come by the stamp of the newest image."""
        return 0 < self.next_ns <= newest_ns

    def take(self, newest_ns: int, period_ns: int) -> None:
        """Take the newest turn; the ones before it that were not taken are left out."""
        missed = (newest_ns - self.next_ns) // period_ns
        self.due += missed + 1
        self.skipped += missed
        self.next_ns = (newest_ns // period_ns + 1) * period_ns

    def give_back(self, period_ns: int) -> None:
        """Let the turn that was taken be due again."""
        self.due -= 1
        self.next_ns -= period_ns
        self.gave_way = True

    def state(self) -> dict[str, Any]:
        """The counts as JSON."""
        return {'due': self.due, 'skipped': self.skipped}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Turns:
        """The counts of `state`, before a first turn. Raises TypeError or LookupError."""
        return cls(integer(state['due']), integer(state['skipped']))
