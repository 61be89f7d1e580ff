# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which prediction stands for which object, one for one, and the shares that follow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import MissingPackage

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows and their columns, rows ascending
Scores = tuple[float, float, float]  # precision, recall, F1

PARITY_EPSILON = 1e-10  # molmo2 f3cb108, olmo/eval/evaluators.py:406-409


def cheapest(costs: NDArray[np.float64]) -> Pairs:
    """The min(N, M) pairs of least total cost. costs: (N, M) finite. Raises MissingPackage."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ModuleNotFoundError as err:
        raise MissingPackage('scipy', 'eval') from err
    rows, columns = linear_sum_assignment(costs)
    return rows, columns


def most_hits(hits: NDArray[np.bool_]) -> Pairs:
    """As many pairs that are hits as there can be, and no others. hits: (predictions, objects)."""
    if hits.sum() < 2:  # nothing to choose
        rows, columns = np.nonzero(hits)
        return rows, columns
    rows, columns = cheapest(-hits.astype(np.float64))
    kept = hits[rows, columns]
    return rows[kept], columns[kept]


def nearest_hits(
    said: NDArray[np.float64], annotated: NDArray[np.float64], hits: NDArray[np.bool_]
) -> Pairs:
    """parity: pairs of least total distance, of which those that are hits are kept.

    said, annotated: (N, D) and (M, D). hits: (N, M). A point inside a mask may be paired with
    another object and so miss (evaluators.py:2851-2856).
    """
    apart = np.sqrt(((said[:, None] - annotated[None]) ** 2).sum(axis=-1))
    rows, columns = cheapest(apart)
    kept = hits[rows, columns]
    return rows[kept], columns[kept]


def scores(hits: int, said: int, real: int, parity: bool = False) -> Scores:
    """Precision, recall and F1 in 0..1 of `hits` among `said` predictions and `real` objects.

    No object: 1 where nothing was said, else 0. Nothing said of an object: 0, all three
    (evaluators.py:508-520, 2837-2841). parity: F1 falls short by half of 1e-10.
    """
    if not real:
        return (float(not said),) * 3
    if not hits:
        return 0.0, 0.0, 0.0
    precision, recall = hits / said, hits / real
    epsilon = PARITY_EPSILON if parity else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall + epsilon)
