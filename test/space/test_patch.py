# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The depth around a pixel."""

import numpy as np
import pytest

from molmo_ground_ros.space.patch import patch_depth


def test_median_ignores_what_was_not_measured():
    depth = np.full((20, 20), np.nan, dtype=np.float32)
    depth[8:13, 8:13] = 1.5
    patch = patch_depth(depth, 10.5, 10.5)
    assert (patch.median_m, patch.spread_m) == (1.5, 0.0)
    assert patch.valid_share == pytest.approx(25 / 49)


def test_median_at_an_edge_is_of_one_side_and_its_spread_tells():
    depth = np.full((20, 20), 2.0, dtype=np.float32)
    depth[:, 10:] = 1.0
    patch = patch_depth(depth, 10.5, 10.5)
    assert patch.median_m in (1.0, 2.0)
    assert patch.spread_m == 1.0


@pytest.mark.parametrize(('x', 'y'), [(-0.1, 5), (5, -0.1), (20, 5), (5, 20)])
def test_pixel_outside_has_no_depth(x, y):
    assert patch_depth(np.ones((20, 20), dtype=np.float32), x, y) is None


@pytest.mark.parametrize(('x', 'y'), [(0, 0), (19.9, 19.9), (0, 19.9)])
def test_patch_is_cut_at_the_border(x, y):
    patch = patch_depth(np.ones((20, 20), dtype=np.float32), x, y)
    assert (patch.median_m, patch.valid_share) == (1.0, 1.0)


def test_lone_value_is_no_depth():
    depth = np.full((20, 20), np.nan, dtype=np.float32)
    depth[10, 10] = 1.0
    assert patch_depth(depth, 10.5, 10.5) is None
    assert patch_depth(depth, 10.5, 10.5, radius=1).median_m == 1.0
