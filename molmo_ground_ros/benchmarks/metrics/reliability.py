# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether scores are probabilities: the calibration error, and a curve that mends it."""

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


@dataclass(frozen=True, slots=True)
class Bin:
    """The points whose score lies between two bounds. stated, right: means of score and truth."""

    low: float
    high: float
    points: int
    stated: float  # NaN without points
    right: float  # NaN without points


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
