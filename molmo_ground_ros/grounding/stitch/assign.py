# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pairs old items with new ones at the least cost, and finds alternatives of nearly that cost.

Knows nothing of points, tracks or time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import MissingPackage
from molmo_ground_ros.frames.assignment import assignment_solver

Costs = NDArray[np.float64]
"""(old, new). Below 0: rather together than apart. inf: impossible."""

# How many old and new items hang together at most. In a larger group the alternatives are not
# worked out (that takes cubic time: half a second at this size), and every pair is undecided.
MOST_WEIGHED = 512

_EXTRA = 'bag'  # of pip, which brings scipy


@dataclass(frozen=True, slots=True)
class Matching:
    """Pairs of (old, new), and the alternatives that cost hardly more."""

    pairs: tuple[tuple[int, int], ...]
    # Pairs that were not chosen.
    alternatives: frozenset[tuple[int, int]]
    # The old items that are in a pair and could as well be in none.
    apart: frozenset[int]


def match(costs: Costs, doubt: float) -> Matching:
    """Find the pairs of least total cost; each old and each new item is in one pair at most.

    An alternative is reported if the best matching that contains it costs less than `doubt` more
    than the best of all. Raises MissingPackage without scipy.
    """
    pairs: list[tuple[int, int]] = []
    alternatives: set[tuple[int, int]] = set()
    apart: set[int] = set()
    for old, new in _components(np.isfinite(costs)):
        component = costs[np.ix_(old, new)]
        chosen = _optimum(component)
        pairs += [(int(old[i]), int(new[j])) for i, j in chosen.items()]
        others, released = _alternatives(component, chosen, doubt)
        alternatives |= {(int(old[i]), int(new[j])) for i, j in others}
        apart |= {int(old[i]) for i in released}
    return Matching(tuple(sorted(pairs)), frozenset(alternatives), frozenset(apart))


def _components(
    possible: NDArray[np.bool_],
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows and columns that hang together through possible pairs; those in no pair are left out.

    In the order of the first row of each component. Both ascend.
    """
    rows, columns = np.nonzero(possible)
    if len(rows) < 2:
        if len(rows):
            yield rows, columns
        return
    try:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components
    except ImportError as err:
        raise MissingPackage('scipy', _EXTRA) from err
    count = possible.shape[0]
    size = sum(possible.shape)
    # Rows are the nodes from 0 on, columns those after them.
    graph = coo_array((np.ones(len(rows)), (rows, count + columns)), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    for label in dict.fromkeys(labels[rows].tolist()):
        nodes = np.flatnonzero(labels == label)
        yield nodes[nodes < count], nodes[nodes >= count] - count


def _optimum(costs: Costs) -> dict[int, int]:
    """Row -> column of the matching of least cost; a pair is chosen if its cost is below 0."""
    if costs.shape == (1, 1):
        return {0: 0} if costs[0, 0] < 0 else {}
    rows, columns = assignment_solver(_EXTRA)(np.minimum(costs, 0))
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if costs[i, j] < 0}


def check_solver() -> None:
    """Raise MissingPackage if what merging needs is not installed."""
    assignment_solver(_EXTRA)


def _alternatives(
    costs: Costs, chosen: dict[int, int], doubt: float
) -> tuple[list[tuple[int, int]], list[int]]:
    """Pairs that are not chosen, and rows that could be in none, for less than `doubt` more.

    Every row, and a stand-in for every column, holds a place: a column, or a place of its own that
    means being in no pair. If a row must take another place, the holder of that place moves on, and
    so on until the place that became free is filled. The least that this can cost is the length of
    a shortest path.
    """
    n, m = costs.shape
    if n + m > MOST_WEIGHED:
        others = [(i, j) for i, j in np.argwhere(np.isfinite(costs)).tolist() if chosen.get(i) != j]
        return others, list(chosen)
    # Places 0..m-1 are the columns, and m + i is row i's own. Agents 0..n-1 are the rows, and n + j
    # is the stand-in of column j.
    lengths = np.full((n + m, n + m), np.inf)
    lengths[:n, :m] = costs
    lengths[np.arange(n), m + np.arange(n)] = 0
    lengths[n + np.arange(m), np.arange(m)] = 0
    lengths[n:, m:] = 0
    place = np.concatenate([m + np.arange(n), np.arange(m)])
    for i, j in chosen.items():
        place[i], place[n + j] = j, m + i
    # What it costs an agent to take the place of another.
    moved = lengths[:, place] - lengths[np.arange(n + m), place][:, None]
    extra = moved + _shortest(moved).T
    holder = np.argsort(place)
    others, released = [], []
    for i in range(n):
        near = np.flatnonzero(extra[i, holder[:m]] < doubt)
        others += [(i, int(j)) for j in near if chosen.get(i) != j]
        if i in chosen and extra[i, holder[m + i]] < doubt:
            released.append(i)
    return others, released


def _shortest(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lengths of the shortest paths between all nodes (Floyd and Warshall). No circle is negative.

    scipy.sparse.csgraph has this too, but takes a length of 0 for no edge, and gives up where
    rounding makes a circle of length 0 slightly negative.
    """
    paths = lengths.copy()
    np.fill_diagonal(paths, 0)
    for via in range(len(paths)):
        np.minimum(paths, paths[:, via, None] + paths[via], out=paths)
    return paths
