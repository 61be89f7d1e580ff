# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from molmo_ground_ros.reports import figures


@pytest.mark.parametrize(
    ('counts', 'most', 'expected'),
    [
        pytest.param([3, 2], 9, [{0, 1, 2}, {0, 1}], id='room for all'),
        pytest.param([100, 1], 5, [{0, 25, 50, 75}, {0}], id='the small one loses nothing'),
        pytest.param([4, 4], 4, [{0, 2}, {0, 2}], id='shared alike'),
        pytest.param([0, 5], 2, [set(), {0, 2}], id='one without'),
        pytest.param([], 2, [], id='no question'),
    ],
)
def test_images_are_shared_out(counts, most, expected):
    assert figures.share_images(counts, most) == expected


@pytest.mark.parametrize('size', [(480, 640), (2160, 3840), (3000, 20), (1, 1)])
def test_image_is_no_larger_than_promised(size):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    data = figures.jpeg(noise)
    assert len(data) <= figures.MOST_BYTES
    height, width = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    assert max(height, width) <= figures.LONGEST_SIDE
