# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RVL against an encoder written from the article, number by number."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rvl import encoded

from molmo_ground_ros.space.errors import DepthError
from molmo_ground_ros.space.rvl import decode_rvl


@given(st.lists(st.one_of(st.just(0), st.integers(0, 65535)), min_size=1, max_size=200))
def test_every_image_comes_back(values):
    assert decode_rvl(encoded(values), len(values)).tolist() == values


def test_depth_image_of_real_size_comes_back():
    rng = np.random.default_rng(0)
    values = (1000 + np.cumsum(rng.integers(-3, 4, 640 * 480))).astype(np.int64)
    values[rng.random(len(values)) < 0.2] = 0
    values = np.clip(values, 0, 65535)
    assert np.array_equal(decode_rvl(encoded(values), len(values)), values)


@pytest.mark.parametrize('cut', [0, 4, 40])
def test_stream_that_was_cut_is_refused(cut):
    with pytest.raises(DepthError, match='an RVL stream that'):
        decode_rvl(encoded([7, 0, 9] * 60)[:cut], 180)


def test_stream_with_more_pixels_than_the_image_is_refused():
    with pytest.raises(DepthError, match='runs over its 100 pixels'):
        decode_rvl(encoded([5] * 150), 100)


@given(st.binary(max_size=400), st.integers(1, 500))
def test_random_bytes_give_values_or_our_error(data, pixels):
    with contextlib.suppress(DepthError):
        assert decode_rvl(data, pixels).shape == (pixels,)
