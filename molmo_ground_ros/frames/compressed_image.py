# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decodes `sensor_msgs/CompressedImage`: a picture file in a message, to RGB pixels."""

from __future__ import annotations

import re

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames import jpeg
from molmo_ground_ros.frames.picture_head import BrokenPicture, is_deep_grey_png, kind_and_size
from molmo_ground_ros.frames.raw_image import converted, demosaiced, flat, narrowed
from molmo_ground_ros.types import CompressedImage

# Of a compressed image: 8192 x 8192. Its header is read before it is decoded.
MAX_PIXELS = 1 << 26

# image_transport writes what it was given and what it made of it; of a mosaic it made nothing.
_MOSAIC = re.compile(r'\s*(bayer_\w+)\s*;.*compressed\s*')
_DEPTH = re.compile(r'\s*(16uc1|32fc1)\b')
_VIDEO = re.compile(r'\b(h\.?26[45]|hevc|av1|vp[89])\b')


def decode_compressed(image: CompressedImage) -> NDArray[np.uint8]:
    """(H, W, 3) RGB in memory of its own. Raises ImageError. See `image.decode`."""
    data = flat(image.data)
    try:
        return _decode(data, image.format)
    except (BrokenPicture, ImageError) as err:
        facts = f"compressed picture of format '{image.format}', {len(data)} bytes"
        raise ImageError(f'{facts}: {err}') from err


def _decode(data: NDArray[np.uint8], form: str) -> NDArray[np.uint8]:
    lower = form.lower()
    if 'compresseddepth' in lower or (_DEPTH.match(lower) and is_deep_grey_png(data.data)):
        raise ImageError('depth, not a colour picture')
    is_cut_off = _check(data.data, lower)
    mosaic = _MOSAIC.fullmatch(lower)
    if mosaic:
        plane = _imdecode(data, cv2.IMREAD_UNCHANGED, is_cut_off=is_cut_off)
        colours = demosaiced(plane, mosaic[1]) if plane.ndim == 2 else None
        if colours is not None:
            return colours
    pixels = _imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH, is_cut_off=is_cut_off)
    return converted(narrowed(pixels), cv2.COLOR_BGR2RGB)


def _check(data: memoryview, form: str) -> bool:
    """Whether a JPEG lacks the marker of its end. Raises for what is no picture, or too large."""
    is_cut_off = False
    if bytes(data[:3]) == jpeg.MAGIC:
        head = jpeg.jpeg_head(data)
        width, height, is_cut_off = head.width, head.height, not head.is_complete
    else:
        kind, width, height = kind_and_size(data)
        if not kind:
            raise BrokenPicture(_no_picture(data, form))
    if not 1 <= width * height <= MAX_PIXELS:
        raise ImageError(f'{width}x{height} is not in 1 to {MAX_PIXELS} pixels')
    return is_cut_off


def _no_picture(data: memoryview, form: str) -> str:
    if not len(data):
        return 'there is no data'
    if video := _VIDEO.search(form):
        return f'a packet of {video[1]} video, which is no picture by itself'
    starts = f'starts with {bytes(data[:8])!r}'
    return f'{starts}, neither JPEG, PNG, WebP, AVIF, JPEG 2000, BMP, TIFF nor GIF'


def _imdecode(data: NDArray[np.uint8], flags: int, *, is_cut_off: bool) -> NDArray[np.generic]:
    """(H, W, 3) BGR or (H, W), not turned. Raises ImageError where the data is corrupt."""
    if not is_cut_off:
        return _decoded(data, flags)
    images = [
        _decoded(np.frombuffer(data.tobytes().rstrip(b'\xff') + filler + jpeg.END, np.uint8), flags)
        for filler in jpeg.FILLERS
    ]
    if not all(np.array_equal(image, images[0]) for image in images[1:]):
        raise ImageError('a JPEG cut off in its pixels')
    return images[0]


def _decoded(data: NDArray[np.uint8], flags: int) -> NDArray[np.generic]:
    try:
        pixels = cv2.imdecode(data, flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        # OpenCV 4 raises for some files where OpenCV 5 returns None.
        pixels = None
    if pixels is None:
        raise ImageError('OpenCV cannot decode it')
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ImageError(f'samples of {pixels.dtype}: depth or another measurement, not colours')
    return np.asarray(pixels)
