# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything of `index` and `find` but the model, on many bags: `python -m bench.index`.

The bags are `tools.loop_bags`. Answers come at once: an event every ten seconds and one track. The
time of a process is stated as it passed and as the CPU's: on a shared machine the second is what
the program takes. `find` is the command, started anew each time. Prints one JSON object as its
last line.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.hour import QUESTIONS, Instant
from bench.inputs import ROOT
from molmo_ground_ros.analysis.moments.asking import LocalAsker
from molmo_ground_ros.analysis.moments.database import NAME, Database
from molmo_ground_ros.analysis.moments.indexing import Indexer
from molmo_ground_ros.grounding.grounder import Grounder
from tools.loop_bags import write_loops

_TEXT = 'red block grasped'
_SEARCHES = {
    'find_table': [_TEXT],
    'find_json': [_TEXT, '--json'],
    'find_page': [_TEXT, '--html', 'page.html'],
    'find_everything': ['--limit', '0', '--json'],
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the bags, index them twice, look moments up, print."""
    parser = argparse.ArgumentParser(
        prog='python -m bench.index', description=(__doc__ or '').splitlines()[0]
    )
    parser.add_argument('--bags', type=int, default=200)
    parser.add_argument('--seconds', type=float, default=60.0, help='of each bag')
    parser.add_argument('--rate', type=float, default=10.0, help='pictures a second')
    parser.add_argument('--finds', type=int, default=5, help='runs of each search')
    parser.add_argument('--keep', type=Path, help='a folder for the bags, which stay')
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix='index-') as scratch:
        folder = options.keep or Path(scratch)
        if not any(folder.glob('*.mcap')):
            write_loops(folder, options.bags, options.seconds, options.rate)
        (folder / NAME).unlink(missing_ok=True)
        length_s = options.bags * options.seconds
        record: dict[str, Any] = {'bags': options.bags, 'recorded_s': length_s}
        for name in ('index', 'index_again'):
            wall_s, cpu_s = _index(folder)
            record |= {f'{name}_s': wall_s, f'{name}_cpu_s': cpu_s}
        record['times_real_time'] = length_s / record['index_s']
        record['times_real_time_of_cpu'] = length_s / record['index_cpu_s']
        for name, words in _SEARCHES.items():
            wall_s, cpu_s, total = _find(folder, words, options.finds)
            record |= {f'{name}_s': wall_s, f'{name}_cpu_s': cpu_s, f'{name}_moments': total}
        record['index_bytes_a_moment'] = (folder / NAME).stat().st_size / total
    for name, value in record.items():
        print(f'{name:<28}{value:.4g}')
    print(json.dumps(record))
    return 0


def _index(folder: Path) -> tuple[float, float]:
    """(time that passed, time of the CPU) of bringing the index up to date, seconds."""
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    with (
        Database(folder / NAME, writable=True) as database,
        Indexer(database, QUESTIONS, 'instant', LocalAsker(lambda: Grounder(Instant()))) as indexer,
    ):
        outcomes = Counter(report.outcome for report in indexer.run(folder))
    print(dict(outcomes), file=sys.stderr)
    return time.perf_counter() - began_s, time.process_time() - began_cpu_s


def _find(folder: Path, words: Sequence[str], runs: int) -> tuple[float, float, int]:
    """Medians of the time that passed and of the CPU's, of the whole command; how many moments."""
    command = [sys.executable, '-m', 'molmo_ground_ros.cli', 'find', *words]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    timings = []
    for _ in range(runs):
        used_s, began_s = _children_s(), time.perf_counter()
        ran = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        timings.append((time.perf_counter() - began_s, _children_s() - used_s))
    text = ran.stdout.decode()
    total = json.loads(text)['total'] if '--json' in words else _total(text)
    wall_s, cpu_s = (statistics.median(column) for column in zip(*timings, strict=True))
    return wall_s, cpu_s, total


def _total(text: str) -> int:
    line = next(line for line in text.splitlines() if ' moments in ' in line)
    return int(line.split()[0])


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == '__main__':
    sys.exit(main())
