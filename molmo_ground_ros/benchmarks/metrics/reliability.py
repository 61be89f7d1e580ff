# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether scores are probabilities, curves that mend them, and how risk falls with coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BadArgument, MissingPackage

BINS = 10
# Points that a knot of a fitted curve stands for, at least, and how many knots there are at most.
LEAST_POINTS = 25
MOST_KNOTS = 16
# Scores nearer to 0 and 1 than this count as this near.
_EDGE = 1e-3


@dataclass(frozen=True, slots=True)
class Bin:
    """The points whose score lies between two bounds. stated, right: means of score and truth."""

    low: float
    high: float
    points: int
    stated: float  # NaN without points
    right: float  # NaN without points


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a threshold keeps. share: of all points. risk: the share of those that are wrong."""

    share: float
    risk: float
    threshold: float  # the least score that is kept


def reliability(scores: Sequence[float], right: Sequence[bool], bins: int = BINS) -> list[Bin]:
    """Points in bins of equal width over [0, 1]; the last bin has both ends.

    Raises BadArgument for a score outside of [0, 1] (NaN is), or lists of unequal length.
    """
    values, truth = _checked(scores, right)
    number = np.minimum((values * bins).astype(int), bins - 1)
    return [
        Bin(
            low=n / bins,
            high=(n + 1) / bins,
            points=int(inside.sum()),
            stated=float(values[inside].mean()) if inside.any() else float('nan'),
            right=float(truth[inside].mean()) if inside.any() else float('nan'),
        )
        for n in range(bins)
        for inside in [number == n]
    ]


def calibration_error(scores: Sequence[float], right: Sequence[bool], bins: int = BINS) -> float:
    """Expected calibration error, in [0, 1]: how far stated and observed lie apart in a bin.

    Bins of equal width count by their points. 0 without points.
    Source: Guo et al., On Calibration of Modern Neural Networks, arXiv:1706.04599, equation 3.
    """
    rows = [row for row in reliability(scores, right, bins) if row.points]
    total = sum(row.points for row in rows)
    return sum(row.points * abs(row.stated - row.right) for row in rows) / total if total else 0.0


def fitted_knots(scores: Sequence[float], right: Sequence[bool]) -> list[tuple[float, float]]:
    """A monotone curve from scores to probabilities, as knots, ascending in both.

    Points are taken in groups of equal size by score; a group's probability is the share that is
    right, with one right and one wrong point added, so that it is never 0 or 1. What does not
    ascend is joined by isotonic regression. Raises BadArgument as `reliability`, and for fewer
    than two groups of LEAST_POINTS; MissingPackage without scipy.
    """
    values, truth = _checked(scores, right)
    groups = min(MOST_KNOTS, len(values) // LEAST_POINTS)
    if groups < 2:
        raise BadArgument('scores', len(values), f'a curve needs {2 * LEAST_POINTS} points or more')
    try:
        from scipy.optimize import isotonic_regression
    except ImportError as err:
        raise MissingPackage('scipy', 'eval') from err
    order = np.argsort(values, kind='stable')
    parts = np.array_split(order, groups)
    means = np.array([values[part].mean() for part in parts])
    shares = np.array([(truth[part].sum() + 1) / (len(part) + 2) for part in parts])
    weights = np.array([len(part) for part in parts], dtype=np.float64)
    joined = isotonic_regression(shares, weights=weights).x
    knots = dict(zip(means.tolist(), joined.tolist(), strict=True))
    return sorted(knots.items())


def platt_knots(scores: Sequence[float], right: Sequence[bool]) -> list[tuple[float, float]]:
    """A curve with two parameters, for few points: a logistic function of the score's logit.

    Targets are those of Platt, (right + 1) / (right + 2) and 1 / (wrong + 2), so that no
    probability is 0 or 1. The knots lie on the curve, at evenly spaced logits from 0.001 to 0.999;
    where higher scores are right less often it is level. Raises as `fitted_knots`, for fewer than
    LEAST_POINTS points.
    Source: Platt, Probabilistic Outputs for Support Vector Machines, 1999, section 2.2; Guo et al.,
    arXiv:1706.04599, section 4.1.
    """
    values, truth = _checked(scores, right)
    if len(values) < LEAST_POINTS:
        raise BadArgument('scores', len(values), f'a curve needs {LEAST_POINTS} points or more')
    try:
        from scipy.optimize import minimize
    except ImportError as err:
        raise MissingPackage('scipy', 'eval') from err
    hits = truth.sum()
    targets = np.where(truth > 0, (hits + 1) / (hits + 2), 1 / (len(truth) - hits + 2))
    logits = _logit(values)

    def loss(parameters: NDArray[np.float64]) -> float:
        """The negative log-likelihood of the targets."""
        margin = parameters[0] * logits + parameters[1]
        # log(1 + exp(margin)), without overflow.
        wrong = np.logaddexp(0, margin)
        return float((wrong - targets * margin).sum())

    slope, offset = minimize(loss, (1.0, 0.0), bounds=[(0.0, None), (None, None)]).x
    low, high = _logit(np.array([0.0, 1.0])).tolist()
    at = np.linspace(low, high, MOST_KNOTS)
    curve = zip(_logistic(at).tolist(), _logistic(slope * at + offset).tolist(), strict=True)
    return list(curve)


def risk_coverage(scores: Sequence[float], right: Sequence[bool]) -> list[Coverage]:
    """How often the points with the highest scores are wrong, by how many of them are kept.

    A step for each score that occurs, from the highest: what a threshold at it keeps. Raises as
    `reliability`.
    """
    values, truth = _checked(scores, right)
    order = np.argsort(-values, kind='stable')
    falling = values[order]
    wrong = np.cumsum(1 - truth[order])
    last_of_score = np.flatnonzero(np.append(np.diff(falling) < 0, True))
    return [
        Coverage(float((k + 1) / len(values)), float(wrong[k] / (k + 1)), float(falling[k]))
        for k in last_of_score
    ]


def _logit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(values, _EDGE, 1 - _EDGE)
    logits: NDArray[np.float64] = np.log(inside / (1 - inside))
    return logits


def _logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = 1 / (1 + np.exp(-values))
    return shares


def _checked(
    scores: Sequence[float], right: Sequence[bool]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, truth = np.asarray(scores, np.float64), np.asarray(right, np.float64)
    if len(values) != len(truth):
        raise BadArgument('right', len(truth), f'there are {len(values)} scores')
    # `not (0 <= value)` also finds nan.
    bad = values[~((values >= 0) & (values <= 1))]
    if len(bad):
        raise BadArgument('score', float(bad[0]), 'must be from 0 to 1')
    return values, truth
