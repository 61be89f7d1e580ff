# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which of the old goes with which of the new, and what could as well have been.

Costs in, pairs out. Knows nothing of points, tracks or time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import MissingPackage

Costs = NDArray[np.float64]  # (old, new); below 0: rather together than apart; inf: impossible

# Old and new in one knot of possible pairs. Beyond it the alternatives are not worked out (that
# takes cubic time: half a second at this size), and every pair of the knot counts as undecided.
MOST_WEIGHED = 512


@dataclass(frozen=True, slots=True)
class Matching:
    """Pairs of (old, new), and the alternatives that cost hardly more."""

    pairs: tuple[tuple[int, int], ...]
    instead: frozenset[tuple[int, int]]  # pairs that were not taken
    apart: frozenset[int]  # old that were paired, and could as well be in no pair


def match(costs: Costs, doubt: float) -> Matching:
    """The pairs of least total cost, each old and each new in one at most.

    An alternative is reported if the best matching that holds to it costs less than `doubt` more
    than the best of all. Raises MissingPackage without scipy.
    """
    pairs: list[tuple[int, int]] = []
    instead: set[tuple[int, int]] = set()
    apart: set[int] = set()
    for old, new in _knots(np.isfinite(costs)):
        knot = costs[np.ix_(old, new)]
        taken = _optimum(knot)
        pairs += [(int(old[i]), int(new[j])) for i, j in taken.items()]
        others, released = _alternatives(knot, taken, doubt)
        instead |= {(int(old[i]), int(new[j])) for i, j in others}
        apart |= {int(old[i]) for i in released}
    return Matching(tuple(sorted(pairs)), frozenset(instead), frozenset(apart))


def _knots(possible: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows and columns that hang together through possible pairs, the loose ones left out."""
    left = np.asarray(possible.any(axis=1))
    while left.any():
        rows = np.flatnonzero(left)[:1]
        while True:
            columns = np.flatnonzero(possible[rows].any(axis=0))
            grown = np.flatnonzero(possible[:, columns].any(axis=1))
            if len(grown) == len(rows):
                break
            rows = grown
        left[rows] = False
        yield rows, columns


def _optimum(costs: Costs) -> dict[int, int]:
    """Row -> column of the matching of least cost; only pairs below 0 are worth taking."""
    if costs.shape == (1, 1):
        return {0: 0} if costs[0, 0] < 0 else {}
    rows, columns = solver()(np.minimum(costs, 0))
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if costs[i, j] < 0}


def solver() -> Callable[[Costs], tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """What finds the rows and columns of the matching of least cost. Raises MissingPackage."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise MissingPackage('scipy', 'bag') from error
    found: Callable[[Costs], tuple[NDArray[np.intp], NDArray[np.intp]]] = linear_sum_assignment
    return found


def _alternatives(
    costs: Costs, taken: dict[int, int], doubt: float
) -> tuple[list[tuple[int, int]], list[int]]:
    """Pairs not taken, and rows that could be without one, for less than `doubt` more.

    Every row, and a stand-in for every column, holds a place: its column, or its own place for
    being in no pair. Holding a row to another place sends the holder of that one elsewhere, and so
    on until the place left is filled: the least it can cost is a shortest path.
    """
    n, m = costs.shape
    if n + m > MOST_WEIGHED:
        others = [(i, j) for i, j in np.argwhere(np.isfinite(costs)).tolist() if taken.get(i) != j]
        return others, list(taken)
    # Places 0..m-1 are the columns, m + i is row i's own; agents 0..n-1 rows, n + j stand-ins.
    full = np.full((n + m, n + m), np.inf)
    full[:n, :m] = costs
    full[np.arange(n), m + np.arange(n)] = 0
    full[n + np.arange(m), np.arange(m)] = 0
    full[n:, m:] = 0
    place = np.concatenate([m + np.arange(n), np.arange(m)])
    for i, j in taken.items():
        place[i], place[n + j] = j, m + i
    moved = full[:, place] - full[np.arange(n + m), place][:, None]  # agent -> place of agent
    extra = moved + _shortest(moved).T
    holder = np.argsort(place)
    others, released = [], []
    for i in range(n):
        near = np.flatnonzero(extra[i, holder[:m]] < doubt)
        others += [(i, int(j)) for j in near if taken.get(i) != j]
        if i in taken and extra[i, holder[m + i]] < doubt:
            released.append(i)
    return others, released


def _shortest(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lengths of the shortest paths between all nodes (Floyd and Warshall); no negative circles."""
    paths = lengths.copy()
    np.fill_diagonal(paths, 0)
    for via in range(len(paths)):
        np.minimum(paths, paths[:, via, None] + paths[via], out=paths)
    return paths
