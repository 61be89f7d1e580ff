# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Numbers of a PNG's pixels, which are not its colours."""

import cv2
import numpy as np
import pytest
from support.pngs import chunk, png

from molmo_ground_ros.benchmarks.datasets.png import BadIndexedImage, read_indices


@pytest.mark.parametrize('depth', [1, 2, 4, 8])
@pytest.mark.parametrize('palette', [True, False], ids=['palette', 'grey'])
@pytest.mark.parametrize('width', [16, 17])
def test_numbers_come_back_as_they_were_written(tmp_path, depth, palette, width):
    pixels = np.random.default_rng(depth).integers(0, 2**depth, (9, width), np.uint8)
    path = tmp_path / 'a.png'
    path.write_bytes(png(pixels, palette=palette, depth=depth))

    image = read_indices(path)

    assert np.array_equal(image.pixels, pixels)
    assert image.palette is palette


def test_a_grey_picture_by_opencv_is_read(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70), np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), pixels)

    assert np.array_equal(read_indices(tmp_path / 'a.png').pixels, pixels)


SOUND = png(np.eye(40, dtype=np.uint8))


def damaged():
    data = bytearray(SOUND)
    data[-20] ^= 0xFF
    return bytes(data)


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        pytest.param(b'', 'is no PNG', id='empty'),
        pytest.param(b'\xff\xd8\xff\xe0', 'is no PNG', id='JPEG'),
        pytest.param(SOUND[:-16], 'is a PNG damaged at byte|cut off before its end', id='cut off'),
        pytest.param(SOUND[:-12], 'cut off before its end', id='no end'),
        pytest.param(damaged(), 'damaged at byte', id='a changed byte'),
        pytest.param(SOUND[:8] + chunk(b'IEND', b''), 'without its header', id='no header'),
        pytest.param(
            SOUND[:8] + chunk(b'IHDR', b'\x7f\xff\xff\xff' * 2 + b'\x08\x03\0\0\0') + SOUND[33:],
            'is 2147483647 x 2147483647 pixels',
            id='huge',
        ),
        pytest.param(
            SOUND[:33] + chunk(b'IEND', b''), 'cannot be decoded', id='no pixels',
        ),
        pytest.param(
            png(np.zeros((4, 12), np.uint8), colour=2)[:8]
            + chunk(b'IHDR', b'\0\0\0\x04\0\0\0\x04\x08\x02\0\0\0')
            + png(np.zeros((4, 12), np.uint8), colour=2)[33:],
            'holds colours',
            id='colours',
        ),
    ],
)  # fmt: skip
def test_another_file_is_an_error_that_names_it(tmp_path, data, message):
    path = tmp_path / 'a.png'
    path.write_bytes(data)

    with pytest.raises(BadIndexedImage, match=message) as caught:
        read_indices(path)

    assert str(path) in str(caught.value)
