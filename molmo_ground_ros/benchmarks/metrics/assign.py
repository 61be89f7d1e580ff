# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pairs predictions with objects, one with one, and computes precision and recall of the pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.frames.assignment import Pairs, assignment_solver

Scores = tuple[float, float, float]  # precision, recall, F1

PARITY_EPSILON = 1e-10  # molmo2 f3cb108, olmo/eval/evaluators.py:406-409


def least_cost_pairs(costs: NDArray[np.float64]) -> Pairs:
    """The min(N, M) pairs of least total cost. costs: (N, M) finite. Raises MissingPackage."""
    return assignment_solver('eval')(costs)


def most_hits(hits: NDArray[np.bool_]) -> Pairs:
    """The largest set of pairs that are all hits. hits: (predictions, objects)."""
    # With fewer than two hits there is no choice to make.
    if hits.sum() < 2:
        rows, columns = np.nonzero(hits)
        return rows, columns
    rows, columns = least_cost_pairs(-hits.astype(np.float64))
    is_hit = hits[rows, columns]
    return rows[is_hit], columns[is_hit]


def nearest_hits(
    predicted: NDArray[np.float64], annotated: NDArray[np.float64], hits: NDArray[np.bool_]
) -> Pairs:
    """parity: pairs by least total distance first, then drops the pairs that are no hits.

    predicted, annotated: (N, D) and (M, D). hits: (N, M). A point inside a mask may be paired with
    another object and so miss (evaluators.py:2851-2856).
    """
    distances = np.sqrt(((predicted[:, None] - annotated[None]) ** 2).sum(axis=-1))
    rows, columns = least_cost_pairs(distances)
    is_hit = hits[rows, columns]
    return rows[is_hit], columns[is_hit]


def scores(hits: int, predictions: int, objects: int, parity: bool = False) -> Scores:
    """Precision, recall and F1, each in [0, 1].

    Without objects all three are 1 if there is no prediction, else 0. With objects and no
    prediction all three are 0 (evaluators.py:508-520, 2837-2841). parity: 1e-10 is added to F1's
    denominator, which lowers F1 by half of that.
    """
    if not objects:
        return (float(not predictions),) * 3
    if not hits:
        return 0.0, 0.0, 0.0
    precision, recall = hits / predictions, hits / objects
    epsilon = PARITY_EPSILON if parity else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall + epsilon)
