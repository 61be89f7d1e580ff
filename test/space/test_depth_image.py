# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth messages of every encoding to metres, and damaged ones to errors."""

import struct

import cv2
import numpy as np
import pytest
from support.rvl import encoded

from molmo_ground_ros.space.depth_image import depth_metres, is_depth
from molmo_ground_ros.space.errors import DepthError
from molmo_ground_ros.types import CompressedImage, RawImage

MILLIMETRES = np.array([[0, 500, 1234], [65535, 1, 2000]], dtype=np.uint16)
METRES = np.array([[np.nan, 0.5, 1.234], [65.535, 0.001, 2.0]], dtype=np.float32)


def raw(values, encoding, *, padding=0, big=False):
    values = values.astype(values.dtype.newbyteorder('>' if big else '<'))
    rows = b''.join(row.tobytes() + bytes(padding) for row in values)
    step = values.shape[1] * values.itemsize + padding
    return RawImage(values.shape[1], values.shape[0], encoding, step, rows, big)


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('padding', [0, 5])
def test_millimetres_become_metres_and_zero_is_no_measurement(big, padding):
    metres = depth_metres(raw(MILLIMETRES, '16UC1', padding=padding, big=big))
    np.testing.assert_allclose(metres, METRES, rtol=1e-6)


def test_float_metres_stay_and_what_is_no_measurement_is_nan():
    values = np.array([[0.0, -1.0, np.inf], [np.nan, 0.25, 3.5]], dtype=np.float32)
    metres = depth_metres(raw(values, '32FC1', padding=4))
    np.testing.assert_array_equal(metres, [[np.nan] * 3, [np.nan, 0.25, 3.5]])


def test_data_of_the_message_is_not_changed():
    values = np.array([[0.0, -1.0, 2.0]], dtype=np.float32)
    message = raw(values, '32FC1')
    before = bytes(message.data)
    depth_metres(message)
    assert message.data == before


def compressed(payload, text, a=0.0, b=0.0):
    return CompressedImage(text, struct.pack('<iff', 0, a, b) + payload)


def png(values):
    return cv2.imencode('.png', values)[1].tobytes()


def rvl(values):
    return struct.pack('<ii', values.shape[1], values.shape[0]) + encoded(values.ravel().tolist())


@pytest.mark.parametrize(
    'message',
    [
        pytest.param(compressed(png(MILLIMETRES), '16UC1; compressedDepth png'), id='png'),
        pytest.param(compressed(png(MILLIMETRES), '16UC1; compressedDepth'), id='older publishers'),
        pytest.param(compressed(rvl(MILLIMETRES), '16UC1; compressedDepth rvl'), id='rvl'),
    ],
)
def test_compressed_millimetres(message):
    np.testing.assert_allclose(depth_metres(message), METRES, rtol=1e-6)


@pytest.mark.parametrize(('pack', 'coding'), [(png, 'png'), (rvl, 'rvl')])
def test_compressed_float_metres_are_unpacked_by_the_header(pack, coding):
    # As compressed_depth_image_transport packs them: quantisation 100, at most 10 m.
    a = 100.0 * 101.0
    b = 1.0 - a / 10.0
    metres = np.array([[0.5, 1.0, np.nan], [2.5, 9.9, 4.0]], dtype=np.float32)
    packed = np.nan_to_num(a / metres + b, nan=0.0).astype(np.uint16)
    unpacked = depth_metres(compressed(pack(packed), f'32FC1; compressedDepth {coding}', a, b))
    np.testing.assert_allclose(unpacked, metres, rtol=0.01)


@pytest.mark.parametrize(
    ('message', 'text'),
    [
        pytest.param(raw(MILLIMETRES, 'rgb8'), "encoding 'rgb8'", id='colour'),
        pytest.param(RawImage(3, 2, '16UC1', 6, bytes(11)), '11 bytes', id='short data'),
        pytest.param(RawImage(3, 2, '16UC1', 5, bytes(20)), 'step of 5', id='short step'),
        pytest.param(CompressedImage('jpeg', b'x'), "format 'jpeg'", id='another format'),
        pytest.param(CompressedImage('16UC1; compressedDepth', b'x'), '1 bytes', id='no header'),
        pytest.param(compressed(b'PNG?', '16UC1; compressedDepth png'), 'no PNG', id='damaged PNG'),
        pytest.param(
            compressed(png(np.zeros((2, 2, 3), np.uint8)), '16UC1; compressedDepth png'),
            'no PNG of one channel',
            id='colour PNG',
        ),
        pytest.param(
            compressed(struct.pack('<ii', 0, 4), '16UC1; compressedDepth rvl'),
            'RVL of 0x4',
            id='RVL of no pixels',
        ),
        pytest.param(
            compressed(png(MILLIMETRES), '8UC1; compressedDepth png'), 'neither', id='8UC1'
        ),
    ],
)
def test_what_is_no_depth_is_refused_by_name(message, text):
    with pytest.raises(DepthError, match=text):
        depth_metres(message)


@pytest.mark.parametrize(
    ('message', 'expected'),
    [
        (raw(MILLIMETRES, '16UC1'), True),
        (RawImage(1, 1, 'bgr8', 3, bytes(3)), False),
        (CompressedImage('16UC1; compressedDepth png', b''), True),
        (CompressedImage('jpeg', b''), False),
    ],
)
def test_depth_is_known_by_its_encoding(message, expected):
    assert is_depth(message) is expected
