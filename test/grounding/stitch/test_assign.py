# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pairs and alternatives are those that trying everything finds."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ground_ros.errors import MissingPackage
from molmo_ground_ros.grounding.stitch.assign import MOST_WEIGHED, match

INF = float('inf')
DOUBT = 0.5


def every_matching(costs):
    """All matchings as sets of pairs, each with its cost."""
    n, m = costs.shape
    for places in itertools.product([None, *range(m)], repeat=n):
        taken = [j for j in places if j is not None]
        if len(set(taken)) == len(taken):
            pairs = frozenset((i, j) for i, j in enumerate(places) if j is not None)
            yield pairs, sum(costs[pair] for pair in pairs)


@st.composite
def knots(draw):
    n, m = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    # Whole numbers and a fraction each: the best is the only best, and nothing is nearly DOUBT.
    cost = st.one_of(st.just(INF), st.integers(-6, 3).map(float))
    costs = np.array(draw(st.lists(cost, min_size=n * m, max_size=n * m))).reshape(n, m)
    return costs + np.array([0.013 * 1.37**k for k in range(n * m)]).reshape(n, m)


@given(knots())
@settings(max_examples=150, deadline=None)
def test_pairs_and_alternatives_are_those_of_brute_force(costs):
    cost_of = {pairs: cost for pairs, cost in every_matching(costs) if cost < INF}
    best = min(cost_of.values())
    found = match(costs, DOUBT)
    assert cost_of[frozenset(found.pairs)] == pytest.approx(best)

    def extra(holds):
        return min(cost for pairs, cost in cost_of.items() if holds(pairs)) - best

    n, m = costs.shape
    possible = [pair for pair in itertools.product(range(n), range(m)) if costs[pair] < INF]
    untaken = [pair for pair in possible if pair not in found.pairs]
    assert found.alternatives == {p for p in untaken if extra(lambda s, p=p: p in s) < DOUBT}
    paired = {i for i, _ in found.pairs}
    alone = {i for i in paired if extra(lambda s, i=i: all(a != i for a, _ in s)) < DOUBT}
    assert found.apart == alone


@pytest.mark.parametrize(
    ('costs', 'pairs', 'instead', 'apart'),
    [
        pytest.param([[-3.0]], {(0, 0)}, set(), set(), id='a clear pair'),
        pytest.param([[-0.2]], {(0, 0)}, set(), {0}, id='a pair that hardly holds'),
        pytest.param([[0.2]], set(), {(0, 0)}, set(), id='apart, and hardly so'),
        pytest.param([[INF]], set(), set(), set(), id='impossible'),
        pytest.param([[-3.0, -2.9]], {(0, 0)}, {(0, 1)}, set(), id='two to choose from'),
        pytest.param(
            [[-3.0, -2.9], [-3.0, -3.0]],
            {(0, 0), (1, 1)},
            {(0, 1), (1, 0)},
            set(),
            id='two that could be swapped',
        ),
        pytest.param(
            [[-3.0, -1.0], [-1.0, -3.0]], {(0, 0), (1, 1)}, set(), set(), id='two clear pairs'
        ),
    ],
)
def test_what_hardly_costs_more_is_told(costs, pairs, instead, apart):
    found = match(np.array(costs), DOUBT)
    assert (set(found.pairs), found.alternatives, found.apart) == (pairs, instead, apart)


def test_nothing_to_match_is_no_pair():
    assert match(np.empty((0, 3)), DOUBT).pairs == ()
    assert match(np.empty((3, 0)), DOUBT).pairs == ()


def test_a_crowd_is_matched_and_all_of_it_is_undecided():
    size = MOST_WEIGHED // 2 + 1
    costs = np.where(np.eye(size, dtype=bool), -1.0, 5.0)  # all could go with all, at a price
    found = match(costs, 10.0)
    assert found.pairs == tuple((i, i) for i in range(size))
    assert found.apart == set(range(size))
    assert len(found.alternatives) == size * (size - 1)


def test_missing_scipy_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, 'scipy.optimize', None)
    with pytest.raises(MissingPackage, match=r'scipy.*\[bag\]'):
        match(np.array([[-1.0, -2.0]]), DOUBT)
