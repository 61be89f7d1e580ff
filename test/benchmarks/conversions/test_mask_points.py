# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ground_ros.benchmarks.conversions.mask_points import bounds, central_point, random_point
from molmo_ground_ros.errors import BadArgument


def disk(height, width, y, x, radius):
    rows, columns = np.mgrid[:height, :width]
    return np.hypot(rows - y, columns - x) <= radius


def ring():
    return disk(80, 100, 40, 50, 30) & ~disk(80, 100, 40, 50, 24)


def comb():
    pixels = np.zeros((60, 90), bool)
    pixels[50:, :] = True
    pixels[:, ::6] = True
    return pixels


def dot():
    pixels = np.zeros((40, 50), bool)
    pixels[39, 49] = True
    return pixels


def parts():
    return disk(100, 100, 20, 15, 6) | disk(100, 100, 70, 80, 14) | disk(100, 100, 90, 10, 3)


def line():
    pixels = np.zeros((50, 70), bool)
    cv2.line(canvas := pixels.astype(np.uint8), (2, 3), (66, 44), 1)
    return canvas > 0


def noise():
    return np.random.default_rng(3).random((64, 64)) < 0.02


SHAPES = [
    pytest.param(disk(60, 80, 30, 40, 12), id='disk'),
    pytest.param(ring(), id='ring: its centroid is in the hole'),
    pytest.param(comb(), id='comb'),
    pytest.param(dot(), id='one pixel, in the corner'),
    pytest.param(parts(), id='three parts'),
    pytest.param(line(), id='diagonal line, one pixel wide'),
    pytest.param(noise(), id='scattered pixels'),
    pytest.param(np.ones((20, 30), bool), id='all of the picture'),
]


def hit_both_ways(pixels, spot):
    """As the reference reads a point (rounded, ties to even), and cut off to the pixel it is in."""
    x, y = spot
    return pixels[round(y), round(x)] and pixels[math.floor(y), math.floor(x)]


@pytest.mark.parametrize('pixels', SHAPES)
def test_points_lie_inside_whatever_the_shape(pixels):
    assert hit_both_ways(pixels, central_point(pixels))
    for seed in range(60):
        assert hit_both_ways(pixels, random_point(pixels, np.random.default_rng(seed)))


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=1, max_size=120), st.integers(1, 12), st.integers(0, 2**32))
def test_points_lie_inside_any_mask(held, width, seed):
    bits = np.unpackbits(np.frombuffer(held, np.uint8))
    pixels = bits[: len(bits) // width * width].reshape(-1, width) > 0
    if pixels.any():
        assert hit_both_ways(pixels, central_point(pixels))
        assert hit_both_ways(pixels, random_point(pixels, np.random.default_rng(seed)))


def test_points_scatter_around_the_centre_as_wide_as_the_mask():
    pixels = np.ones((60, 120), bool)
    point = np.array([random_point(pixels, np.random.default_rng(seed)) for seed in range(2000)])
    assert point.mean(axis=0) == pytest.approx([60, 30], abs=1.5)
    assert point.std(axis=0) == pytest.approx([20, 10], rel=0.08)  # a sixth of the sides


def test_same_draw_is_the_same_point():
    draws = [random_point(parts(), np.random.default_rng(7)) for _ in range(2)]
    assert draws[0] == draws[1]


def test_centre_of_a_plain_shape_is_its_centroid():
    assert central_point(disk(61, 81, 30, 40, 12)) == (40.25, 30.25)


def test_centre_of_several_parts_is_in_the_thickest():
    x, y = central_point(parts())
    assert math.hypot(x - 80, y - 70) < 14


def test_centre_moves_little_when_the_border_flickers():
    steady = disk(100, 120, 50, 60, 20)
    x, y = central_point(steady)
    for seed in range(5):
        border = cv2.dilate(steady.astype(np.uint8), np.ones((3, 3))) > steady
        flickers = steady | (border & (np.random.default_rng(seed).random(steady.shape) < 0.3))
        moved_x, moved_y = central_point(flickers)
        assert math.hypot(moved_x - x, moved_y - y) < 3


def test_bounds_are_those_of_the_true_pixels():
    assert bounds(dot()) == (39, 39, 49, 49)
    assert bounds(disk(60, 80, 30, 40, 12)) == (18, 42, 28, 52)


@pytest.mark.parametrize(
    'find', [bounds, central_point, lambda pixels: random_point(pixels, np.random.default_rng(0))]
)
def test_an_empty_mask_is_an_error(find):
    with pytest.raises(BadArgument, match='has no pixel'):
        find(np.zeros((4, 5), bool))
