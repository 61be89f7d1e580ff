# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a process takes: time of processors and memory, read from /proc."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TICKS = os.sysconf('SC_CLK_TCK')
# Memory is judged after buffers and caches have filled, which takes four cameras 200 s.
WARM_UP_S, LEAST_S = 300.0, 120.0


def cpu_s(pid: int) -> float:
    """Seconds of processors that a process has taken; 0.0 once it is gone."""
    try:
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    except OSError:
        return 0.0
    # utime and stime, the 14th and 15th of all.
    return (int(fields[11]) + int(fields[12])) / _TICKS


@dataclass(frozen=True, slots=True)
class Memory:
    """Of a process, in 10^6 bytes."""

    resident_mb: float
    # Of that, what it shares with others: the middleware's messages between processes.
    shared_mb: float

    @property
    def own_mb(self) -> float:
        """Resident and its own."""
        return self.resident_mb - self.shared_mb


def memory(pid: int) -> Memory:
    """What a process takes now. Raises OSError, ValueError once it is gone."""
    status = Path(f'/proc/{pid}/status').read_text()
    sizes = dict(re.findall(r'^(VmRSS|RssShmem):\s+(\d+) kB$', status, re.MULTILINE))
    if len(sizes) != 2:
        raise ValueError(f'process {pid} has no memory any more')
    return Memory(*(int(sizes[name]) * 1024 / 1e6 for name in ('VmRSS', 'RssShmem')))


def child_of(pid: int) -> int:
    """The only child process of a process; 0 if it has none."""
    tasks = Path(f'/proc/{pid}/task').glob('*/children')
    return next((int(child) for task in tasks for child in task.read_text().split()), 0)


class MemoryWatch:
    """Reads the memory of a process every second, in a thread."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._samples: list[tuple[float, Memory]] = []  # seconds, what was read
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()

    @property
    def peak_mb(self) -> float:
        """The most that was resident."""
        return max((read.resident_mb for _, read in self._samples), default=0.0)

    def each_5min_mb(self, part: str = 'resident_mb') -> list[float]:
        """The median of each five minutes that were measured whole: whether a slope is a trend.

        part: of `Memory`.
        """
        if not self._samples:
            return []
        seconds, megabytes = self._columns(part)
        number = (seconds - seconds[0]) // 300.0
        return [float(np.median(megabytes[number == k])) for k in range(int(number[-1]))]

    def slope_mb_per_10min(self, part: str = 'resident_mb') -> float | None:
        """How fast it grew after WARM_UP_S; None where less than LEAST_S were measured then."""
        if not self._samples:
            return None
        seconds, megabytes = self._columns(part)
        warm = seconds - seconds[0] > WARM_UP_S
        if not warm.any() or np.ptp(seconds[warm]) < LEAST_S:
            return None
        return float(np.polyfit(seconds[warm], megabytes[warm], 1)[0]) * 600

    def _columns(self, part: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        seconds = np.array([second for second, _ in self._samples])
        return seconds, np.array([getattr(read, part) for _, read in self._samples])

    def _watch(self) -> None:
        while not self._stop.wait(1.0):
            try:
                self._samples.append((time.monotonic(), memory(self._pid)))
            except (OSError, ValueError):
                return
