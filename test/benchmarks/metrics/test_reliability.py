# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether stated probabilities are those that are observed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from molmo_ground_ros.benchmarks.metrics.reliability import (
    BINS,
    Coverage,
    calibration_error,
    fitted_knots,
    platt_knots,
    reliability,
    risk_coverage,
)
from molmo_ground_ros.errors import BadArgument


def test_error_is_the_mean_gap_of_the_bins_weighted_by_points() -> None:
    # Three of four right at 0.95, none of one at 0.15.
    scores, right = [0.95] * 4 + [0.15], [True, True, True, False, False]
    assert calibration_error(scores, right) == pytest.approx((4 * 0.2 + 0.15) / 5)


def test_bins_hold_every_point_once_and_both_ends() -> None:
    rows = reliability([0.0, 0.1, 0.999, 1.0], [False, True, True, True])
    assert [row.points for row in rows] == [1, 1, *[0] * (BINS - 3), 2]
    assert rows[-1].right == 1.0
    assert math.isnan(rows[5].stated)


def test_no_points_have_no_error() -> None:
    assert calibration_error([], []) == 0.0


@pytest.mark.parametrize('score', [-0.1, 1.1, math.nan])
def test_score_that_is_no_probability_is_refused_by_value(score: float) -> None:
    with pytest.raises(BadArgument, match='score'):
        reliability([0.5, score], [True, True])


def test_lists_of_unequal_length_are_refused() -> None:
    with pytest.raises(BadArgument, match='right = 1: there are 2 scores'):
        calibration_error([0.5, 0.5], [True])


@pytest.mark.parametrize('power', [0.3, 1.0, 4.0])
def test_fitted_curve_mends_a_model_that_is_too_sure_or_not_sure_enough(power: float) -> None:
    rng = np.random.default_rng(3)
    scores = rng.random(8000)
    right = rng.random(8000) < scores**power
    knots = fitted_knots(scores[:4000].tolist(), right[:4000].tolist())
    assert knots == sorted(knots)
    assert [p for _, p in knots] == sorted(p for _, p in knots)
    mended = np.interp(scores[4000:], *zip(*knots, strict=True))
    assert calibration_error(mended.tolist(), right[4000:].tolist()) < 0.03
    if power != 1.0:
        assert calibration_error(scores[4000:].tolist(), right[4000:].tolist()) > 0.1


def test_curve_never_says_certainly() -> None:
    knots = fitted_knots([0.9] * 30 + [0.99] * 30, [True] * 60)
    assert all(0 < probability < 1 for _, probability in knots)


def test_too_few_points_give_no_curve() -> None:
    with pytest.raises(BadArgument, match='scores = 49: a curve needs 50 points'):
        fitted_knots([0.5] * 49, [True] * 49)


def test_platt_finds_a_logistic_curve_from_few_points() -> None:
    chance = np.random.default_rng(5)
    scores = chance.uniform(0, 1, 300)
    logits = np.log(scores / (1 - scores))
    true = 1 / (1 + np.exp(-(0.5 * logits - 1)))
    right = chance.random(300) < true
    knots = platt_knots(scores.tolist(), right.tolist())
    at, probabilities = zip(*knots, strict=True)
    assert np.abs(np.interp(scores, at, probabilities) - true).max() < 0.1
    assert list(at) == sorted(at)
    assert list(probabilities) == sorted(probabilities)


def test_platt_is_level_where_higher_scores_are_right_less_often() -> None:
    scores = [0.1] * 30 + [0.9] * 30
    probabilities = [p for _, p in platt_knots(scores, [True] * 30 + [False] * 30)]
    assert probabilities == pytest.approx([0.5] * len(probabilities), abs=0.01)


def test_platt_needs_some_points() -> None:
    with pytest.raises(BadArgument, match='25 points or more'):
        platt_knots([0.5] * 24, [True] * 24)


def test_risk_falls_with_coverage_and_equal_scores_are_one_step() -> None:
    curve = risk_coverage([0.9, 0.4, 0.4, 0.8], [True, False, True, False])
    assert curve == [Coverage(0.25, 0.0, 0.9), Coverage(0.5, 0.5, 0.8), Coverage(1.0, 0.5, 0.4)]
