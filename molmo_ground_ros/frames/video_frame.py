# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pixels of an image that FFmpeg decoded, as a player shows them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames.image import MAX_PIXELS

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_MATRIX = struct.Struct('=9i')
_UNIT = 1 << 16


def errors() -> tuple[type[Exception], ...]:
    """What is raised for a file, packet or image that cannot be read, by PyAV or by `pixels`."""
    import av

    return ImageError, av.FFmpegError, ValueError, OverflowError, MemoryError


def pixels(frame: VideoFrame) -> NDArray[np.uint8]:
    """(H, W, 3) RGB. Raises what `errors` names.

    The colours are converted by the matrix and range that the video states. It is turned and
    mirrored by quarter turns where the file says so. Interlaced images keep both fields. Pixels
    that are not square stay as they are, so that points are pixels of the file.
    """
    if not 1 <= frame.width * frame.height <= MAX_PIXELS:
        raise ImageError(f'{frame.width}x{frame.height} is not in 1 to {MAX_PIXELS} pixels')
    if frame.is_corrupt:
        raise ImageError('it is damaged')
    # Threads of the conversion would be made and ended for every image: three times the work.
    rgb = np.asarray(frame.to_ndarray(format='rgb24', threads=1), np.uint8)
    return np.ascontiguousarray(_turned(rgb, frame))


def _turned(image: NDArray[np.uint8], frame: VideoFrame) -> NDArray[np.uint8]:
    """The image under the file's display matrix, if that maps the axes on each other.

    x' = a x + c y and y' = b x + d y (ISO 14496-12, 6.2.2).
    """
    side: Any = frame.side_data.get('DISPLAYMATRIX')
    matrix = b'' if side is None else bytes(side)
    if len(matrix) < _MATRIX.size:
        return image
    a, b, _, c, d, *_ = (round(value / _UNIT) for value in _MATRIX.unpack_from(matrix))
    if (abs(a), abs(b), abs(c), abs(d)) == (0, 1, 1, 0):
        image, a, d = image.transpose(1, 0, 2), c, b
    elif (abs(a), abs(b), abs(c), abs(d)) != (1, 0, 0, 1):
        return image
    return image[:: 1 if d > 0 else -1, :: 1 if a > 0 else -1]
