# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a process takes: time of processors and memory, read from /proc."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path

import numpy as np

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


def memory_mb(pid: int) -> float:
    """Resident memory of a process, 10^6 bytes."""
    status = Path(f'/proc/{pid}/status').read_text()
    (kibibytes,) = re.findall(r'^VmRSS:\s+(\d+) kB$', status, re.MULTILINE)
    return int(kibibytes) * 1024 / 1e6


def child_of(pid: int) -> int:
    """The only child process of a process; 0 if it has none."""
    tasks = Path(f'/proc/{pid}/task').glob('*/children')
    return next((int(child) for task in tasks for child in task.read_text().split()), 0)


class MemoryWatch:
    """Reads the memory of a process every second, in a thread."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._samples: list[tuple[float, float]] = []  # seconds, megabytes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()

    @property
    def peak_mb(self) -> float:
        """The most that was read."""
        return max((megabytes for _, megabytes in self._samples), default=0.0)

    def each_5min_mb(self) -> list[float]:
        """The median of each five minutes that were measured whole: whether a slope is a trend."""
        if not self._samples:
            return []
        seconds, megabytes = np.array(self._samples).T
        part = (seconds - seconds[0]) // 300.0
        return [float(np.median(megabytes[part == k])) for k in range(int(part[-1]))]

    def slope_mb_per_10min(self) -> float | None:
        """How fast memory grew after WARM_UP_S; None where less than LEAST_S were measured then."""
        began_s = min((seconds for seconds, _ in self._samples), default=0.0)
        warm = [sample for sample in self._samples if sample[0] - began_s > WARM_UP_S]
        if not warm or warm[-1][0] - warm[0][0] < LEAST_S:
            return None
        seconds, megabytes = np.array(warm).T
        return float(np.polyfit(seconds, megabytes, 1)[0]) * 600

    def _watch(self) -> None:
        while not self._stop.wait(1.0):
            try:
                self._samples.append((time.monotonic(), memory_mb(self._pid)))
            except (OSError, ValueError):
                return
