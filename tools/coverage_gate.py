# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Hold the core to its share of branches taken by the tests. Reads `.coverage`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from coverage import Coverage

BRANCHES_PERCENT = 95.0
# What runs without a model, ROS or a terminal. The other rooms are tested by what they do, partly
# in processes that coverage does not follow.
CORE = (
    *('types.py', 'errors.py', 'config.py', 'storage', 'frames', 'space', 'language', 'grounding'),
    *('benchmarks/conversions', 'benchmarks/datasets', 'benchmarks/feedback'),
    'benchmarks/metrics',
)
PACKAGE = Path('molmo_ground_ros')


def measured(include: list[str]) -> dict[str, float]:
    """Totals over these files, as `coverage json` names them. Prints the table first."""
    coverage = Coverage()
    coverage.load()
    coverage.report(include=include, file=sys.stdout)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'coverage.json'
        coverage.json_report(include=include, outfile=str(path))
        totals: dict[str, float] = json.loads(path.read_text())['totals']
    return totals


def main() -> int:
    """Print the table of the core; 1 if too few branches were taken."""
    missing = [entry for entry in CORE if not (PACKAGE / entry).exists()]
    if missing:
        print(f'coverage gate: no such file or folder in {PACKAGE}: {", ".join(missing)}')
        return 1
    include = [f'*/{PACKAGE / name}{"" if name.endswith(".py") else "/*"}' for name in CORE]
    totals = measured(include)
    # Neither is there if nothing was measured at all.
    covered, all_branches = totals.get('covered_branches', 0), totals.get('num_branches', 0)
    percent = 100.0 * covered / all_branches if all_branches else 0.0
    passed = percent >= BRANCHES_PERCENT and totals['percent_covered'] >= BRANCHES_PERCENT
    print(
        f'coverage of the core: {percent:.1f} % of {all_branches:.0f} branches, '
        f'{totals["percent_covered"]:.1f} % with lines; at least {BRANCHES_PERCENT:.0f} % wanted: '
        f'{"passed" if passed else "FAILED"}'
    )
    return 0 if passed else 1


if __name__ == '__main__':
    sys.exit(main())
