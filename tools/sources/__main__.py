# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: `python -m tools.sources [--only NAME] [--keep FOLDER]`.

Writes the synthetic copy of every source, evaluates it, and compares the scores with those of the
same truth in Molmo2's own format. Prints a row for each source, and last how many passed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from molmo_ground_ros.benchmarks.datasets.sources import SOURCES
from tools.sources.compare import Comparison, compare
from tools.sources.copies import SECONDS


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 if a source failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--only', metavar='NAME', choices=list(SOURCES), help='one source')
    parser.add_argument('--keep', type=Path, metavar='FOLDER', help='keep the copies there')
    parser.add_argument('--seconds', type=float, default=SECONDS, help='of each copied video')
    options = parser.parse_args(arguments)
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix='sources-') as scratch:
        for name in [options.only] if options.only else SOURCES:
            began = time.monotonic()
            comparison = compare(name, options.keep or Path(scratch), options.seconds)
            print(_row(comparison, time.monotonic() - began), flush=True)
            passed += comparison.passed
            failed += not comparison.passed
    print(f'{passed} passed, {failed} failed')
    return int(failed > 0)


def _row(comparison: Comparison, seconds: float) -> str:
    scores = ', '.join(
        f'{name} {comparison.scores.get(name, float("nan")):.4f} of {comparison.own[name]:.4f}'
        for name in ('f1', 'hota')
        if name in comparison.own
    )
    source = SOURCES[comparison.source]
    state = 'passed' if comparison.passed else 'FAILED'
    parts = [
        f'{comparison.source:<22}{state:<8}{source.gives:<7}',
        f'{comparison.own.get("examples", 0):2.0f} questions  {scores}  {seconds:.1f} s',
    ]
    return '\n'.join([''.join(parts), *(f'    {fault}' for fault in comparison.faults[:3])])


if __name__ == '__main__':
    sys.exit(main())
