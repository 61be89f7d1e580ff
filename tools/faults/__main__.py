# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Try faults on the running node: a row for each, then `N passed, N failed`; 1 if any failed."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from fnmatch import fnmatch

from tools.faults.fault import Fault, Verdict
from tools.faults.harness import harness
from tools.faults.node_process import ROOT
from tools.faults.report import last_line, page, row_text
from tools.faults.table import FAULTS, KINDS

PAGE = ROOT / 'docs/faults.md'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the faults that the arguments choose; returns the exit code."""
    parser = argparse.ArgumentParser(prog='make faults', description=__doc__)
    parser.add_argument(
        '--only', action='append', metavar='NAME', help='a name or pattern such as "jpeg*"'
    )
    parser.add_argument('--quick', action='store_true', help='the short form that the tests run')
    parser.add_argument('--list', action='store_true', help='print the names and end')
    parser.add_argument('--docs', action='store_true', help='write docs/faults.md and end')
    options = parser.parse_args(arguments)
    if options.docs:
        PAGE.write_text(page(KINDS))
        return 0
    chosen = [
        fault
        for fault in FAULTS
        if (not options.only or any(fnmatch(fault.name, name) for name in options.only))
        and (fault.quick or not options.quick)
    ]
    if not chosen:
        parser.error(f'no fault is named {" or ".join(options.only)}: see --list')
    if options.list:
        print('\n'.join(f'{fault.name:26} {fault.what}' for fault in chosen))
        return 0
    # The node ends with this process, however it is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return try_all(chosen)


def try_all(faults: Sequence[Fault]) -> int:
    """Try faults, print their rows; 1 if any failed."""
    rows = []
    with harness() as tried:
        for fault in faults:
            row = tried.run(fault)
            print(row_text(row), flush=True)
            rows.append(row)
    print(last_line(rows))
    return int(any(row.verdict is Verdict.FAILED for row in rows))


if __name__ == '__main__':
    sys.exit(main())
