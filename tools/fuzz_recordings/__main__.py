# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Hands the cases to child processes, keeps what was done, and prints the figures."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.fuzz_recordings.child import read_cases
from tools.fuzz_recordings.figures import Figures, load
from tools.fuzz_recordings.samples import write_samples

_CASES_OF_A_CHILD = 2000
_SAVE_SECONDS = 20.0
# Allocators that keep address space for later would reach the limit without taking memory.
_ALLOCATORS = {'MALLOC_ARENA_MAX': '2', 'ARROW_DEFAULT_MEMORY_POOL': 'system'}


def main() -> int:
    """Run the cases, print the figures; 1 if one is bad."""
    parser = argparse.ArgumentParser(description='Damage recordings of every kind and read them.')
    parser.add_argument('--count', type=int, default=2000, help='how many cases')
    parser.add_argument('--first', type=int, default=0, help='number of the first case')
    parser.add_argument(
        '--state', type=Path, metavar='FILE', help='keep the figures there, and go on from them'
    )
    parser.add_argument('--only', default='', metavar='NAME', help='samples that begin so')
    parser.add_argument('--child', type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    end = options.first + options.count
    if options.child:
        return read_cases(options.first, end, options.child, options.only)
    figures = load(options.state, options.first)
    with tempfile.TemporaryDirectory() as folder:
        write_samples(Path(folder))
        while figures.next_case < end:
            last = min(figures.next_case + _CASES_OF_A_CHILD, end)
            _run_child(figures, last, Path(folder), options)
    for line in figures.lines():
        print(line)
    return 1 if figures.bad or not figures.cases else 0


def _run_child(figures: Figures, end: int, folder: Path, options: argparse.Namespace) -> None:
    """Read the cases up to `end` in a process, or up to one that ends it, which is bad."""
    first = figures.next_case
    arguments = ['--first', str(first), '--count', str(end - first), '--child', str(folder)]
    command = [sys.executable, '-m', 'tools.fuzz_recordings', *arguments, '--only', options.only]
    state: Path | None = options.state
    started, saved_s = -1, time.monotonic()
    environment = {**os.environ, **_ALLOCATORS}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        for line in process.stdout or ():
            said = json.loads(line)
            started = said.get('start', started)
            if 'case' in said:
                figures.add(said)
            if state and time.monotonic() - saved_s > _SAVE_SECONDS:
                figures.save(state)
                saved_s = time.monotonic()
    if process.returncode == 0:
        figures.next_case = end
    else:
        # Without a last line the process crashed, or a limit of time ended it.
        number = max(started, figures.next_case)
        figures.bad.append(f'case {number}: the process ended with {process.returncode}')
        figures.next_case = number + 1
    if state:
        figures.save(state)


if __name__ == '__main__':
    sys.exit(main())
