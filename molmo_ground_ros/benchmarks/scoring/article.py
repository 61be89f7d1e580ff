# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The article's benchmarks by name, and its two tables with rows of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks.scoring.published import (
    MARK,
    ArticleTable,
    article_table,
)
from molmo_ground_ros.benchmarks.scoring.result_tables import TITLES, Table
from molmo_ground_ros.errors import BadSetting, listed

_NONE = '-'
RESULTS = 'results.json'

Row = Mapping[tuple[str, str], float]  # by benchmark and metric, 0..1


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark of the article, and the data that it is scored on."""

    name: str  # of --benchmark
    format: str  # one of datasets.FORMATS
    column: str  # the article's name for it
    folder: str = ''  # of its split, in the folder of the source
    videos: str = ''  # the list of its videos, as a pattern in the folder of the source


BENCHMARKS = {
    one.name: one
    for one in (
        Benchmark('burst-vc', 'burst-videocount', 'BURST-VC'),
        Benchmark('molmo2-vc', 'videocounteval', 'Molmo2-VC'),
        Benchmark('molmo2-vp', 'videopointeval', 'Molmo2-VP'),
        Benchmark('mevis-valid', 'mevis', 'MeViS valid', 'valid'),
        Benchmark('mevis-valid-u', 'mevis', 'MeViS valid-u', 'valid_u'),
        Benchmark('ref-yt-vos', 'ref-youtube-vos-valid', 'Ref-YT-VOS valid'),
        Benchmark('ref-davis', 'ref-davis17', 'Ref-DAVIS test', videos='*/ImageSets/2017/val.txt'),
        Benchmark('reasonvos', 'reasonvos', 'ReasonVOS'),
    )
}


def benchmark(name: str) -> Benchmark:
    """The benchmark of that name. Raises BadSetting."""
    if name not in BENCHMARKS:
        raise BadSetting('benchmark', name, f'is none of {listed(BENCHMARKS)}')
    return BENCHMARKS[name]


def data_of(chosen: Benchmark, data: str) -> str:
    """The folder to read: that of the benchmark's split, if the data holds it, else the data.

    Raises BadSetting for data of another split.
    """
    path = Path(data)
    if not chosen.folder:
        return data
    if (path / chosen.folder).is_dir():
        return str(path / chosen.folder)
    splits = {one.folder for one in BENCHMARKS.values() if one.folder} | {'train'}
    others = sorted(name for name in splits if (path / name).is_dir())
    if path.resolve().name in splits - {chosen.folder}:
        others = [path.resolve().name]
    if others:
        why = f"holds no '{chosen.folder}', which {chosen.name} is of, but {listed(others)}"
        raise BadSetting('data', data, why)
    return data


def videos_of(chosen: Benchmark, data: str) -> frozenset[str]:
    """The videos that a benchmark is of, as the data lists them; empty for all. Raises OSError.

    Ref-DAVIS is of DAVIS's validation set; ReferFormer moves that into a folder `valid`.
    """
    if not chosen.videos:
        return frozenset()
    for file in sorted(Path(data).glob(chosen.videos)):
        return frozenset(file.read_text(encoding='utf-8').split())
    folders = Path(data).glob('valid/Annotations/*/')
    return frozenset(folder.name for folder in folders)


def own_rows(chosen: Benchmark, numbers: Mapping[str, Mapping[str, float]]) -> dict[str, Row]:
    """The cells of each model's row. numbers: by model and metric."""
    return {
        model: {(chosen.column, metric): value for metric, value in scores.items()}
        for model, scores in numbers.items()
    }


def rows_beside(folders: Iterable[str], rules: str) -> dict[str, Row]:
    """The cells that earlier runs of `--benchmark` wrote to their folders, by model.

    rules: 'default' or 'parity', by which they must have been scored: the default gives higher
    numbers. Raises BadSetting for a folder without such results, OSError.
    """
    rows: dict[str, dict[tuple[str, str], float]] = {}
    for folder in folders:
        path = Path(folder) / RESULTS
        if not path.is_file():
            raise BadSetting('beside', folder, f'holds no {RESULTS}')
        content: Mapping[str, Any] = json.loads(path.read_text(encoding='utf-8'))
        about = content.get('about', {})
        name = about.get('benchmark', '')
        if name not in BENCHMARKS:
            raise BadSetting('beside', folder, 'is of no run with --benchmark')
        if about.get('rules', rules) != rules:
            why = f'was scored by the rules {about["rules"]}, and this run is by {rules}'
            raise BadSetting('beside', folder, why)
        metrics = {model: record['metrics'] for model, record in content['models'].items()}
        for model, row in own_rows(BENCHMARKS[name], metrics).items():
            rows.setdefault(model, {}).update(row)
    return dict(rows)


def table_like_the_articles(
    chosen: Benchmark, rows: Sequence[Mapping[str, Row]], *, with_published: bool
) -> Table:
    """The article's table that a benchmark stands in, in its order of columns and rows.

    rows: one's own by model, of which later ones add cells to earlier ones. Those whose name is the
    article's stand in its order, before others. with_published: the article's rows stand above
    one's own, each marked.
    """
    article = article_table(chosen.column)
    own: dict[str, dict[tuple[str, str], float]] = {}
    for of_run in rows:
        for model, row in of_run.items():
            own.setdefault(model, {}).update(row)
    places = {model: place for place, (model, _) in enumerate(article.rows)}
    lines = sorted(own.items(), key=lambda line: places.get(line[0], len(places)))
    if with_published:
        lines = [(f'{model} ({MARK})', dict(row)) for model, row in article.rows] + lines
    header = tuple(f'{name} {TITLES[metric]}' for name, metric in article.columns)
    return Table(
        _title(article, with_published),
        ('Model', *header),
        tuple((name, *(_cell(row, column) for column in article.columns)) for name, row in lines),
    )


def missing_masks(chosen: Benchmark, rows: Mapping[str, Row]) -> str:
    """What a benchmark of masks needs, where no row has its J&F; '' else."""
    column = chosen.column, 'j_and_f'
    if column not in article_table(chosen.column).columns or any(
        column in row for row in rows.values()
    ):
        return ''
    how = '--sam2 MODEL makes them of points, --masks reads ready ones'
    return f'{chosen.column}: J&F needs masks: {how}.'


def _title(article: ArticleTable, with_published: bool) -> str:
    published = "; published rows were measured by others, by the reference's rules"
    return f'{article.title}, as in the article{published if with_published else ""}'


def _cell(row: Row, column: tuple[str, str]) -> str:
    return f'{100 * row[column]:.1f}' if column in row else _NONE
