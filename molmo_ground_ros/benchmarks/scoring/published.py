# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores that others published, for comparison. None of them was measured here.

`published.json` holds the article's two tables, and the scores of Molmo2 in version 4 of the paper.
The two differ (MeViS valid, Molmo2-4B: 56.2 and 63.3), so each row names its source and table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from molmo_ground_ros.errors import BadSetting, listed

# The word that marks a published row in a table.
MARK = 'published'
# The benchmark that belongs to a format of `datasets`.
OF_FORMAT = {
    'videocounteval': 'Molmo2-VC',
    'videopointeval': 'Molmo2-VP',
    'videotrackeval': 'Molmo2-Track',
    'burst-videocount': 'BURST-VC',
    'ref-youtube-vos-valid': 'Ref-YT-VOS valid',
    'ref-davis17': 'Ref-DAVIS test',
    'reasonvos': 'ReasonVOS',
}
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """The scores of one model on one benchmark, from one source."""

    benchmark: str
    model: str
    group: str  # as the source groups it, e.g. 'API Only'
    source: str  # e.g. 'paper, Table 4'
    where: str  # address of the source
    scores: Mapping[str, float]  # by name of the metric, 0..1


@dataclass(frozen=True, slots=True)
class ArticleTable:
    """One table of the article, as it prints it."""

    title: str
    columns: tuple[tuple[str, str], ...]  # (benchmark, metric)
    rows: tuple[tuple[str, Mapping[tuple[str, str], float]], ...]  # (model, cells, 0..1)


def article_table(benchmark: str) -> ArticleTable:
    """The article's table that has columns of a benchmark. Raises BadSetting."""
    for table in _published_tables():
        columns = tuple((name, metric) for name, metric in table['columns'])
        if table['source'] == 'article' and benchmark in dict(columns):
            rows = tuple(
                (model, dict(zip(columns, (value / _PERCENT for value in values), strict=True)))
                for _, model, *values in table['rows']
            )
            return ArticleTable(table['table'], columns, rows)
    raise BadSetting('benchmark', benchmark, 'is in no table of the article')


def benchmarks() -> tuple[str, ...]:
    """The benchmarks with published scores, in the order of the sources."""
    return tuple(_rows())


def published(benchmark: str) -> tuple[PublishedRow, ...]:
    """The rows of a benchmark by source. Its name may be in any case. Raises BadSetting."""
    for name, rows in _rows().items():
        if name.casefold() == benchmark.strip().casefold():
            return rows
    raise BadSetting('benchmark', benchmark, f'the known ones: {listed(_rows())}')


def published_beside(data_format: str) -> tuple[PublishedRow, ...]:
    """The rows of the benchmark that a data format belongs to; empty if none is published."""
    name = OF_FORMAT.get(data_format)
    return published(name) if name else ()


@cache
def _published() -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(
        Path(__file__).with_name('published.json').read_text(encoding='utf-8')
    )
    return content


def _published_tables() -> list[Mapping[str, Any]]:
    tables: list[Mapping[str, Any]] = _published()['tables']
    return tables


@cache
def _rows() -> dict[str, tuple[PublishedRow, ...]]:
    data = _published()
    by_benchmark: dict[str, list[PublishedRow]] = {}
    for table in data['tables']:
        where = data['sources'][table['source']]['where']
        for benchmark in dict.fromkeys(name for name, _ in table['columns']):
            rows = by_benchmark.setdefault(benchmark, [])
            rows += [_row(table, row, benchmark, where) for row in table['rows']]
    return {name: tuple(rows) for name, rows in by_benchmark.items()}


def _row(table: Mapping[str, Any], row: list[Any], benchmark: str, where: str) -> PublishedRow:
    group, model, *values = row
    scores = {
        metric: value / _PERCENT
        for (name, metric), value in zip(table['columns'], values, strict=True)
        if name == benchmark
    }
    source = f'{table["source"]}, {table["table"]}'
    return PublishedRow(benchmark, model, group, source, where, scores)
