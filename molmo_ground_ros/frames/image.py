# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decodes the image of a message to RGB pixels. Knows nothing of clips, models or ROS.

Pixels are those of the source image: nothing is rotated (EXIF is ignored), scaled or blended
(alpha is dropped). It also works where cv_bridge is missing or wrong: padded rows, big-endian
samples on NumPy 2, corrupt JPEG, `compressedDepth`. Every failure is an ImageError that names what
the message holds.

A JPEG carries no checksum. So bytes that changed inside its pixel data go unnoticed, unless they
break the structure of the file. libjpeg may then write a warning to the stderr of the process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError, listed
from molmo_ground_ros.types import CompressedImage, EncodedImage, RawImage

# Of a compressed image: 8192 x 8192. Its header is read before it is decoded.
MAX_PIXELS = 1 << 26


def decode(image: EncodedImage) -> NDArray[np.uint8]:
    """The image as (H, W, 3) uint8 RGB in memory of its own.

    Raw: the encodings of ENCODINGS. 16-bit samples give their high byte (full scale is 65535, as
    PNG decoders do); '8UC1' is taken as mono8 and '8UC3' as bgr8, as cv_bridge's users do; YUV is
    BT.601, limited range. Rows may be padded; surplus data after the last row is ignored.
    Compressed: JPEG and PNG, told apart by their own first bytes and not by `format`, of which
    only `compressedDepth` (refused) and `compressed rgb` (red and blue swapped) matter.
    Raises ImageError.
    """
    if isinstance(image, RawImage):
        return _decode_raw(image)
    return _decode_compressed(image)


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


_GRAY = cv2.COLOR_GRAY2RGB
_UYVY = _Layout(2, cv2.COLOR_YUV2RGB_UYVY, across=2)
_YUYV = _Layout(2, cv2.COLOR_YUV2RGB_YUY2, across=2)
# ROS names a mosaic by its top-left 2 x 2 pixels, row by row; OpenCV's names of two letters start
# at the second pixel of the second row, so that ROS's rggb is OpenCV's BG.
_RGGB, _BGGR = cv2.COLOR_BayerBG2RGB, cv2.COLOR_BayerRG2RGB
_GBRG, _GRBG = cv2.COLOR_BayerGR2RGB, cv2.COLOR_BayerGB2RGB

# Names: sensor_msgs/image_encodings.hpp (ros2/common_interfaces 20c3b95).
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
    'bayer_rggb8': _bayer(_RGGB, 1),
    'bayer_bggr8': _bayer(_BGGR, 1),
    'bayer_gbrg8': _bayer(_GBRG, 1),
    'bayer_grbg8': _bayer(_GRBG, 1),
    'bayer_rggb16': _bayer(_RGGB, 2),
    'bayer_bggr16': _bayer(_BGGR, 2),
    'bayer_gbrg16': _bayer(_GBRG, 2),
    'bayer_grbg16': _bayer(_GRBG, 2),
    'uyvy': _UYVY,
    'yuv422': _UYVY,
    'yuyv': _YUYV,
    'yuv422_yuy2': _YUYV,
    'nv12': _Layout(1, cv2.COLOR_YUV2RGB_NV12, across=2, down=2, rows=3),
    'nv21': _Layout(1, cv2.COLOR_YUV2RGB_NV21, across=2, down=2, rows=3),
}
# Of raw images.
ENCODINGS = frozenset(_LAYOUTS)


def _decode_raw(image: RawImage) -> NDArray[np.uint8]:
    layout = _LAYOUTS.get(image.encoding)
    if layout is None:
        raise ImageError(
            f"unknown encoding '{image.encoding}'; the known ones: {listed(ENCODINGS)}"
        )
    data = _flat(image.data)
    if conflict := _conflict(image, layout, len(data)):
        facts = f'{image.encoding} picture of {image.width}x{image.height}, step {image.step}'
        raise ImageError(f'{facts}, {len(data)} bytes: {conflict}')
    samples = _samples(data, image, layout)
    if layout.code is None:
        return np.array(samples, order='C')
    return _converted(samples, layout.code)


def _conflict(image: RawImage, layout: _Layout, nbytes: int) -> str:
    """How the fields contradict the encoding; '' if they do not. Allocates nothing."""
    least_step = image.width * layout.samples * layout.depth
    least_bytes = image.step * (image.height * layout.rows // 2)
    if min(image.width, image.height) < 1:
        return 'it has no pixels'
    if min(image.width, image.height) < layout.least:
        return f'a mosaic needs {layout.least}x{layout.least} pixels'
    if image.width % layout.across or image.height % layout.down:
        side = 'width' if image.width % layout.across else 'height'
        return f'its {side} must be even'
    if image.step < least_step:
        return f'a row needs {least_step} bytes'
    if nbytes < least_bytes:
        return f'it needs {least_bytes} bytes'
    return ''


def _samples(data: NDArray[np.uint8], image: RawImage, layout: _Layout) -> NDArray[np.uint8]:
    """A view of (rows, width, samples) on the data: without padding, high bytes only."""
    rows = image.height * layout.rows // 2
    row = image.width * layout.samples * layout.depth
    inside = data[: rows * image.step].reshape(rows, image.step)[:, :row]
    split = inside.reshape(rows, image.width, layout.samples, layout.depth)
    return split[..., 0 if image.is_bigendian else -1]


def _flat(data: object) -> NDArray[np.uint8]:
    """The bytes as a one-dimensional array on the same memory."""
    if isinstance(data, np.ndarray):
        if data.dtype != np.uint8:
            raise ImageError(f'the data is an array of {data.dtype}, not of uint8')
        return data.reshape(-1)
    try:
        return np.frombuffer(data, np.uint8)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, BufferError) as err:
        raise ImageError(f'the data is a {type(data).__name__}, not bytes: {err}') from err


