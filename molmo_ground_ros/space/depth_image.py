# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth messages to metres, by their encoding (REP 117, REP 118). Knows no cameras."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.space.errors import DepthError
from molmo_ground_ros.space.rvl import decode_rvl
from molmo_ground_ros.types import CompressedImage, Data, EncodedImage, RawImage

Metres = NDArray[np.float32]  # (H, W), NaN where nothing was measured

_MILLIMETRES_PER_METRE = 1000.0
_ITEMS = {'16UC1': 'u2', 'mono16': 'u2', '32FC1': 'f4'}
# What image_transport's compressed_depth_image_transport writes before the image: an int and two
# floats, little-endian, as its ConfigHeader lies in memory.
_HEADER = struct.Struct('<iff')
_RVL_SIZE = struct.Struct('<ii')


def depth_metres(message: EncodedImage) -> Metres:
    """(H, W) float32 metres along the optical axis, NaN where nothing was measured.

    `16UC1` counts millimetres, and 0 means no measurement. `32FC1` counts metres; NaN, infinity and
    anything not above 0 mean none. `compressedDepth` holds one of the two as PNG or RVL.
    Raises DepthError for another encoding, or data that is damaged.
    """
    if isinstance(message, RawImage):
        return _metres(_raw_values(message))
    return _compressed_metres(message)


def is_depth(message: EncodedImage) -> bool:
    """Whether the message's encoding is one that `depth_metres` reads."""
    if isinstance(message, RawImage):
        return message.encoding in _ITEMS
    return 'compressedDepth' in message.format


def _bytes(data: Data) -> memoryview:
    return memoryview(data).cast('B')  # type: ignore[arg-type] # an array is a Buffer to Python 3.12


def _metres(values: NDArray[np.generic]) -> Metres:
    metres: Metres
    if values.dtype.kind == 'u':
        metres = values.astype(np.float32)
        metres /= _MILLIMETRES_PER_METRE
    else:
        metres = np.array(values, dtype=np.float32)
    metres[~(np.isfinite(metres) & (metres > 0))] = np.nan
    return metres


def _raw_values(message: RawImage) -> NDArray[np.generic]:
    if message.encoding not in _ITEMS:
        raise DepthError(f"encoding '{message.encoding}', which is none of {', '.join(_ITEMS)}")
    order = '>' if message.is_bigendian else '<'
    kind = np.dtype(order + _ITEMS[message.encoding])
    row = message.width * kind.itemsize
    data = _bytes(message.data)
    if message.step < row or len(data) < message.step * (message.height - 1) + row:
        raise DepthError(
            f'{len(data)} bytes with a step of {message.step}, which do not hold '
            f"{message.width}x{message.height} pixels of '{message.encoding}'"
        )
    shape, strides = (message.height, message.width), (message.step, kind.itemsize)
    return np.ndarray(shape, kind, buffer=data, strides=strides)


@dataclass(frozen=True, slots=True)
class _Inverse:
    """How 32-bit metres were packed into 16 bits: metres = a / (value - b)."""

    a: float
    b: float

    def metres(self, values: NDArray[np.uint16]) -> Metres:
        with np.errstate(divide='ignore'):
            metres = np.float32(self.a) / (values.astype(np.float32) - np.float32(self.b))
        metres[values == 0] = np.nan
        return _metres(metres)


def _compressed_metres(message: CompressedImage) -> Metres:
    encoding, _, coding = message.format.partition(';')
    if 'compressedDepth' not in coding:
        raise DepthError(f"format '{message.format}', which is no compressedDepth")
    data = _bytes(message.data)
    if len(data) < _HEADER.size:
        raise DepthError(f'{len(data)} bytes, fewer than the header of compressedDepth')
    _, a, b = _HEADER.unpack_from(data)
    payload = data[_HEADER.size :]
    # Older publishers write no coding behind `compressedDepth`; theirs is PNG.
    values = _rvl_values(payload) if 'rvl' in coding else _png_values(payload)
    match encoding.strip():
        case '16UC1' | 'mono16':
            return _metres(values)
        case '32FC1':
            return _Inverse(a, b).metres(values)
    raise DepthError(f"format '{message.format}', whose depth is neither 16UC1 nor 32FC1")


def _rvl_values(payload: memoryview) -> NDArray[np.uint16]:
    if len(payload) < _RVL_SIZE.size:
        raise DepthError(f'{len(payload)} bytes of RVL, fewer than its size takes')
    width, height = _RVL_SIZE.unpack_from(payload)
    if not (0 < width <= 1 << 14 and 0 < height <= 1 << 14):
        raise DepthError(f'RVL of {width}x{height} pixels')
    return decode_rvl(payload[_RVL_SIZE.size :], width * height).reshape(height, width)


def _png_values(payload: memoryview) -> NDArray[np.uint16]:
    try:
        values = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as err:
        raise DepthError('a PNG that cannot be decoded') from err
    if values is None or values.dtype != np.uint16 or values.ndim != 2:
        raise DepthError('data that is no PNG of one channel of 16 bits')
    return values.astype(np.uint16, copy=False)
