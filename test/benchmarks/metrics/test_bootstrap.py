# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Intervals: worked cases, and how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ground_ros.benchmarks.metrics.bootstrap import bootstrap_interval
from molmo_ground_ros.errors import BadArgument

VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(VALUES, st.integers(0, 5))
@settings(deadline=None, max_examples=60)
def test_the_mean_of_equals_or_others_is_between_what_there_is(values, undefined):
    low, high = bootstrap_interval([*values, *[math.nan] * undefined], resamples=200)

    assert min(values) <= low <= high <= max(values)
    assert (low, high) == bootstrap_interval([*[math.nan] * undefined, *values], resamples=200)


def test_the_same_for_the_same_seed_and_another_for_another():
    values = np.linspace(0, 1, 40).tolist()

    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, seed=1)


def test_ends_are_those_of_the_normal_distribution_for_many_values():
    values = np.random.default_rng(0).random(400)
    low, high = bootstrap_interval(values.tolist(), resamples=20000)
    reach = 1.96 * values.std() / math.sqrt(400)

    assert low == pytest.approx(values.mean() - reach, abs=reach / 20)
    assert high == pytest.approx(values.mean() + reach, abs=reach / 20)


def test_two_values_as_counted_by_hand():
    # Drawing two of {0, 1}: means 0, 1/2, 1 with shares 1/4, 1/2, 1/4.
    assert bootstrap_interval([0.0, 1.0], level=0.95) == (0, 1)
    assert bootstrap_interval([0.0, 1.0], level=0.4) == (0.5, 0.5)


def test_a_higher_level_is_wider():
    values = np.linspace(0, 1, 50).tolist()
    narrow, wide = bootstrap_interval(values, level=0.5), bootstrap_interval(values, level=0.99)

    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_draws_in_pieces_are_draws():
    # 2000 x 3000 draws do not fit into one piece.
    values = np.tile([0.0, 1.0], 1500)
    low, high = bootstrap_interval(values.tolist())

    assert low == pytest.approx(0.5 - 1.96 * 0.5 / math.sqrt(3000), abs=0.002)
    assert high == pytest.approx(0.5 + 1.96 * 0.5 / math.sqrt(3000), abs=0.002)


@pytest.mark.parametrize(
    ('values', 'ends'),
    [
        pytest.param([0.3], (0.3, 0.3), id='one value'),
        pytest.param([0.1] * 7, (0.1, 0.1), id='equals'),
        pytest.param([math.nan, 0.3, math.nan], (0.3, 0.3), id='one that is defined'),
    ],
)
def test_equal_values_have_no_spread(values, ends):
    assert bootstrap_interval(values) == ends


@pytest.mark.parametrize('values', [[], [math.nan, math.nan]])
def test_no_value_has_no_interval(values):
    assert all(map(math.isnan, bootstrap_interval(values)))


def test_a_level_is_within_0_and_1():
    for level in (0.0, 1.0, math.nan):
        with pytest.raises(BadArgument, match='level'):
            bootstrap_interval([0.5], level=level)
    with pytest.raises(BadArgument, match='resamples = 0'):
        bootstrap_interval([0.5], resamples=0)
