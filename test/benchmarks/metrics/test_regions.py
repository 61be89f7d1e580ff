# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""J and F equal DAVIS's, restated here pixel by pixel, and worked cases come out as by hand."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from scipy import ndimage

from molmo_ground_ros.benchmarks.metrics.regions import (
    boundary_f,
    region_j,
    union_j_and_f,
)
from molmo_ground_ros.errors import BadArgument
from molmo_ground_ros.frames.masks import mask_of

BOUNDS = [0.008, 0.008, 0.02, 0.05, 0.0, 1, 2, 5]


def davis_j(mask, truth):
    """davis2017-evaluation ac7c43f, metrics.py:6-37, by counting."""
    both = either = 0
    for own, true in zip(mask.ravel().tolist(), truth.ravel().tolist(), strict=True):
        both += own and true
        either += own or true
    return both / either if either else 1


def davis_contour(mask):
    """metrics.py:122-178: a pixel against its neighbours, beyond the border there is none true."""
    height, width = mask.shape
    contour = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            if (y, x) == (height - 1, width - 1):
                continue
            right = mask[y, x + 1] if x + 1 < width else None
            below = mask[y + 1, x] if y + 1 < height else None
            if right is None:
                contour[y, x] = mask[y, x] != below
            elif below is None:
                contour[y, x] = mask[y, x] != right
            else:
                around = (right, below, mask[y + 1, x + 1])
                contour[y, x] = any(mask[y, x] != other for other in around)
    return contour


def davis_f(mask, truth, bound):
    """metrics.py:57-119, with scipy's dilation."""
    height, width = mask.shape
    radius = bound if bound >= 1 else math.ceil(bound * math.hypot(height, width))
    steps = range(-radius, radius + 1)
    disk = np.array([[x * x + y * y <= radius * radius for x in steps] for y in steps])
    own, true = davis_contour(mask), davis_contour(truth)
    near_own = ndimage.binary_dilation(own, disk)
    near_true = ndimage.binary_dilation(true, disk)
    if not own.any() or not true.any():
        precision = 0.0 if own.any() else 1.0
        recall = 0.0 if true.any() else 1.0
    else:
        precision = (own & near_true).sum() / own.sum()
        recall = (true & near_own).sum() / true.sum()
    if precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def blob(rng, height, width):
    """Ellipses, some of them over the border; empty, full, and salt and pepper now and then."""
    match rng.integers(8):
        case 0:
            return np.zeros((height, width), bool)
        case 1:
            return np.ones((height, width), bool)
        case 2:
            return rng.random((height, width)) < 0.4
    pixels = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(1, 4)):
        centre = int(rng.integers(-4, width + 4)), int(rng.integers(-4, height + 4))
        axes = int(rng.integers(1, width // 2 + 2)), int(rng.integers(1, height // 2 + 2))
        cv2.ellipse(pixels, centre, axes, float(rng.integers(180)), 0, 360, 1, -1)
    return pixels > 0


def pairs(count):
    rng = np.random.default_rng(5)
    for k in range(count):
        height, width = (int(side) for side in rng.integers(1, 70, 2))
        truth = blob(rng, height, width)
        near = np.roll(truth, int(rng.integers(4)), int(rng.integers(2)))
        yield near if rng.random() < 0.6 else blob(rng, height, width), truth, BOUNDS[k % 8]


def test_j_and_f_are_those_of_davis_on_random_masks():
    worst, seen = 0.0, set()
    for mask, truth, bound in pairs(80):
        j, f = region_j(mask, truth), boundary_f(mask, truth, bound)
        worst = max(worst, abs(j - davis_j(mask, truth)), abs(f - davis_f(mask, truth, bound)))
        seen.add(round(f, 3))

    assert worst < 1e-6
    assert len(seen) > 30


def square(x, y, side=10, height=40, width=60):
    pixels = np.zeros((height, width), bool)
    pixels[y : y + side, x : x + side] = True
    return pixels


def test_half_a_square_to_the_right_overlaps_by_a_third():
    scores = union_j_and_f([packed((10, 10))], [packed((15, 10))], [0], 40, 60)

    assert scores.j == pytest.approx(50 / 150)
    assert {type(value) for value in scores.metrics().values()} == {float}


def test_a_contour_one_pixel_off_is_within_the_tolerance():
    # 0.008 of the diagonal of 60 x 40 is 0.58, rounded up to one pixel.
    assert boundary_f(square(10, 10), square(11, 10)) == 1
    assert boundary_f(square(10, 10), square(13, 10)) < 0.7


@pytest.mark.parametrize(
    ('mask', 'truth', 'j', 'f'),
    [
        pytest.param(square(0, 0, 0), square(0, 0, 0), 1, 1, id='both empty'),
        pytest.param(square(5, 5), square(0, 0, 0), 0, 0, id='something where nothing is'),
        pytest.param(square(0, 0, 0), square(5, 5), 0, 0, id='nothing where something is'),
        pytest.param(square(0, 0, 3), square(40, 20, 9), 0, 0, id='far apart'),
        pytest.param(square(0, 0, 60), square(0, 0, 60), 1, 1, id='all of the picture'),
        # A full mask has no contour, so F takes it for an empty one.
        pytest.param(square(0, 0, 60), square(0, 0, 0), 0, 1, id='all against nothing'),
    ],
)
def test_masks_without_a_pixel_or_without_a_contour(mask, truth, j, f):
    assert (region_j(mask, truth), boundary_f(mask, truth)) == (j, f)


@pytest.mark.parametrize('bound', [-0.1, 1.5, float('nan')])
def test_a_tolerance_is_a_share_or_whole_pixels(bound):
    with pytest.raises(BadArgument, match='neither a share of the diagonal nor whole pixels'):
        boundary_f(square(0, 0), square(0, 0), bound)


@pytest.mark.parametrize('compare', [region_j, boundary_f])
@pytest.mark.parametrize('shape', [(40, 61), (2400,), (1, 40, 60)])
def test_masks_of_other_sizes_are_refused(compare, shape):
    with pytest.raises(BadArgument, match=r'is not of the size of the true one, \(40, 60\)'):
        compare(np.zeros(shape, bool), square(0, 0))


def packed(*squares):
    """Masks by frame from 0."""
    return {frame: mask_of(square(*place)) for frame, place in enumerate(squares)}


def test_no_mask_is_an_empty_one():
    assert union_j_and_f([{}], [{}], [0], 40, 60).metrics() == {'j': 1, 'f': 1, 'j_and_f': 1}
    assert union_j_and_f([{}], [packed((5, 5))], [0], 40, 60).j_and_f == 0
    with pytest.raises(BadArgument, match='is not of 40 x 61 pixels'):
        union_j_and_f([packed((5, 5))], [{}], [0], 40, 61)


def test_objects_of_an_expression_are_one_region():
    # Two true objects, and the model's one mask holds both in frame 0 and nothing in frame 1.
    truths = [packed((5, 5), (5, 5)), packed((30, 5), (30, 5))]
    both = {0: mask_of(square(5, 5) | square(30, 5))}

    assert union_j_and_f([both], truths, [0], 40, 60).j_and_f == 1
    assert union_j_and_f([both], truths, [0, 1], 40, 60).j_and_f == pytest.approx(1 / 2)
    assert union_j_and_f([both], [*truths, {1: mask_of(square(9, 9))}], [0], 40, 60).j == 1


def test_nothing_to_compare_is_undefined():
    assert math.isnan(union_j_and_f([], [packed((5, 5))], [], 40, 60).j_and_f)
