# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pairs what is in one frame or answer with what is in another, one with one, at the least cost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import MissingPackage

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]
"""The rows and the columns of the pairs, rows ascending."""


def assignment_solver(extra: str) -> Callable[[NDArray[np.float64]], Pairs]:
    """Load scipy's solver of the linear assignment problem.

    It takes costs, (N, M) and finite, and gives the min(N, M) pairs of least total cost. Raises
    MissingPackage without scipy, naming the extra of pip that brings it.
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as err:
        raise MissingPackage('scipy', extra) from err
    solver: Callable[[NDArray[np.float64]], Pairs] = linear_sum_assignment
    return solver