def _converted(pixels: NDArray[np.uint8], code: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(pixels, code), np.uint8)


class _BrokenError(Exception):
    """The structure of a compressed file is broken; the message says how."""


def _decode_compressed(image: CompressedImage) -> NDArray[np.uint8]:
    data = _flat(image.data)
    facts = f"compressed picture of format '{image.format}', {len(data)} bytes"
    form = image.format.lower()
    if 'compresseddepth' in form:
        raise ImageError(f'{facts}: depth, not a colour picture')
    try:
        width, height = _size(data.data)
    except _BrokenError as err:
        raise ImageError(f'{facts}: {err}') from err
    if not 1 <= width * height <= MAX_PIXELS:
        raise ImageError(f'{facts}: {width}x{height} is not in 1 to {MAX_PIXELS} pixels')
    pixels = _imdecode(data)
    if pixels is None:
        raise ImageError(f'{facts}: OpenCV cannot decode it')
    if 'compressed rgb' in form:
        # The publisher gave RGB to an encoder that takes BGR. image_transport reads it back in the
        # same way (compressed_image_transport/src/compressed_subscriber.cpp).
        return pixels
    return _converted(pixels, cv2.COLOR_BGR2RGB)


def _imdecode(data: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """(H, W, 3) BGR, 8 bit, not turned; None if the data is corrupt."""
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        # OpenCV 4 raises for some files where OpenCV 5 returns None.
        return None
    return None if pixels is None else np.asarray(pixels, np.uint8)


_JPEG = b'\xff\xd8\xff'
_PNG = b'\x89PNG\r\n\x1a\n'


def _size(data: memoryview) -> tuple[int, int]:
    """(width, height) of a JPEG or PNG that is complete from the first byte to the last."""
    head = bytes(data[:8])
    if head.startswith(_JPEG):
        return _jpeg_size(data)
    if head == _PNG:
        return _png_size(data)
    raise _BrokenError(
        f'starts with {head!r}, neither JPEG nor PNG' if head else 'there is no data'
    )


# A marker that ends a scan: not a stuffed zero, a fill byte or a restart (ITU-T T.81, B.1.1).
_SCAN_END = re.compile(rb'\xff[^\x00\xff\xd0-\xd7]')
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9


def _jpeg_size(data: memoryview) -> tuple[int, int]:
    """Walk the markers to the end of the image.

    OpenCV before 5 returns a half grey image for a truncated file and only warns on stderr.
    Bytes after the end are allowed: cameras pad.
    """
    size = (0, 0)
    at = 2
    while True:
        marker, end = _jpeg_segment(data, at)
        if marker == _END_OF_IMAGE:
            return size
        if marker in _FRAME_HEADERS and end - at >= 9:
            size = _number(data, at + 7, 2), _number(data, at + 5, 2)
        at = end
        if marker == _START_OF_SCAN:
            next_marker = _SCAN_END.search(data, end)
            if next_marker is None:
                raise _BrokenError('a JPEG cut off in its pixels')
            at = next_marker.start()


def _jpeg_segment(data: memoryview, at: int) -> tuple[int, int]:
    """(marker, where its segment ends) of the segment at `at`."""
    if len(data) < at + 2:
        raise _BrokenError('a JPEG cut off between segments')
    if data[at] != 0xFF:
        raise _BrokenError(f'a JPEG with no marker at byte {at}')
    marker = data[at + 1]
    if marker == _END_OF_IMAGE:
        return marker, at + 2
    if marker == 0xFF:
        # A fill byte.
        return marker, at + 1
    end = at + 2 + max(_number(data, at + 2, 2), 2)
    if end > len(data):
        raise _BrokenError(f'a JPEG cut off in its segment {marker:#x}')
    return marker, end


def _png_size(data: memoryview) -> tuple[int, int]:
    """Walk the chunks to the last one; their checksums are left to the decoder."""
    if bytes(data[12:16]) != b'IHDR' or len(data) < 33:
        raise _BrokenError('a PNG without its header')
    at = 8
    while at + 12 <= len(data):
        kind = bytes(data[at + 4 : at + 8])
        if not kind.isalpha():
            raise _BrokenError(f'a PNG with no chunk at byte {at}')
        at += 12 + _number(data, at, 4)
        if kind == b'IEND' and at <= len(data):
            return _number(data, 16, 4), _number(data, 20, 4)
    raise _BrokenError('a PNG cut off before its end')


def _number(data: memoryview, at: int, nbytes: int) -> int:
    """A big-endian number; bytes past the end count as missing digits."""
    return int.from_bytes(data[at : at + nbytes], 'big')
