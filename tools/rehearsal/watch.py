# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs a command and measures what it takes: time, memory of all its processes, disk of a folder.

Memory is what the processes hold of their own (RssAnon and RssShmem of /proc/PID/status). Pages of
files that they map are left out: Linux gives those up when memory is asked for.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_OWN = ('RssAnon', 'RssShmem')
_PERIOD_S = 0.1
_PROC = Path('/proc')


@dataclass(frozen=True, slots=True)
class Taken:
    """What a command took. cpu_s: time of processors, of the command and of what it waited for."""

    code: int
    output: str  # stdout and stderr
    wall_s: float
    cpu_s: float
    peak_bytes: int
    disk_bytes: int  # what the folder grew by


def run(command: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> Taken:
    """Run a command to its end. folder: whose growth is measured.

    What ends this process from outside, as an exception, ends the command first.
    """
    before, began = folder_bytes(folder), time.monotonic()
    used = os.times()
    with (
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
        ) as process,
        PeakMemory(process.pid) as peak,
    ):
        try:
            output = process.stdout.read() if process.stdout is not None else ''
            code = process.wait()
        except BaseException:
            process.terminate()
            raise
    after = os.times()
    return Taken(
        code=code,
        output=output,
        wall_s=time.monotonic() - began,
        cpu_s=sum(after[2:4]) - sum(used[2:4]),
        peak_bytes=peak.nbytes,
        disk_bytes=folder_bytes(folder) - before,
    )


class PeakMemory:
    """The most memory that a process and its children held while the block ran, ten times a second.

    nbytes: the peak so far.
    """

    def __init__(self, pid: int) -> None:
        self.nbytes = 0  # written by the thread alone
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_PERIOD_S):
            self.nbytes = max(self.nbytes, sum(own_bytes(pid) for pid in family(self._pid)))


def family(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    try:
        tasks = list((_PROC / str(pid) / 'task').iterdir())
        children = ' '.join((task / 'children').read_text() for task in tasks)
    except OSError:
        # It has ended.
        return
    for child in children.split():
        yield from family(int(child))


def own_bytes(pid: int) -> int:
    """Memory that a process holds of its own; 0 if it has ended."""
    try:
        lines = (_PROC / str(pid) / 'status').read_text().splitlines()
    except OSError:
        return 0
    fields = dict(line.partition(':')[::2] for line in lines)
    return sum(int(fields[name].split()[0]) * 1024 for name in _OWN if name in fields)


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder, and of those in its folders."""
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file())
