# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points in masks, without unpacking, are those in the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from molmo_ground_ros.benchmarks.metrics.points_in_masks import hits, hits_and_nonempty
from molmo_ground_ros.errors import BadMask
from molmo_ground_ros.frames.masks import Mask, mask_of

PICTURES = of_numpy.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))
POINTS = st.lists(
    st.tuples(*[st.one_of(st.floats(-3, 15), st.integers(-4, 28).map(lambda k: k / 2))] * 2),
    max_size=6,
)


def reference(point, pixels, parity):
    """molmo2 f3cb108, olmo/eval/evaluators.py:364-387; by default with the far edges moved in."""
    height, width = pixels.shape
    column, row = (round(at) for at in point)
    if not parity:
        column -= column == width and point[0] <= width
        row -= row == height and point[1] <= height
    return 0 <= column < width and 0 <= row < height and bool(pixels[row, column])


@given(POINTS, st.lists(PICTURES, max_size=3), st.booleans())
@settings(deadline=None)
def test_points_are_in_masks_as_they_are_in_pixels(points, pictures, parity):
    hit, nonempty = hits_and_nonempty(points, [mask_of(pixels) for pixels in pictures], parity)

    assert hit.shape == (len(points), len(pictures))
    assert hit.tolist() == [
        [reference(point, pixels, parity) for pixels in pictures] for point in points
    ]
    assert nonempty.tolist() == [pixels.any() for pixels in pictures]


@pytest.mark.parametrize(
    ('point', 'parity', 'default'),
    [
        pytest.param((40, 30), False, True, id='both at 1000'),
        pytest.param((40, 29), False, True, id='x at 1000'),
        pytest.param((39.7, 15), False, True, id='rounded up to the width'),
        pytest.param((39.5, 15), False, True, id='half rounds to the even width'),
        pytest.param((38.5, 15), True, True, id='half rounds to the even column'),
        pytest.param((40.4, 15), False, False, id='over the width'),
        pytest.param((0, 30.2), False, False, id='over the height'),
        pytest.param((-0.4, 0), True, True, id='rounded up to 0'),
        pytest.param((-0.6, 0), False, False, id='left of the picture'),
    ],
)
def test_edges_of_a_picture_are_of_it_by_default(point, parity, default):
    full = mask_of(np.ones((30, 40), bool))

    assert hits([point], [full], parity=True).tolist() == [[parity]]
    assert hits([point], [full]).tolist() == [[default]]


def test_no_mask_holds_nothing():
    hit, nonempty = hits_and_nonempty([(1, 1)], [None, mask_of(np.ones((3, 3), bool))])

    assert hit.tolist() == [[False, True]]
    assert nonempty.tolist() == [False, True]


def test_runs_of_no_pixels_are_not_seen():
    # 4 false, 0 true, 5 false: as some tools write an empty mask.
    mask = Mask(3, 3, bytes(48 + k for k in (4, 0, 5)))

    assert mask.area == 0
    assert hits_and_nonempty([(0, 0), (2, 2)], [mask])[1].tolist() == [False]


def test_a_damaged_mask_is_an_error():
    with pytest.raises(BadMask, match='counts'):
        hits([(0, 0)], [Mask(3, 3, b'zz')])
