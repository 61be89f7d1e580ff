# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth of one camera under the pixels of another."""

import numpy as np

from molmo_ground_ros.space.camera_model import CameraModel
from molmo_ground_ros.space.registration import coarse, register

DEPTH = CameraModel(160, 120, (150.0, 0.0, 79.5, 0.0, 150.0, 59.5, 0.0, 0.0, 1.0))
COLOUR = CameraModel(640, 480, (500.0, 0.0, 319.5, 0.0, 500.0, 239.5, 0.0, 0.0, 1.0))


def moved(x=0.0):
    move = np.eye(4)
    move[0, 3] = x
    return move


def test_plane_stays_where_it_is_for_a_camera_beside():
    plane = np.full((120, 160), 2.0, dtype=np.float32)
    registered = register(plane, DEPTH, coarse(COLOUR, DEPTH), moved(0.05))
    middle = registered[40:80, 60:120]
    assert np.isfinite(middle).mean() > 0.95
    np.testing.assert_allclose(middle[np.isfinite(middle)], 2.0, rtol=1e-6)


def test_coarse_camera_has_no_smaller_pixels_than_the_depth():
    camera = coarse(COLOUR, DEPTH)
    assert camera.k[0] <= DEPTH.k[0]
    assert camera.image_size == (192, 144)
    assert coarse(DEPTH, COLOUR) is DEPTH


def test_nearest_measurement_counts_where_two_fall_on_one_pixel():
    depth = np.full((120, 160), np.nan, dtype=np.float32)
    depth[59:62, 60:101] = 2.0
    depth[59:62, 80:84] = 1.0
    registered = register(depth, DEPTH, DEPTH, moved(-0.1))
    # At 1 m a shift of 0.1 m is 15 pixels, at 2 m it is 7.5.
    assert registered[60, 66] == 1.0
    assert np.isnan(registered[60, 110])


def test_what_falls_outside_the_image_is_left_out():
    depth = np.full((120, 160), 1.0, dtype=np.float32)
    assert np.isnan(register(depth, DEPTH, DEPTH, moved(50.0))).all()
