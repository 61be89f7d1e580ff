# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Camera models: rays and pixels are each other's inverse, and what OpenCV computes."""

import dataclasses

import cv2
import numpy as np
import pytest

from molmo_ground_ros.space.camera_model import CameraModel, Region, scaled
from molmo_ground_ros.space.errors import CalibrationError

K = (600.0, 0.0, 322.0, 0.0, 610.0, 236.5, 0.0, 0.0, 1.0)
PLUMB_BOB = (-0.32, 0.11, 0.001, -0.0007, -0.015)
RATIONAL = (0.4, -0.2, 0.0005, -0.0003, 0.05, 0.6, -0.1, 0.02)
EQUIDISTANT = (0.05, -0.01, 0.004, -0.0009)
PLAIN = CameraModel(640, 480, K)

MODELS = [
    pytest.param(PLAIN, id='no distortion'),
    pytest.param(CameraModel(640, 480, K, PLUMB_BOB), id='plumb_bob'),
    pytest.param(CameraModel(640, 480, K, RATIONAL, 'rational_polynomial'), id='rational'),
    pytest.param(CameraModel(640, 480, K, EQUIDISTANT, 'equidistant'), id='equidistant'),
    pytest.param(CameraModel(640, 480, K, PLUMB_BOB, binning=(2, 2)), id='binned'),
    pytest.param(
        CameraModel(640, 480, K, PLUMB_BOB, binning=(2, 4), region=Region(100, 40, 400, 400)),
        id='binned region',
    ),
    pytest.param(
        CameraModel(
            *(640, 480, K, PLUMB_BOB),
            rectified=True,
            p=(500.0, 0.0, 310.0, 0.0, 0.0, 500.0, 250.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        ),
        id='rectified',
    ),
]


def grid(model):
    width, height = model.image_size
    xs, ys = np.meshgrid(np.linspace(0.5, width - 0.5, 9), np.linspace(0.5, height - 0.5, 7))
    return np.column_stack([xs.ravel(), ys.ravel()])


@pytest.mark.parametrize('model', MODELS)
def test_rays_project_to_their_pixels(model):
    pixels = grid(model)
    back = model.project(model.rays(pixels) * 2.5)
    np.testing.assert_allclose(back, pixels, atol=1e-3)


def test_centre_of_the_calibration_is_half_a_pixel_further_in_our_pixels():
    ray = PLAIN.rays(np.array([[322.5, 237.0]]))
    np.testing.assert_allclose(ray, [[0, 0, 1]], atol=1e-12)


@pytest.mark.parametrize(
    ('distortion', 'd'), [('plumb_bob', PLUMB_BOB), ('rational_polynomial', RATIONAL)]
)
def test_projection_is_that_of_opencv(distortion, d):
    places = np.array([[0.1, -0.2, 1.0], [-0.3, 0.25, 1.7], [0.0, 0.0, 0.4]])
    expected, _ = cv2.projectPoints(
        places, np.zeros(3), np.zeros(3), np.array(K).reshape(3, 3), np.array(d)
    )
    pixels = CameraModel(640, 480, K, d, distortion).project(places)
    np.testing.assert_allclose(pixels, expected.reshape(-1, 2) + 0.5, atol=1e-9)


def test_binned_pixel_looks_where_the_middle_of_its_block_does():
    binned = CameraModel(640, 480, K, binning=(2, 2))
    assert binned.image_size == (320, 240)
    np.testing.assert_allclose(
        binned.rays(np.array([[10.5, 20.5]])), PLAIN.rays(np.array([[21.0, 41.0]]))
    )


def test_region_shifts_pixels():
    part = CameraModel(640, 480, K, region=Region(100, 50, 300, 200))
    assert part.image_size == (300, 200)
    np.testing.assert_allclose(
        part.rays(np.array([[7.0, 9.0]])), PLAIN.rays(np.array([[107.0, 59.0]]))
    )


def test_places_behind_the_camera_have_no_pixel():
    pixels = PLAIN.project(np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0], [0.1, 0.1, 0.0]]))
    assert np.isnan(pixels[[0, 2]]).all()
    assert np.isfinite(pixels[1]).all()


def test_no_pixels_give_no_rays():
    assert CameraModel(640, 480, K, EQUIDISTANT, 'equidistant').rays(np.zeros((0, 2))).shape == (
        0,
        3,
    )


@pytest.mark.parametrize('model', MODELS)
def test_camera_with_smaller_images_sees_the_same(model):
    width, height = model.image_size
    half = scaled(model, (width // 2, height // 2))
    pixels = grid(model)
    np.testing.assert_allclose(half.rays(pixels / 2), model.rays(pixels), atol=1e-9)


def test_same_size_is_the_same_camera():
    assert scaled(PLAIN, (640, 480)) is PLAIN


@pytest.mark.parametrize('size', [(640, 360), (0, 0), (480, 640)])
def test_images_of_another_shape_are_refused(size):
    with pytest.raises(CalibrationError, match=f'images have {size[0]}x{size[1]}'):
        scaled(PLAIN, size)


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        ({'k': (0.0,) * 9}, 'k'),
        ({'k': (1.0,) * 8}, 'k'),
        ({'k': (float('nan'), *K[1:])}, 'k'),
        ({'width': 0}, 'size'),
        ({'binning': (0, 1)}, 'binning'),
        ({'d': (0.1,) * 4, 'distortion': 'magic'}, 'distortion_model magic'),
        ({'d': (0.1,) * 5, 'distortion': 'equidistant'}, 'd '),
        ({'d': (float('inf'),) * 5}, 'd '),
        ({'rectified': True}, 'p '),
    ],
)
def test_what_is_no_calibration_is_refused_with_its_field(change, text):
    with pytest.raises(CalibrationError, match=f'camera_info with {text}'):
        dataclasses.replace(PLAIN, **change)
