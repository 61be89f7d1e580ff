# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from molmo_ground_ros.space.camera_model import CameraModel
from molmo_ground_ros.space.camera_space import nearest, place_points, usual_period_ns
from molmo_ground_ros.space.errors import CalibrationError, DepthError, NoTransform
from molmo_ground_ros.space.locate import DepthFrame
from molmo_ground_ros.types import Point, PositionStatus

K = (50.0, 0.0, 15.5, 0.0, 50.0, 11.5, 0.0, 0.0, 1.0)
MS = 1_000_000


class Flat:
    """A wall 2 m away; notes what it was asked for."""

    def __init__(self, target_frame='', fault=None):
        self.target_frame, self.fault, self.asked = target_frame, fault, []

    def calibration(self, stamp_ns):
        if self.fault == 'calibration':
            raise CalibrationError('k', (0,))
        return CameraModel(32, 24, K)

    def depth(self, stamp_ns):
        self.asked.append(stamp_ns)
        if self.fault == 'depth':
            raise DepthError('a broken depth image')
        return DepthFrame(stamp_ns, '/optical', np.full((24, 32), 2.0, np.float32))

    def transform(self, source, target, stamp_ns):
        self.asked.append((source, target))
        raise NoTransform(source, target, stamp_ns, 'nobody publishes it')


def points(*stamps):
    return [Point(s, n, 16.0 + n, 12.0, 1.0, 'optical') for n, s in enumerate(stamps)]


def test_points_keep_their_order_and_each_depth_image_is_read_once():
    around = Flat()
    placed = place_points(points(3, 1, 3, 2), (32, 24), around)
    assert [(p.id, p.stamp_ns) for p in placed] == [(0, 3), (1, 1), (2, 3), (3, 2)]
    assert [round(p.position.x, 6) for p in placed] == [0.0, 0.04, 0.08, 0.12]
    assert around.asked == [1, 2, 3]


def test_own_frame_needs_no_transform_however_it_is_written():
    (placed,) = place_points(points(1), (32, 24), Flat('/optical'))
    assert placed.position.status is PositionStatus.OK
    (placed,) = place_points(points(1), (32, 24), Flat('map'))
    assert placed.position.status is PositionStatus.NO_TRANSFORM


@pytest.mark.parametrize(('fault', 'words'), [('depth', 'broken'), ('calibration', 'with k')])
def test_what_cannot_be_read_is_told_in_every_point(fault, words):
    placed = place_points(points(1, 2), (32, 24), Flat(fault=fault))
    assert {p.position.status for p in placed} == {PositionStatus.NO_DEPTH}
    assert all(words in p.position.reason for p in placed)


@pytest.mark.parametrize(
    ('stamps', 'at', 'index'),
    [
        pytest.param([], 5, None, id='none there'),
        pytest.param([5], 5, 0, id='the only one, equal'),
        pytest.param([5], 6, None, id='the only one, of unknown period'),
        pytest.param([0, 100, 200], 100, 1, id='equal'),
        pytest.param([0, 100, 200], 140, 1, id='before'),
        pytest.param([0, 100, 200], 160, 2, id='after'),
        pytest.param([0, 100, 200], 254, 2, id='half a period after the last, and jitter'),
        pytest.param([0, 100, 200], 256, None, id='later'),
        pytest.param([0, 100, 200, 900], 500, None, id='in a gap'),
    ],
)  # fmt: skip
def test_nearest_depth_image_within_half_a_period(stamps, at, index):
    ascending = np.array(stamps, np.int64) * MS
    assert nearest(ascending, usual_period_ns(ascending), at * MS) == index
