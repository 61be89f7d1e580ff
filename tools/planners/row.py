# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One thing that is tried, and how that went."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from molmo_ground_ros.errors import describe
from molmo_ground_ros.reports.answer_table import text_table
from tools.planners.table import Table

HEADER = ('', 'row', 'what', 'seconds', 'result')


class Wrong(Exception):
    """Something is not as it must be; the message says what."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is tried. run: raises where it fails; returns what to show.

    package: what must be installed for it; '' for nothing. quick: whether the tests run it too.
    """

    name: str
    what: str
    run: Callable[[Table], str]
    package: str = ''
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a row went. passed: None where it could not be tried."""

    row: Row
    passed: bool | None
    seconds: float
    words: str


def tried(row: Row, table: Table) -> Outcome:
    """Try a row."""
    if row.package and importlib.util.find_spec(row.package) is None:
        return Outcome(row, None, 0.0, f'{row.package} is not installed')
    began = time.monotonic()
    try:
        words, passed = row.run(table), True
    except Exception as error:  # noqa: BLE001 - a row that fails must not end the others
        words, passed = describe(error), False
    return Outcome(row, passed, time.monotonic() - began, words)


def text_of(outcomes: Sequence[Outcome]) -> str:
    """All rows as a table, and how many passed and failed."""
    marks = {True: 'passed', False: 'FAILED', None: 'not tried'}
    rows = [
        (marks[each.passed], each.row.name, each.row.what, f'{each.seconds:.1f}', each.words)
        for each in outcomes
    ]
    counts = _count(outcomes, True), _count(outcomes, False)
    return f'{text_table(HEADER, rows)}\n\n{counts[0]} passed, {counts[1]} failed'


def must(holds: bool, why: str) -> None:
    """Raise Wrong unless something holds."""
    if not holds:
        raise Wrong(why)


def _count(outcomes: Iterable[Outcome], passed: bool) -> int:
    return sum(each.passed is passed for each in outcomes)
