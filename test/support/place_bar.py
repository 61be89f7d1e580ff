# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bar that places in metres are held to, however they were computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from molmo_ground_ros.types import Point
from tools.tabletop.places import place_errors

MEDIAN_M = 0.005


def check(points: Sequence[Point], truth: dict[str, Any]) -> None:
    errors = place_errors(points, truth)
    assert errors.asked_points == sum(len(picture['things']) for picture in truth['pictures']) > 60
    assert len(errors.metres) > 0.95 * errors.asked_points
    assert np.median(errors.metres) < MEDIAN_M
    # Half a pixel is a millimetre, so a wrong pixel convention is seen, too.
    assert np.median(errors.metres) < 0.001
