# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decodes `sensor_msgs/Image`: rows of samples in one of many layouts, to RGB pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError, listed
from molmo_ground_ros.types import Data, RawImage

DEPTH_ENCODINGS = frozenset({'16UC1', '32FC1'})


@dataclass(frozen=True, slots=True)
class _Layout:
    """How an encoding lays pixels out in a row, and what makes RGB of them."""

    samples: int  # of a pixel
    # For cv2.cvtColor; None if the samples are RGB already.
    code: int | None = None
    depth: int = 1  # bytes of a sample
    # The width and the height are multiples of these.
    across: int = 1
    down: int = 1
    # Rows of data for two rows of the image: 3 if half-size colour planes follow.
    rows: int = 2
    # Smallest width and height.
    least: int = 1


def _bayer(code: int, depth: int) -> _Layout:
    # OpenCV makes narrower mosaics black.
    return _Layout(1, code, depth, least=3)


def _planes(code: int) -> _Layout:
    return _Layout(1, code, across=2, down=2, rows=3)


_GRAY = cv2.COLOR_GRAY2RGB
_UYVY = _Layout(2, cv2.COLOR_YUV2RGB_UYVY, across=2)
_YUYV = _Layout(2, cv2.COLOR_YUV2RGB_YUY2, across=2)
# ROS names a mosaic by its top-left 2 x 2 pixels, row by row; OpenCV's names of two letters start
# at the second pixel of the second row, so that ROS's rggb is OpenCV's BG.
_MOSAICS = {
    'rggb': cv2.COLOR_BayerBG2RGB,
    'bggr': cv2.COLOR_BayerRG2RGB,
    'gbrg': cv2.COLOR_BayerGR2RGB,
    'grbg': cv2.COLOR_BayerGB2RGB,
}

# Names: sensor_msgs/image_encodings.hpp (ros2/common_interfaces 20c3b95). Not among them: mosaics
# of 10 and 12 bits, which are those of 16 whose upper bits are 0, and i420 and yv12.
_LAYOUTS: dict[str, _Layout] = {
    'rgb8': _Layout(3),
    'rgba8': _Layout(4, cv2.COLOR_RGBA2RGB),
    'rgb16': _Layout(3, depth=2),
    'rgba16': _Layout(4, cv2.COLOR_RGBA2RGB, depth=2),
    'bgr8': _Layout(3, cv2.COLOR_BGR2RGB),
    'bgra8': _Layout(4, cv2.COLOR_BGRA2RGB),
    'bgr16': _Layout(3, cv2.COLOR_BGR2RGB, depth=2),
    'bgra16': _Layout(4, cv2.COLOR_BGRA2RGB, depth=2),
    'mono8': _Layout(1, _GRAY),
    'mono16': _Layout(1, _GRAY, depth=2),
    '8UC1': _Layout(1, _GRAY),
    '8UC3': _Layout(3, cv2.COLOR_BGR2RGB),
    **{f'bayer_{name}8': _bayer(code, 1) for name, code in _MOSAICS.items()},
    **{
        f'bayer_{name}{bits}': _bayer(code, 2)
        for name, code in _MOSAICS.items()
        for bits in (10, 12, 16)
    },
    'uyvy': _UYVY,
    'yuv422': _UYVY,
    'yuyv': _YUYV,
    'yuv422_yuy2': _YUYV,
    'nv12': _planes(cv2.COLOR_YUV2RGB_NV12),
    'nv21': _planes(cv2.COLOR_YUV2RGB_NV21),
    'nv24': _Layout(1, cv2.COLOR_YUV2RGB_UYVY, rows=6),
    'i420': _planes(cv2.COLOR_YUV2RGB_I420),
    'yv12': _planes(cv2.COLOR_YUV2RGB_YV12),
}
ENCODINGS = frozenset(_LAYOUTS)
# Bits that the samples of a 16-bit image may have in truth, from the fewest on.
_BITS = (10, 12, 16)


def decode_raw(image: RawImage) -> NDArray[np.uint8]:
    """(H, W, 3) RGB in memory of its own. Raises ImageError. See `image.decode`."""
    layout = _LAYOUTS.get(image.encoding)
    if layout is None:
        raise ImageError(_unknown(image.encoding))
    data = flat(image.data)
    step = _step(image, layout, len(data))
    if conflict := _conflict(image, layout, step, len(data)):
        facts = f'{image.encoding} picture of {image.width}x{image.height}, step {image.step}'
        raise ImageError(f'{facts}, {len(data)} bytes: {conflict}')
    samples = _samples(data, image, layout, step)
    if image.encoding in ('i420', 'yv12'):
        samples = _small_planes(data, image, step)
    elif image.encoding == 'nv24':
        samples = _doubled(data, image, step)
    if layout.code is None:
        return np.array(samples, order='C')
    pixels = converted(samples, layout.code)
    return np.ascontiguousarray(pixels[:, ::2]) if image.encoding == 'nv24' else pixels


