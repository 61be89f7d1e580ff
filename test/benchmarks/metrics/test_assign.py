# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pairs are those that trying everything finds."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from molmo_ground_ros.benchmarks.metrics.assign import (
    least_cost_pairs,
    most_hits,
    nearest_hits,
    scores,
)
from molmo_ground_ros.errors import MissingPackage

SIDES = st.tuples(st.integers(1, 4), st.integers(1, 4))
PLACES = of_numpy.arrays(
    np.float64, st.tuples(st.integers(1, 4), st.just(2)), elements=st.floats(0, 9)
)


def every_pairing(rows, columns):
    """Each way of pairing as many as can be, as lists of (row, column)."""
    if rows <= columns:
        for chosen in itertools.permutations(range(columns), rows):
            yield list(enumerate(chosen))
    else:
        for chosen in itertools.permutations(range(rows), columns):
            yield [(row, column) for column, row in enumerate(chosen)]


@given(of_numpy.arrays(bool, SIDES))
@settings(deadline=None)
def test_as_many_hit_as_any_pairing_has(hits):
    rows, columns = most_hits(hits)
    best = max(sum(hits[pair] for pair in pairing) for pairing in every_pairing(*hits.shape))

    assert len(rows) == len(columns) == best
    assert hits[rows, columns].all()
    assert len(set(rows)) == len(set(columns)) == best


@given(PLACES, PLACES)
@settings(deadline=None)
def test_parity_pairs_are_the_nearest_of_all_pairings(predictions, real):
    def cost(pairing):
        return sum(np.hypot(*(predictions[row] - real[column])) for row, column in pairing)

    everything = np.ones((len(predictions), len(real)), bool)
    pairs = list(zip(*nearest_hits(predictions, real, everything), strict=True))

    assert len(pairs) == min(len(predictions), len(real))
    assert cost(pairs) == pytest.approx(min(map(cost, every_pairing(*everything.shape))))


def test_parity_pairs_that_do_not_hit_are_left_out():
    predictions, real = np.array([[0.0], [10.0]]), np.array([[1.0], [9.0]])
    rows, columns = nearest_hits(predictions, real, np.array([[False, True], [False, True]]))

    assert (rows.tolist(), columns.tolist()) == ([1], [1])


@pytest.mark.parametrize(
    ('counts', 'expected'),
    [
        pytest.param((0, 0, 0), (1, 1, 1), id='nothing said of nothing'),
        pytest.param((0, 2, 0), (0, 0, 0), id='something said of nothing'),
        pytest.param((0, 0, 2), (0, 0, 0), id='nothing said of something'),
        pytest.param((0, 3, 2), (0, 0, 0), id='all beside'),
        pytest.param((2, 4, 2), (1 / 2, 1, 2 / 3), id='twice too many'),
        pytest.param((3, 3, 3), (1, 1, 1), id='all'),
    ],
)
def test_shares_of_what_was_said_and_of_what_is(counts, expected):
    assert scores(*counts) == pytest.approx(expected, abs=1e-15)


def test_parity_epsilon_keeps_f1_below_1():
    assert scores(3, 3, 3)[2] == 1.0
    assert scores(3, 3, 3, parity=True)[2] == pytest.approx(1 - 0.5e-10, abs=1e-14)


def test_without_scipy_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, 'scipy.optimize', None)
    with pytest.raises(MissingPackage, match='eval'):
        least_cost_pairs(np.zeros((2, 2)))
