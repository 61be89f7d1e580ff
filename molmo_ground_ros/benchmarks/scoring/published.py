# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores that others published, to stand beside one's own. None of them was measured here.

`published.json` holds the article's two tables and what version 4 of the paper says of its own
models. They differ (MeViS valid, Molmo2-4B: 56.2 and 63.3): a row is of one table of one source.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from molmo_ground_ros.errors import BadSetting, listed

MARK = 'published'  # what such a row is marked as
# The benchmark whose rows belong beside data of a format of `datasets`.
OF_FORMAT = {
    'videocounteval': 'Molmo2-VC',
    'videopointeval': 'Molmo2-VP',
    'videotrackeval': 'Molmo2-Track',
}
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One model's scores on one benchmark, by one source."""

    model: str
    group: str  # as the source groups it, e.g. 'API Only'
    source: str  # e.g. 'paper, Table 4'
    where: str  # its address
    scores: Mapping[str, float]  # by name of the metric, 0..1


def benchmarks() -> tuple[str, ...]:
    """The benchmarks that something is published of, in the order of the sources."""
    return tuple(_rows())


def published(benchmark: str) -> tuple[PublishedRow, ...]:
    """The rows of a benchmark, named in any case, source by source. Raises BadSetting."""
    for name, rows in _rows().items():
        if name.casefold() == benchmark.strip().casefold():
            return rows
    raise BadSetting('benchmark', benchmark, f'the known ones: {listed(_rows())}')


def published_beside(data_format: str) -> tuple[PublishedRow, ...]:
    """The rows that belong beside data of a format, none where nothing is published of it."""
    name = OF_FORMAT.get(data_format)
    return published(name) if name else ()


@cache
def _rows() -> dict[str, tuple[PublishedRow, ...]]:
    data = json.loads(Path(__file__).with_name('published.json').read_text(encoding='utf-8'))
    found: dict[str, list[PublishedRow]] = {}
    for table in data['tables']:
        where = data['sources'][table['source']]['where']
        for benchmark in dict.fromkeys(name for name, _ in table['columns']):
            rows = found.setdefault(benchmark, [])
            rows += [_row(table, row, benchmark, where) for row in table['rows']]
    return {name: tuple(rows) for name, rows in found.items()}


def _row(table: Mapping[str, Any], row: list[Any], benchmark: str, where: str) -> PublishedRow:
    group, model, *values = row
    scores = {
        metric: value / _PERCENT
        for (name, metric), value in zip(table['columns'], values, strict=True)
        if name == benchmark
    }
    return PublishedRow(model, group, f'{table["source"]}, {table["table"]}', where, scores)
