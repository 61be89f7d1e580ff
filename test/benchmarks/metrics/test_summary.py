# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Examples to rows: means, counts, the article's categories in its order, bins of counts."""

from __future__ import annotations

import json
import math

import pytest

from molmo_ground_ros.benchmarks.metrics.summary import (
    CATEGORIES,
    category_name,
    count_rows,
    summarize,
)
from molmo_ground_ros.errors import BadArgument

EIGHT = [
    'Objects',
    'Animals',
    'Actions/Events',
    'Referring expressions',
    'Indirect references',
    'Spatial references',
    'Comparative references',
    'Visual artifacts/anomalies',
]
# As the hub names the configs of Molmo2-VideoPoint.
CONFIGS = ['object', 'animal', 'action_or_event', 'referring expression', 'indirect reference']
CONFIGS += ['spatial reference', 'comparative reference', 'anomaly']


def test_the_articles_categories_are_the_hubs_configs():
    assert list(CATEGORIES) == EIGHT
    assert [category_name(config) for config in CONFIGS] == EIGHT


@pytest.mark.parametrize('name', EIGHT)
@pytest.mark.parametrize('spell', [str, str.lower, str.upper, lambda name: name.replace(' ', '_')])
def test_the_articles_own_names_are_known_in_any_spelling(name, spell):
    assert category_name(spell(name)) == name


@pytest.mark.parametrize(
    ('found', 'name'),
    [
        ('action/event', 'Actions/Events'),  # as the reference's evaluator has it
        ('Actions or Events', 'Actions/Events'),
        ('referring_expressions', 'Referring expressions'),
        ('visual artefacts', 'Visual artifacts/anomalies'),
        ('anomalies', 'Visual artifacts/anomalies'),
        ('sports', 'sports'),
        ('Dance', 'Dance'),
        ('???', '???'),
    ],
)
def test_other_spellings_and_other_categories(found, name):
    assert category_name(found) == name


def test_rows_stand_in_the_articles_order_and_then_by_name():
    found = ['sports', 'anomaly', 'animal', 'dance', 'object', '', 'animals']
    summary = summarize([{'f1': 0.5}] * 7, found)

    names = [row.name for row in summary.categories]
    assert names == ['Objects', 'Animals', 'Visual artifacts/anomalies', 'dance', 'sports']
    assert [row.examples for row in summary.categories] == [1, 2, 1, 1, 1]
    assert (summary.all.name, summary.all.examples) == ('All', 7)


def test_a_mean_is_over_the_examples_that_have_the_metric():
    scores = [{'f1': 1.0, 'hota': math.nan}, {'f1': 0.0}, {'f1': 0.5, 'hota': 0.25}]
    row = summarize(scores).all

    assert list(row.statistics) == ['f1', 'hota']
    assert (row.statistics['f1'].mean, row.statistics['f1'].examples) == (0.5, 3)
    hota = row.statistics['hota']
    assert (hota.mean, hota.low, hota.high) == (0.25, 0.25, 0.25)
    assert (hota.examples, hota.undefined) == (1, 2)
    assert 0 <= row.statistics['f1'].low < 0.5 < row.statistics['f1'].high <= 1


def test_a_metric_that_no_example_has_is_undefined_and_no_number():
    row = summarize([{'f1': math.nan, 'hota': 0.5}]).all

    assert math.isnan(row.statistics['f1'].mean)
    assert row.statistics['f1'].undefined == 1
    assert row.numbers() == {'examples': 1, 'hota': 0.5, 'hota_low': 0.5, 'hota_high': 0.5}
    assert json.loads(json.dumps(row.numbers(), allow_nan=False)) == row.numbers()


def test_few_examples_are_told():
    assert summarize([{'f1': 1.0}] * 29).all.title == 'All (n = 29)'
    assert summarize([{'f1': 1.0}] * 30).all.title == 'All'


def test_no_examples_are_a_row_of_none():
    summary = summarize([])

    assert summary.all.numbers() == {'examples': 0}
    assert summary.categories == ()


def test_the_same_again_for_the_same_seed():
    scores = [{'f1': k / 10} for k in range(10)]

    assert summarize(scores).all == summarize(scores).all
    assert summarize(scores).all != summarize(scores, seed=3).all


def test_counts_fall_into_the_papers_bins():
    truths = [0, 4, 5, 24, 25, 60, 1000]
    rows = count_rows(truths, [{'accuracy': float(k % 2)} for k in range(7)])

    assert [(row.name, row.examples) for row in rows] == [
        ('0-5', 2),
        ('5-10', 1),
        ('20-25', 1),
        ('25+', 3),
    ]
    assert rows[0].statistics['accuracy'].mean == 0.5
    assert rows[-1].statistics['accuracy'].mean == pytest.approx(1 / 3)
    assert count_rows([], []) == ()


def test_what_does_not_go_together_is_refused():
    with pytest.raises(BadArgument, match='categories = 1'):
        summarize([{'f1': 1.0}] * 2, ['animal'])
    with pytest.raises(BadArgument, match='truths = 1'):
        count_rows([1], [])
    with pytest.raises(BadArgument, match='count = -1'):
        count_rows([-1], [{}])
