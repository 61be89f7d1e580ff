# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The confidence interval of a mean over examples."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from molmo_ground_ros.errors import BadArgument

RESAMPLES = 2000
_CHUNK = 2**20  # drawn values held in memory at once


def bootstrap_interval(
    values: Sequence[float], seed: int = 0, resamples: int = RESAMPLES, level: float = 0.95
) -> tuple[float, float]:
    """(low, high): the middle `level` of the means of samples drawn with replacement.

    This is the percentile bootstrap (B. Efron and R. Tibshirani, 1993, section 13.3). The same
    arguments give the same interval. An example without a value is nan and is left out. Without
    any value both ends are nan; with a single value both ends are that value, because one value
    says nothing about how much values differ.
    Raises BadArgument for a level outside (0, 1) and for less than one resample.
    """
    if not 0 < level < 1:
        raise BadArgument('level', level, 'is not within 0 and 1')
    if resamples < 1:
        raise BadArgument('resamples', resamples, 'is no number of draws')
    defined = np.asarray(values, np.float64)
    defined = defined[~np.isnan(defined)]
    if not len(defined):
        return nan, nan
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, _CHUNK // len(defined))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(len(defined), size=(rows, len(defined)))
        means[start : start + rows] = defined[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    # Rounding may put the mean of equal values just outside their range.
    ends = np.clip([low, high], defined.min(), defined.max())
    return float(ends[0]), float(ends[1])
