# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Memory, threads and open files of a process, over time, and the shared memory that it maps."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PERIOD_S = 1.0
_SHARED = Path('/dev/shm')
_RESIDENT = re.compile(r'^VmRSS:\s+(\d+) kB', re.MULTILINE)
_THREADS = re.compile(r'^Threads:\s+(\d+)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process took at one time. seconds: by the steady clock."""

    seconds: float
    resident_mb: float
    threads: int
    files: int


def sample(pid: int) -> Sample:
    """What a process takes now. Raises OSError if there is none."""
    status = Path(f'/proc/{pid}/status').read_text()
    resident, threads = _RESIDENT.search(status), _THREADS.search(status)
    if resident is None or threads is None:
        raise ProcessLookupError(pid)
    files = len(list(Path(f'/proc/{pid}/fd').iterdir()))
    return Sample(time.monotonic(), int(resident[1]) / 1e3, int(threads[1]), files)


def shared_memory(pid: int) -> set[Path]:
    """The files of shared memory that a process has mapped for itself.

    Ports of Fast DDS are left out: all participants of the machine share them, and whoever closes
    one last deletes it.
    """
    maps = Path(f'/proc/{pid}/maps').read_text()
    paths = {Path(path) for path in re.findall(rf'{_SHARED}/\S+', maps)}
    return {path for path in paths if not path.name.startswith('fastrtps_port')}


def is_mapped(path: Path) -> bool:
    """Whether some process still maps a file."""
    for maps in Path('/proc').glob('[0-9]*/maps'):
        try:
            if str(path) in maps.read_text():
                return True
        except OSError:
            # It has ended meanwhile.
            continue
    return False


class Meter:
    """Samples a process until it is stopped."""

    def __init__(self, pid: int) -> None:
        """Begin at once."""
        self.samples: list[Sample] = []
        self._pid = pid
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more samples."""
        self._stopped.set()
        self._thread.join()

    def slope_mb_per_10min(self) -> float:
        """How memory grows, after the first quarter of the time; nan where that is too short."""
        if not self.samples:
            return float('nan')
        first, last = self.samples[0].seconds, self.samples[-1].seconds
        late = [entry for entry in self.samples if entry.seconds >= first + (last - first) / 4]
        if len(late) < 3:
            return float('nan')
        times = [entry.seconds for entry in late]
        slope, _ = np.polyfit(times, [entry.resident_mb for entry in late], 1)
        return float(slope * 600)

    def _run(self) -> None:
        while not self._stopped.wait(PERIOD_S):
            try:
                self.samples.append(sample(self._pid))
            except OSError:
                return
