# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The records of an analysis as CSV, for spreadsheets and pandas."""

from __future__ import annotations

import csv
from pathlib import Path

from molmo_ground_ros.analysis.findings import Analysis
from molmo_ground_ros.analysis.records import KEYS, records
from molmo_ground_ros.storage.atomic import atomic_file

# A spreadsheet reads a text that begins with one of these as a formula, unless an apostrophe stands
# before it. A text that begins with an apostrophe gets a second one: `cell_text` takes off one.
_FORMULA = ('=', '+', '-', '@', '\t', '\r', '\n')
_AS_TEXT = "'"


def write_csv(analysis: Analysis, path: str | Path) -> None:
    """Write one row a record, under a header: UTF-8, commas, CRLF, quotes as RFC 4180 has them.

    Columns and units are those of `records`; null is an empty field, marks are joined by '; '. A
    text that a spreadsheet would run as a formula gets an apostrophe before it, which `cell_text`
    takes off. Raises OSError, and leaves an older file as it was.
    """
    with (
        atomic_file(Path(path)) as partial,
        partial.open('w', encoding='utf-8', errors='backslashreplace', newline='') as file,
    ):
        writer = csv.writer(file)
        writer.writerow(KEYS)
        for record in records(analysis):
            writer.writerow([_cell(record[key]) for key in KEYS])


def cell_text(cell: str) -> str:
    """The text that `write_csv` wrote as this cell."""
    return cell.removeprefix(_AS_TEXT)


def _cell(value: object) -> object:
    if isinstance(value, list):
        value = '; '.join(value)
    if isinstance(value, str) and value.startswith((*_FORMULA, _AS_TEXT)):
        return _AS_TEXT + value
    return value
