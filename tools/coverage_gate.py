# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Hold the core, floors 1 and 3, to its share of branches taken by the tests. Reads `.coverage`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from coverage import Coverage

BRANCHES_PERCENT = 95.0
# Floors 2 and 4: they need models, ROS or a terminal, and are tested by what they do.
OTHER_FLOORS = (
    *('backends', 'ros', 'bag.py', 'cli.py', 'commands', 'evaluate.py', 'recording', 'report.py'),
)
PACKAGE = Path('molmo_ground_ros')


def measured(omit: list[str]) -> dict[str, float]:
    """Totals over the files not omitted, as `coverage json` names them. Prints the table first."""
    coverage = Coverage()
    coverage.load()
    coverage.report(omit=omit, file=sys.stdout)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'coverage.json'
        coverage.json_report(omit=omit, outfile=str(path))
        totals: dict[str, float] = json.loads(path.read_text())['totals']
    return totals


def main() -> int:
    """Print the table of the core; 1 if too few branches were taken."""
    omit = [f'*/{PACKAGE / name}{"" if name.endswith(".py") else "/*"}' for name in OTHER_FLOORS]
    totals = measured(omit)
    # Neither is there if nothing was measured at all.
    taken, all_branches = totals.get('covered_branches', 0), totals.get('num_branches', 0)
    percent = 100.0 * taken / all_branches if all_branches else 0.0
    passed = percent >= BRANCHES_PERCENT and totals['percent_covered'] >= BRANCHES_PERCENT
    print(
        f'coverage of floors 1 and 3: {percent:.1f} % of {all_branches:.0f} branches, '
        f'{totals["percent_covered"]:.1f} % with lines; at least {BRANCHES_PERCENT:.0f} % wanted: '
        f'{"passed" if passed else "FAILED"}'
    )
    return 0 if passed else 1


if __name__ == '__main__':
    sys.exit(main())
