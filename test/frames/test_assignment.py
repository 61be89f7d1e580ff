# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The solver that tracking metrics and stitching share."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from molmo_ground_ros.errors import MissingPackage
from molmo_ground_ros.frames.assignment import assignment_solver


def test_pairs_have_the_least_total_cost_and_ascend():
    rows, columns = assignment_solver('bag')(np.array([[4.0, 1.0, 3.0], [2.0, 0.0, 5.0]]))
    assert rows.tolist() == [0, 1]
    assert columns.tolist() == [1, 0]


@pytest.mark.parametrize('extra', ['bag', 'eval'])
def test_missing_scipy_names_the_extra(monkeypatch, extra):
    monkeypatch.setitem(sys.modules, 'scipy.optimize', None)
    with pytest.raises(MissingPackage, match=rf'scipy.*\[{extra}\]'):
        assignment_solver(extra)
