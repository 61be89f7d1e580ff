# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The published scores. What they were copied from is not in the repository."""

import tomllib
from pathlib import Path

import pytest

from molmo_ground_ros.benchmarks.scoring.published import (
    OF_FORMAT,
    benchmarks,
    published,
    published_beside,
)
from molmo_ground_ros.errors import BadSetting

METRICS = {'accuracy', 'close_accuracy', 'precision', 'recall', 'f1', 'hota', 'j_and_f'}
ARTICLE = {  # models of each of its tables
    'Video Counting & Pointing': ['GPT-5', 'GPT-5 mini', 'Gemini 3 Pro', 'Gemini 2.5 Pro']
    + ['Gemini 2.5 Flash', 'Claude Sonnet 4.5', 'Qwen3-VL-4B', 'Qwen3-VL-8B']
    + ['Molmo2-4B', 'Molmo2-8B', 'Molmo2-O-7B'],
    'Video Tracking': ['GPT-5', 'GPT-5 mini', 'Gemini 3 Pro', 'Gemini 2.5 Pro', 'Gemini 2.5 Flash']
    + ['Qwen3-VL-4B', 'Qwen3-VL-8B', 'VideoLISA', 'Molmo2-4B', 'Molmo2-8B', 'Molmo2-O-7B'],
}


def score(benchmark, model, source, metric):
    (row,) = [r for r in published(benchmark) if r.model == model and r.source.startswith(source)]
    return round(100 * row.scores[metric], 6)


def test_every_benchmark_has_every_row_of_its_tables():
    assert benchmarks() == (
        *('BURST-VC', 'Molmo2-VC', 'Molmo2-VP', 'MeViS valid', 'MeViS valid-u'),
        *('Ref-YT-VOS valid', 'Ref-DAVIS test', 'ReasonVOS', 'Molmo2-Track'),
    )
    for number, name in enumerate(benchmarks()[:-1]):
        table = list(ARTICLE)[number >= 3]
        rows = published(name)
        assert [r.model for r in rows if r.source == f'article, {table}'] == ARTICLE[table]
        paper = [r.model for r in rows if r.source == f'paper, Table {3 + (number >= 3)}']
        assert paper == ['Molmo2-4B', 'Molmo2-8B', 'Molmo2-O-7B'][: 3 - (number >= 3)]
        assert len(rows) == len(ARTICLE[table]) + len(paper)


def test_scores_are_shares_by_the_names_of_our_metrics():
    for name in benchmarks():
        for row in published(name):
            assert set(row.scores) <= METRICS
            assert row.scores
            assert all(0 <= value < 1 for value in row.scores.values())
            assert row.where.startswith('https://')
            assert row.group


@pytest.mark.parametrize(
    ('benchmark', 'model', 'source', 'metric', 'percent'),
    [
        ('BURST-VC', 'GPT-5', 'article', 'accuracy', 43.1),
        ('BURST-VC', 'Molmo2-O-7B', 'article', 'close_accuracy', 76.0),
        ('Molmo2-VC', 'Gemini 2.5 Pro', 'article', 'close_accuracy', 56.5),
        ('Molmo2-VP', 'Gemini 3 Pro', 'article', 'f1', 20.0),
        ('Molmo2-VP', 'Gemini 3 Pro', 'article', 'recall', 27.4),
        ('Molmo2-VP', 'Gemini 3 Pro', 'article', 'precision', 19.8),
        ('Molmo2-VP', 'Qwen3-VL-4B', 'article', 'f1', 0.0),
        ('Molmo2-VP', 'Molmo2-4B', 'paper', 'recall', 42.7),
        ('MeViS valid', 'Molmo2-4B', 'article', 'j_and_f', 56.2),
        ('MeViS valid', 'Molmo2-4B', 'paper', 'j_and_f', 63.3),
        ('Ref-YT-VOS valid', 'VideoLISA', 'article', 'j_and_f', 63.7),
        ('Ref-DAVIS test', 'Gemini 3 Pro', 'article', 'j_and_f', 66.6),
        ('ReasonVOS', 'Molmo2-8B', 'paper', 'hota', 68.6),
        ('Molmo2-Track', 'Molmo2-8B', 'paper', 'j_and_f', 56.2),
        ('Molmo2-Track', 'Molmo2-O-7B', 'paper', 'f1', 54.2),
    ],
)
def test_known_scores(benchmark, model, source, metric, percent):
    assert score(benchmark, model, source, metric) == percent


def test_rows_belong_beside_the_formats_they_were_measured_on():
    assert set(OF_FORMAT.values()) <= set(benchmarks())
    assert published_beside('videopointeval') == published('molmo2-vp')
    assert published_beside('coco') == ()


def test_an_unknown_benchmark_is_refused_with_the_known_ones():
    with pytest.raises(BadSetting, match=r"'MeVis'.*'MeViS valid', 'MeViS valid-u'"):
        published('MeVis')


def test_the_data_is_packaged():
    root = Path(__file__).parents[3]
    packaging = tomllib.loads((root / 'pyproject.toml').read_text())['tool']['setuptools']
    for name in packaging['package-data']['molmo_ground_ros']:
        matches = list((root / 'molmo_ground_ros').glob(name))
        assert matches, name
        assert all(match.is_file() for match in matches), name
    assert 'benchmarks/scoring/published.json' in packaging['package-data']['molmo_ground_ros']
