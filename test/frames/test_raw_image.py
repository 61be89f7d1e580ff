# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Layouts and samples that image_encodings.hpp leaves open. See test_image.py for the others."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from molmo_ground_ros.frames.image import decode
from molmo_ground_ros.types import RawImage

ROWS, COLUMNS = 6, 8


def noise(*shape, high=256, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, high, shape, dtype)


@pytest.mark.parametrize('order', ['<', '>'], ids=['little-endian', 'big-endian'])
@pytest.mark.parametrize('bits', [10, 12, 16])
def test_samples_give_the_upper_eight_of_the_bits_that_are_used(bits, order):
    wide = noise(ROWS, COLUMNS, high=1 << bits, dtype=np.uint16)
    wide[0, 0] = (1 << bits) - 1
    data = wide.astype(f'{order}u2').tobytes()
    image = RawImage(COLUMNS, ROWS, 'mono16', 2 * COLUMNS, data, order == '>')
    assert np.array_equal(decode(image)[..., 0], wide >> (bits - 8))


@pytest.mark.parametrize('bits', [10, 12])
@pytest.mark.parametrize('named', [True, False], ids=['by its own name', 'as 16 bits'])
def test_a_mosaic_of_ten_or_twelve_bits_is_that_of_eight(bits, named):
    wide = noise(ROWS, COLUMNS, high=1 << bits, dtype=np.uint16)
    wide[0, 0] = (1 << bits) - 1
    name = f'bayer_grbg{bits if named else 16}'
    narrow = (wide >> (bits - 8)).astype(np.uint8)
    expected = decode(RawImage(COLUMNS, ROWS, 'bayer_grbg8', COLUMNS, narrow.tobytes()))
    image = RawImage(COLUMNS, ROWS, name, 2 * COLUMNS, wide.tobytes())
    assert np.array_equal(decode(image), expected)


@pytest.mark.parametrize('pad', [0, 4], ids=lambda pad: f'pad {pad}')
@pytest.mark.parametrize(('encoding', 'code'), [
    ('i420', cv2.COLOR_YUV2RGB_I420), ('yv12', cv2.COLOR_YUV2RGB_YV12),
])  # fmt: skip
def test_three_planes_with_padding_in_each(encoding, code, pad):
    planes = noise(ROWS * 3 // 2, COLUMNS)
    luma, chroma = planes[:ROWS], planes[ROWS:].reshape(ROWS, COLUMNS // 2)
    data = np.pad(luma, ((0, 0), (0, pad))).tobytes()
    data += np.pad(chroma, ((0, 0), (0, pad // 2))).tobytes()
    image = RawImage(COLUMNS, ROWS, encoding, COLUMNS + pad, data)
    assert np.array_equal(decode(image), cv2.cvtColor(planes, code))


@pytest.mark.parametrize('pad', [0, 3], ids=lambda pad: f'pad {pad}')
def test_nv24_has_a_colour_for_each_pixel(pad):
    luma, chroma = noise(ROWS, COLUMNS), noise(ROWS, COLUMNS, 2)
    pixels = np.stack([chroma[..., 0], luma, chroma[..., 1], luma], -1).reshape(ROWS, -1, 2)
    expected = cv2.cvtColor(pixels, cv2.COLOR_YUV2RGB_UYVY)[:, ::2]
    step = COLUMNS + pad
    data = np.pad(luma, ((0, 0), (0, pad))).tobytes()
    data += np.pad(chroma.reshape(ROWS, -1), ((0, 0), (0, 2 * pad))).tobytes()
    rows = RawImage(COLUMNS, ROWS, 'nv24', step, data)
    assert np.array_equal(decode(rows), expected)


@pytest.mark.parametrize('step', [0, 4, 64], ids=lambda step: f'step {step}')
@pytest.mark.parametrize('encoding', ['rgba8', 'mono16', 'nv12', 'uyvy'])
def test_a_wrong_step_of_data_without_padding_is_ignored(encoding, step):
    bytes_a_pixel = {'rgba8': 4, 'mono16': 2, 'nv12': 1.5, 'uyvy': 2}[encoding]
    data = noise(round(ROWS * COLUMNS * bytes_a_pixel))
    tight = COLUMNS * int(bytes_a_pixel)
    expected = decode(RawImage(COLUMNS, ROWS, encoding, tight, data))
    assert np.array_equal(decode(RawImage(COLUMNS, ROWS, encoding, step, data)), expected)
