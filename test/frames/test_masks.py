# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy
from pycocotools import mask as coco

from molmo_ground_ros.errors import BadMask
from molmo_ground_ros.frames.masks import Mask, mask_of, read_rle

PICTURES = of_numpy.arrays(
    bool, st.tuples(st.integers(1, 40), st.integers(1, 40)), fill=st.booleans()
)


def blob(height=90, width=120):
    """A disc and a speck, so that runs grow and shrink."""
    y, x = np.mgrid[:height, :width]
    pixels = (x - 70) ** 2 + (y - 40) ** 2 < 900
    pixels[3, 5] = True
    return pixels


@pytest.mark.filterwarnings('ignore:__array__ implementation:DeprecationWarning')  # theirs
@given(PICTURES)
@settings(deadline=None)
def test_a_mask_gives_the_pixels_it_was_made_of(pixels):
    mask = mask_of(pixels)

    assert np.array_equal(mask.array(), pixels)
    assert mask.area == pixels.sum()
    assert [[mask.contains(x, y) for x in range(mask.width)] for y in range(mask.height)] == (
        pixels.tolist()
    )
    assert np.array_equal(coco.decode(mask.rle()), pixels)


def test_a_picture_of_two_million_pixels_reads_as_pycocotools_reads_it():
    pixels = np.random.default_rng(3).random((1080, 1920)) < 0.3
    mask = mask_of(pixels)

    assert np.array_equal(mask.array(), pixels)


@pytest.mark.parametrize(('x', 'y'), [(-1, 0), (0, -1), (120, 0), (0, 90)])
def test_off_the_picture_there_is_nothing(x, y):
    assert not mask_of(np.ones((90, 120), bool)).contains(x, y)


def test_all_ways_of_writing_counts_are_one_mask():
    packed = coco.encode(np.asfortranarray(blob(), np.uint8))
    plain = np.diff(mask_of(blob()).ends(), prepend=0)

    masks = [
        read_rle({'size': [90, 120], 'counts': packed['counts']}),
        read_rle({'size': (90, 120), 'counts': packed['counts'].decode()}),
        read_rle({'size': np.array([90, 120]), 'counts': plain}),
        read_rle({'size': [90, 120], 'counts': plain.tolist()}),
    ]

    assert set(masks) == {mask_of(blob())}


@pytest.mark.parametrize(
    'found',
    [
        pytest.param(None, id='nothing'),
        pytest.param({'size': [90, 120]}, id='no counts'),
        pytest.param({'size': [90], 'counts': b''}, id='one side'),
        pytest.param({'size': [0, 120], 'counts': b''}, id='no height'),
        pytest.param({'size': [2.0, 2.0], 'counts': [4]}, id='sides that are no whole numbers'),
        pytest.param({'size': [-2, -2], 'counts': [4]}, id='negative sides'),
        pytest.param({'size': [2**20, 2**20], 'counts': b'0'}, id='a size of terabytes'),
        pytest.param({'size': [90, 120], 'counts': None}, id='counts of nothing'),
        pytest.param({'size': [90, 120], 'counts': b''}, id='empty counts'),
        pytest.param({'size': [90, 120], 'counts': b'\xff\xff'}, id='no characters of it'),
        pytest.param({'size': [90, 120], 'counts': 'PPPPPPPPPPPPPP0'}, id='a number too long'),
        pytest.param({'size': [90, 120], 'counts': 'P'}, id='cut inside a number'),
        pytest.param({'size': [90, 121], 'counts': mask_of(blob()).counts}, id='another size'),
        pytest.param({'size': [90, 120], 'counts': mask_of(blob()).counts[:-2]}, id='cut'),
        pytest.param({'size': [2, 2], 'counts': [5, -1]}, id='a negative run'),
        pytest.param({'size': [2, 2], 'counts': [1, 2]}, id='too few'),
        pytest.param({'size': [2, 2], 'counts': [1.5, 2.5]}, id='halves'),
        pytest.param({'size': [2, 2], 'counts': [[4]]}, id='nested'),
        pytest.param({'size': [2, 2], 'counts': []}, id='no runs'),
    ],
)
def test_what_is_no_mask_is_refused(found):
    with pytest.raises(BadMask, match=r'^(mask|size|counts) = '):
        read_rle(found)


@given(st.binary(max_size=40))
@settings(deadline=None)
def test_damaged_counts_are_refused_or_are_a_mask_of_that_size(counts):
    try:
        mask = read_rle({'size': [6, 7], 'counts': counts})
    except BadMask:
        return
    assert mask.array().shape == (6, 7)
    assert mask.array().sum() == mask.area


@pytest.mark.parametrize('shape', [(3,), (2, 2, 2), (0, 4)])
def test_pixels_without_height_and_width_are_refused(shape):
    with pytest.raises(BadMask, match='height and width'):
        mask_of(np.zeros(shape, bool))


def test_a_mask_made_by_hand_of_wrong_counts_says_so():
    with pytest.raises(BadMask, match='no runs of 4 x 4 pixels'):
        Mask(4, 4, b'1').array()


@pytest.mark.parametrize('counts', [[None, []], [[1], [2, 3]], [2**62] * 4 + [12], [1.5, 10.5]])
def test_runs_that_are_no_numbers_of_pixels_are_an_error(counts):
    with pytest.raises(BadMask, match='are no runs of 3 x 4 pixels'):
        read_rle({'size': [3, 4], 'counts': counts})