def demosaiced(mosaic: NDArray[np.generic], encoding: str) -> NDArray[np.uint8] | None:
    """A mosaic, (H, W) of 8 or 16 bits, as RGB; None if `encoding` is none of a mosaic."""
    layout = _LAYOUTS.get(encoding)
    if layout is None or layout.code is None or layout.code not in _MOSAICS.values():
        return None
    if min(mosaic.shape) < layout.least:
        raise ImageError(f'a mosaic needs {layout.least}x{layout.least} pixels')
    return converted(narrowed(mosaic), layout.code)


def narrowed(samples: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Samples of 8 or 16 bits as 8 bits: of 16 the upper 8 of those that are used.

    Cameras of 10 and 12 bits leave the upper bits 0. So the fewest of 10, 12 and 16 bits are taken
    that the largest sample of the image fits into.
    """
    if samples.dtype == np.uint8:
        return samples  # type: ignore[return-value]
    largest = int(samples.max(initial=0))
    bits = next(bits for bits in _BITS if largest < 1 << bits)
    narrow: NDArray[np.uint8] = np.right_shift(samples, bits - 8).astype(np.uint8)
    return narrow


def converted(pixels: NDArray[np.uint8], code: int) -> NDArray[np.uint8]:
    """The pixels after cv2.cvtColor."""
    return np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def flat(data: Data) -> NDArray[np.uint8]:
    """The bytes as a one-dimensional array on the same memory. Raises ImageError."""
    if isinstance(data, np.ndarray):
        if data.dtype != np.uint8:
            raise ImageError(f'the data is an array of {data.dtype}, not of uint8')
        return data.reshape(-1)
    try:
        return np.frombuffer(data, np.uint8)
    except (TypeError, ValueError, BufferError) as err:
        raise ImageError(f'the data is a {type(data).__name__}, not bytes: {err}') from err


def _unknown(encoding: str) -> str:
    """Why an encoding has no layout."""
    if encoding in DEPTH_ENCODINGS:
        return f"encoding '{encoding}': depth or another measurement, not a colour picture"
    return f"unknown encoding '{encoding}'; the known ones: {listed(ENCODINGS)}"


def _step(image: RawImage, layout: _Layout, nbytes: int) -> int:
    """Bytes of a row: as stated, but without padding where exactly that much data is there."""
    tight = image.width * layout.samples * layout.depth
    rows = image.height * layout.rows // 2
    return tight if nbytes == tight * rows and nbytes else image.step


def _conflict(image: RawImage, layout: _Layout, step: int, nbytes: int) -> str:
    """How the fields contradict the encoding; '' if they do not. Allocates nothing."""
    least_step = image.width * layout.samples * layout.depth
    least_bytes = step * (image.height * layout.rows // 2)
    if min(image.width, image.height) < 1:
        return 'it has no pixels'
    if min(image.width, image.height) < layout.least:
        return f'a mosaic needs {layout.least}x{layout.least} pixels'
    if image.width % layout.across or image.height % layout.down:
        side = 'width' if image.width % layout.across else 'height'
        return f'its {side} must be even'
    if step < least_step:
        return f'a row needs {least_step} bytes'
    if nbytes < least_bytes:
        return f'it needs {least_bytes} bytes'
    return ''


def _samples(
    data: NDArray[np.uint8], image: RawImage, layout: _Layout, step: int
) -> NDArray[np.uint8]:
    """(rows, width, samples) without padding; 8 bits each."""
    rows = image.height * layout.rows // 2
    row = image.width * layout.samples * layout.depth
    inside = data[: rows * step].reshape(rows, step)[:, :row]
    split = inside.reshape(rows, image.width, layout.samples, layout.depth)
    if layout.depth == 1:
        return split[..., 0]
    order = '>u2' if image.is_bigendian else '<u2'
    return narrowed(split.view(order)[..., 0])


def _small_planes(data: NDArray[np.uint8], image: RawImage, step: int) -> NDArray[np.uint8]:
    """(1.5 H, W): the luma plane and two of a quarter its size, without padding.

    A row of the small planes has half the step.
    """
    height, half = image.height, image.width // 2
    luma = data[: height * step].reshape(height, step)[:, : image.width]
    chroma = data[height * step : height * step + height * (step // 2)]
    small = chroma.reshape(height, step // 2)[:, :half]
    return np.concatenate([luma.reshape(-1), small.reshape(-1)]).reshape(-1, image.width)


def _doubled(data: NDArray[np.uint8], image: RawImage, step: int) -> NDArray[np.uint8]:
    """(H, 2 W, 2) UYVY in which each pixel of an nv24 image stands twice.

    The rows of its colours are twice as long as those of its luma.
    """
    height, width = image.height, image.width
    luma = data[: height * step].reshape(height, step)[:, :width]
    rows = data[height * step : 3 * height * step].reshape(height, 2 * step)
    chroma = rows[:, : 2 * width].reshape(height, width, 2)
    pixels = np.stack([chroma[..., 0], luma, chroma[..., 1], luma], axis=-1)
    return pixels.reshape(height, -1, 2)
