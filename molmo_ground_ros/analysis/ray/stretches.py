# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which window goes to which worker. Knows nothing of Ray.

Neighbouring windows of one camera share frames, which whoever asks both decodes and encodes once.
So a worker keeps to its stretch of neighbours; one that is done takes the back half of the longest
stretch that is left. All end within a window of each other, however unlike they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import groupby

from molmo_ground_ros.analysis.window import Work

Stretch = deque[Work]


class Stretches:
    """Windows that nobody was given yet. Workers are known by number."""

    def __init__(self, works: Iterable[Work]) -> None:
        """Take windows, those of each camera together and in order."""
        by_camera = groupby(works, key=lambda work: work.camera)
        # Stretches that belong to no worker.
        self._free: deque[Stretch] = deque(deque(group) for _, group in by_camera)
        self._own: dict[int, Stretch] = {}  # by worker

    def next(self, worker: int) -> Work | None:
        """The window that this worker should ask now; None where there is none left."""
        own = self._own.get(worker)
        if not own:
            own = self._free.popleft() if self._free else self._half()
            self._own[worker] = own
        return own.popleft() if own else None

    def put_back(self, work: Work) -> None:
        """Give a window out again, after all others: it may end the next worker, too."""
        self._free.append(deque([work]))

    def leave(self, worker: int) -> None:
        """This worker takes no more: its stretch is anybody's."""
        own = self._own.pop(worker, None)
        if own:
            self._free.append(own)

    def __len__(self) -> int:
        """Windows that nobody was given."""
        return sum(map(len, (*self._free, *self._own.values())))

    def _half(self) -> Stretch:
        """The back half of the longest stretch, the larger one of an odd number."""
        longest = max(self._own.values(), key=len, default=None)
        back: Stretch = deque()
        while longest and len(back) < len(longest):
            back.appendleft(longest.pop())
        return back
