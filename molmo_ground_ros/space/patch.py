# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The depth around a pixel: the median of what was measured, and how far it spreads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RADIUS = 3  # pixels: patches of 7x7, which a thin gripper finger still fills by half
LEAST_SHARE = 0.1  # of a patch that has to be measured: a lone value may be noise at an edge


@dataclass(frozen=True, slots=True)
class PatchDepth:
    """What was measured around a pixel."""

    median_m: float
    spread_m: float  # between the quarter and three quarters of the sorted values
    valid_share: float  # of the patch's pixels, 0..1


def patch_depth(
    depth: NDArray[np.float32], x: float, y: float, radius: int = RADIUS
) -> PatchDepth | None:
    """The depth around a pixel; None where too little of the patch was measured.

    depth: (H, W) metres, NaN where nothing was measured. x, y: pixels from the top-left corner; one
    outside the image gives None. The median is of the measured values: at an edge between near and
    far it is one of the two, never a place between them.
    """
    height, width = depth.shape
    if not (0 <= x < width and 0 <= y < height):
        return None
    column, row = int(x), int(y)
    patch = depth[
        max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1
    ]
    return depth_of_values(patch[np.isfinite(patch)], patch.size)


def depth_of_values(values: NDArray[np.floating], pixels: int) -> PatchDepth | None:
    """The depth of measured values, of a patch of so many pixels; None if there are too few."""
    if not pixels or len(values) < max(1, LEAST_SHARE * pixels):
        return None
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75), method='nearest')
    return PatchDepth(float(median), float(high - low), len(values) / pixels)
