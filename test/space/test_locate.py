# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pixels to places: an exact scene, and every reason why there is none."""

import math
from dataclasses import replace

import numpy as np
import pytest

from molmo_ground_ros.space.camera_model import CameraModel
from molmo_ground_ros.space.errors import NoTransform
from molmo_ground_ros.space.locate import ColourFrame, DepthFrame, locate
from molmo_ground_ros.types import PositionStatus

K = (500.0, 0.0, 319.5, 0.0, 500.0, 239.5, 0.0, 0.0, 1.0)
CAMERA = CameraModel(640, 480, K)
COLOUR = ColourFrame(7, 'optical', 640, 480, CAMERA)
SMALL = CameraModel(160, 120, (140.0, 0.0, 79.5, 0.0, 140.0, 59.5, 0.0, 0.0, 1.0))
PLANE_M = 1.5


def still(source, target, stamp_ns):
    """Every frame lies 0.2 m to the right of the one it is asked in."""
    move = np.eye(4)
    move[0, 3] = 0.2 if source != target else 0.0
    return move


def plane(shape):
    return np.full(shape, PLANE_M, dtype=np.float32)


def test_pixel_is_placed_by_its_ray_and_depth():
    (position,) = locate(
        [(420.0, 240.0)], COLOUR, DepthFrame(7, 'optical', plane((480, 640))), 'map', still
    )
    assert position.status is PositionStatus.OK
    assert (position.x, position.y, position.z) == pytest.approx((0.2 + 0.3, 0.0, 1.5))
    assert position.spread_m == 0.0


@pytest.mark.parametrize('shape', [(480, 640), (240, 320), (960, 1280)])
def test_depth_of_another_resolution_under_the_same_lens(shape):
    depth = DepthFrame(7, 'optical', plane(shape), None)
    (position,) = locate([(120.0, 400.0)], COLOUR, depth, 'optical', still)
    expected = ((120 - 320) / 500 * 1.5, (400 - 240) / 500 * 1.5, 1.5)
    assert (position.x, position.y, position.z) == pytest.approx(expected)


def test_depth_of_another_camera_is_registered():
    depth = DepthFrame(7, 'depth_optical', plane((120, 160)), SMALL)
    (position,) = locate([(320.0, 240.0)], COLOUR, depth, 'optical', still)
    assert position.status is PositionStatus.OK
    assert (position.x, position.y, position.z) == pytest.approx((0.0, 0.0, 1.5), abs=1e-5)


def test_no_pixels_give_no_positions():
    assert locate([], COLOUR, None, 'map', still) == []


def test_without_depth_every_point_says_so():
    positions = locate([(1.0, 1.0), (2.0, 2.0)], COLOUR, None, 'map', still)
    assert [position.status for position in positions] == [PositionStatus.NO_DEPTH] * 2
    assert math.isnan(positions[0].x)
    assert 'no depth image' in positions[0].reason


def test_pixel_that_was_not_measured_has_no_position_and_others_have():
    metres = plane((480, 640))
    metres[:100, :100] = np.nan
    depth = DepthFrame(7, 'optical', metres)
    near, far = locate([(50.0, 50.0), (300.0, 300.0)], COLOUR, depth, 'map', still)
    assert (near.status, far.status) == (PositionStatus.NO_DEPTH, PositionStatus.OK)


def test_without_a_transform_the_reason_is_told():
    def none(source, target, stamp_ns):
        raise NoTransform(source, target, stamp_ns, 'nobody publishes it')

    (position,) = locate(
        [(1.0, 1.0)], COLOUR, DepthFrame(7, 'optical', plane((480, 640))), 'map', none
    )
    assert position.status is PositionStatus.NO_TRANSFORM
    assert "from 'optical' to 'map'" in position.reason
    assert 'nobody publishes it' in position.reason


def test_calibration_of_images_of_another_shape_is_told():
    colour = ColourFrame(7, 'optical', 640, 360, CAMERA)
    (position,) = locate(
        [(1.0, 1.0)], colour, DepthFrame(7, 'optical', plane((360, 640))), 'map', still
    )
    assert position.status is PositionStatus.NO_DEPTH
    assert 'images have 640x360' in position.reason


def test_transform_is_asked_for_at_the_stamp_of_the_frame():
    asked = []

    def note(source, target, stamp_ns):
        asked.append((source, target, stamp_ns))
        return np.eye(4)

    depth = DepthFrame(7, 'depth_optical', plane((120, 160)), SMALL)
    locate([(9.0, 9.0)], COLOUR, depth, 'map', note)
    assert asked == [('optical', 'map', 7), ('depth_optical', 'optical', 7)]
    asked.clear()
    locate([(9.0, 9.0)], COLOUR, replace(depth, stamp_ns=8), 'map', note)
    assert asked == [('optical', 'map', 7), ('depth_optical', 'map', 8), ('map', 'optical', 7)]


def moving(source, target, stamp_ns):
    """The camera nears the wall at 0.1 m a tick."""
    move = np.eye(4)
    if source == 'optical' and target == 'map':
        move[2, 3] = 0.1 * stamp_ns
    elif source == 'map':
        move[2, 3] = -0.1 * stamp_ns
    return move


@pytest.mark.parametrize('camera', [None, CAMERA], ids=['without camera_info', 'with its own'])
def test_camera_that_moved_since_the_depth_was_measured_is_accounted_for(camera):
    """At tick 5 the wall was 1.5 m away, so at tick 7 it is 1.3 m away, and 2.0 m in the map."""
    depth = DepthFrame(5, 'optical', plane((480, 640)), camera)
    (position,) = locate([(420.0, 240.0)], COLOUR, depth, 'map', moving)
    expected = ((420 - 320) / 500 * 1.3, 0.0, 2.0)
    assert (position.x, position.y, position.z) == pytest.approx(expected, abs=1e-3)


def test_camera_whose_move_is_not_known_counts_as_still():
    def late(source, target, stamp_ns):
        if stamp_ns == 5:
            raise NoTransform(source, target, stamp_ns, 'too old')
        return moving(source, target, stamp_ns)

    depth = DepthFrame(5, 'optical', plane((480, 640)))
    (position,) = locate([(320.0, 240.0)], COLOUR, depth, 'map', late)
    assert position.z == pytest.approx(1.5 + 0.7)
