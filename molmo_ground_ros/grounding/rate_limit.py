# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How many queries a minute are taken, so that an asker out of control leaves the model to others.

The limit is a bucket: it holds the queries of a minute, and fills again evenly. So a burst of a
minute's queries passes, and over a longer time no more than the limit. Runs on the steady clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from molmo_ground_ros.errors import ErrorCode, GroundError

MINUTE_NS = 60_000_000_000


class TooManyQueries(GroundError):
    """More queries come than the setting allows; nothing was started."""

    code = ErrorCode.BUSY

    def __init__(self, per_minute: int, wait_s: float) -> None:
        self.per_minute = per_minute
        self.wait_s = wait_s
        super().__init__(
            f'more than queries_per_minute = {per_minute} come; ask again in {wait_s:.1f} s'
        )


class RateLimit:
    """Counts the queries of one node. For any thread."""

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """Begin with a full bucket. now_ns: the steady clock."""
        self._now_ns = now_ns
        self._lock = threading.Lock()
        # Guarded by _lock. The share of a minute's queries that may come at once, 0 to 1.
        self._free = 1.0
        self._filled_ns = now_ns()

    def take(self, per_minute: int) -> None:
        """Count one query; 0 sets no limit. Raises TooManyQueries, which counts none."""
        if not per_minute:
            return
        share = 1 / per_minute
        with self._lock:
            now_ns = self._now_ns()
            self._free = min(1.0, self._free + (now_ns - self._filled_ns) / MINUTE_NS)
            self._filled_ns = now_ns
            missing = share - self._free
            if missing <= 1e-9:
                self._free = max(0.0, -missing)
                return
        raise TooManyQueries(per_minute, missing * 60)
