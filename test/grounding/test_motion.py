# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest

from molmo_ground_ros.grounding.motion import speeds
from molmo_ground_ros.types import Point, Position, PositionStatus

HALF = 500_000_000


def points(*xs):
    """Half a second apart, at these places along x; None has no position."""
    return [
        Point(
            number * HALF, 1, 0.0, 0.0,
            position=Position(PositionStatus.NO_DEPTH)
            if x is None
            else Position(PositionStatus.OK, x, 0.0, 1.0),
        )
        for number, x in enumerate(xs)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('xs', 'expected'),
    [
        pytest.param([], [], id='no points'),
        pytest.param([1.0], [math.nan], id='one point'),
        pytest.param([0.0, 0.1, 0.4], [0.2, 0.4, 0.6], id='between the neighbours'),
        pytest.param([0.0, None, 0.4], [0.4, math.nan, 0.4], id='over one that has no place'),
        pytest.param([0.0, None, None, None, 1.0], [math.nan] * 5, id='too far apart'),
        pytest.param([2.0, 2.0], [0.0, 0.0], id='at rest'),
    ],
)
def test_speed_is_the_way_over_the_time(xs, expected):
    assert speeds(points(*xs)) == pytest.approx(expected, nan_ok=True)


def test_points_without_positions_have_no_speed():
    assert all(map(math.isnan, speeds([Point(0, 1, 0.0, 0.0), Point(HALF, 1, 9.0, 0.0)])))
