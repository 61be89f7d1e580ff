# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How far a mean over examples may be off for having just these examples."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from molmo_ground_ros.errors import BadSetting

RESAMPLES = 2000
_CHUNK = 2**20  # draws at a time


def interval(
    values: Sequence[float], seed: int = 0, resamples: int = RESAMPLES, level: float = 0.95
) -> tuple[float, float]:
    """The middle `level` of the means of as many examples drawn anew: (low, high).

    The percentile bootstrap (B. Efron and R. Tibshirani, 1993, section 13.3). The same for the
    same arguments. nan are examples without a value, and left out; without any value: nan, nan.
    One value is both ends: nothing is known of how much such values differ.
    Raises BadSetting for a level not within 0 and 1, or no resample.
    """
    if not 0 < level < 1:
        raise BadSetting('level', level, 'is not within 0 and 1')
    if resamples < 1:
        raise BadSetting('resamples', resamples, 'is no number of draws')
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        return nan, nan
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, _CHUNK // len(known))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(len(known), size=(rows, len(known)))
        means[start : start + rows] = known[drawn].mean(axis=1)
    # A mean of equals may differ from them in the last digit.
    ends = np.clip(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]), known.min(), known.max())
    return float(ends[0]), float(ends[1])
