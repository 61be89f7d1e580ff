# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Picture files other than JPEG and PNG, and labels. See test_image.py for those two."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames.image import decode
from molmo_ground_ros.frames.picture_head import kind_and_size
from molmo_ground_ros.types import CompressedImage

RGB = np.full((24, 40, 3), (200, 40, 20), np.uint8)
# RGB as OpenJPEG 2.5 writes it: OpenCV 5 writes none that is so small.
JPEG_2000 = base64.b64decode(
    'AAAADGpQICANCocKAAAAFGZ0eXBqcDIgAAAAAGpwMiAAAAAtanAyaAAAABZpaGRyAAAAGAAAACgAAwcHAAAAAAAPY2'
    '9scgEAAAAAABAAAAC4anAyY/9P/1EALwAAAAAAKAAAABgAAAAAAAAAAAAAACgAAAAYAAAAAAAAAAAAAwcBAQcBAQcB'
    'Af9SAAwAAAABAAQEBAAB/1wAEEBASEhQSEhQSEhQSEhQ/2QAJQABQ3JlYXRlZCBieSBPcGVuSlBFRyB2ZXJzaW9uID'
    'IuNS40/5AACgAAAAAANAAB/5PPtBQB1brTps+0GAiOcakQf8+0GAiQnE9lH4CAgICAgICAgICAgP/Z'
)


def encoded(suffix):
    return cv2.imencode(suffix, np.ascontiguousarray(RGB[..., ::-1]))[1].tobytes()


FILES = {
    'WebP': encoded('.webp'),
    'AVIF': encoded('.avif'),
    'BMP': encoded('.bmp'),
    'TIFF': encoded('.tiff'),
    'GIF': encoded('.gif'),
    'JPEG 2000': JPEG_2000,
}


@pytest.mark.parametrize('name', sorted(FILES))
def test_picture_is_read_whatever_the_format_says(name):
    assert kind_and_size(memoryview(FILES[name])) == (name, 40, 24)
    for form in (name.lower(), 'jpeg', ''):
        pixels = decode(CompressedImage(form, FILES[name]))
        assert pixels.shape == RGB.shape
        # OpenCV writes a GIF with few colours.
        assert np.abs(pixels.mean((0, 1)) - RGB[0, 0]).max() <= 2


@pytest.mark.parametrize('name', sorted(FILES))
def test_every_picture_that_is_cut_off_is_an_image_error(name):
    data = FILES[name]
    for length in range(1, len(data) * 9 // 10, max(len(data) // 50, 1)):
        with pytest.raises(ImageError):
            decode(CompressedImage('', data[:length]))


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize(
    ('label', 'is_mosaic'),
    [
        ('bayer_rggb8; jpeg compressed ', True),
        ('bayer_rggb8; png compressed', True),
        ('bayer_rggb8; jpeg compressed bgr8', False),
        ('bayer_rggb8; jpeg compressed mono8', False),
        ('mono8; jpeg compressed ', False),
        ('bayer_xxxx8; jpeg compressed ', False),
    ],
)
def test_mosaic_that_was_not_converted_is_demosaiced(label, is_mosaic, suffix):
    mosaic = np.empty((24, 40), np.uint8)
    mosaic[::2, ::2], mosaic[1::2, 1::2] = 200, 20
    mosaic[::2, 1::2] = mosaic[1::2, ::2] = 40
    data = cv2.imencode(suffix, mosaic, [cv2.IMWRITE_JPEG_QUALITY, 100])[1]
    pixels = decode(CompressedImage(label, data.tobytes()))[1:-1, 1:-1]
    assert (np.abs(pixels.astype(int) - (200, 40, 20)).max() <= 4) == is_mosaic
    assert np.array_equal(pixels[..., 0], pixels[..., 1]) != is_mosaic


def test_sixteen_bit_pictures_follow_the_rule_of_raw_ones():
    wide = np.random.default_rng(0).integers(0, 4096, (24, 40), np.uint16)
    data = cv2.imencode('.png', wide)[1].tobytes()
    assert np.array_equal(
        decode(CompressedImage('mono16; png compressed ', data))[..., 0], wide >> 4
    )
