# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns an image into the patches that Molmo2's vision tower reads, without torch.

The result equals, bit for bit, that of transformers 5.23 models/molmo2/video_processing_molmo2.py
(which needs torchvision) on a CPU with more than one thread. With one thread, torch resizes by
another kernel, which changes a few bytes in a million of the reference's own output by 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError

# Plain float32 is off by less than 2e-4 levels: ten roundings of half a unit in the last place.
_CLOSE = np.float32(1e-3)
# Rows of the result that are computed at a time: so few stay in a processor's cache.
_STRIP = 128
_Taps = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class PixelConfig:
    """How a checkpoint's processor files say that frames become patches.

    size: frames are resized to size x size, a multiple of patch_size.
    pooling: rows and columns of patches that make one visual token.
    rescale_factor, mean: None where pixels are not rescaled, or not normalised.
    """

    size: int = 378  # pixels
    patch_size: int = 14  # pixels
    pooling: tuple[int, int] = (3, 3)
    rescale_factor: float | None = 1 / 255
    mean: tuple[float, float, float] | None = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    @property
    def side(self) -> int:
        """Patches along one side."""
        return self.size // self.patch_size

    @property
    def grid(self) -> tuple[int, int]:
        """Visual tokens of a frame, (rows, columns)."""
        rows, columns = self.pooling
        return -(-self.side // rows), -(-self.side // columns)


def frame_patches(image: NDArray[np.uint8], config: PixelConfig) -> NDArray[np.float32]:
    """Resize, rescale and normalise a frame, and cut it into patches.

    image: (H, W, 3) RGB. Returns (patches, patch_size * patch_size * 3): patches row by row, the
    pixels of a patch row by row, channels last. Raises ImageError for another shape or type.
    Source: transformers 5.23 video_processing_molmo2.py:56-64, 93-148.
    """
    return cut_patches(frame_pixels(image, config), config)


def frame_pixels(image: NDArray[np.uint8], config: PixelConfig) -> NDArray[np.uint8]:
    """The pixels of a frame that the vision tower reads, (size, size, 3). Raises ImageError."""
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape or image.dtype != np.uint8:
        raise ImageError(f'a frame must be (H, W, 3) uint8, found {image.shape} {image.dtype}')
    return resize(image, config.size)


def cut_patches(pixels: NDArray[np.uint8], config: PixelConfig) -> NDArray[np.float32]:
    """Rescale and normalise what `frame_pixels` gave, and cut it into patches."""
    # Here, since commands that only read a configuration shall start quickly.
    import cv2

    side, patch = config.side, config.patch_size
    blocks = pixels.reshape(side, patch, side, patch, 3).transpose(0, 2, 1, 3, 4)
    rows = np.ascontiguousarray(blocks).reshape(-1, 1, 3)
    values = cv2.LUT(rows, _levels(config)).reshape(side * side, -1)
    return values.astype(np.float32, copy=False)


def pooling_indices(config: PixelConfig) -> NDArray[np.int64]:
    """The patches of a frame that each visual token pools, (tokens, pool); -1 is padding.

    Source: transformers 5.23 video_processing_molmo2.py:67-90.
    """
    (rows, columns), (pool_h, pool_w), side = config.grid, config.pooling, config.side
    index = np.arange(side * side, dtype=np.int64).reshape(side, side)
    pad_h, pad_w = pool_h * rows - side, pool_w * columns - side
    padded = np.pad(
        index,
        ((pad_h // 2, (pad_h + 1) // 2), (pad_w // 2, (pad_w + 1) // 2)),
        constant_values=-1,
    )
    windows = padded.reshape(rows, pool_h, columns, pool_w).transpose(0, 2, 1, 3)
    return windows.reshape(rows * columns, pool_h * pool_w)


def resize(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize (H, W, 3) to (size, size, 3), bilinear without antialiasing, rounded half to even.

    Source: transformers 5.23 video_processing_molmo2.py:93-122, whose arithmetic is torch 2.13
    aten/src/ATen/native/cpu/UpSampleKernel.cpp: float32, across first, then down. That arithmetic
    is followed to the last bit only where it decides: for values close to a half. The others are
    computed in plain float32, which is three times as fast and rounds to the same level.
    """
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    top, bottom, down = _taps(height, size)
    left, right, across = _taps(width, size)
    # Rows stay flat, because numpy is slow along an axis of length three.
    flat = image.reshape(height, -1)
    columns = _channels(left), _channels(right), np.repeat(across, 3)
    strips = [slice(begin, begin + _STRIP) for begin in range(0, size, _STRIP)]
    resized = [_strip(flat, (top[rows], bottom[rows], down[rows]), columns) for rows in strips]
    return np.concatenate(resized).reshape(size, size, 3)


def _strip(
    flat: NDArray[np.uint8],  # (H, W * 3)
    rows: _Taps,  # as `_taps` gives them
    columns: _Taps,  # the same for each value of a flat row
) -> NDArray[np.uint8]:
    """Some rows of the resized image, flat."""
    (top, bottom, down), (left, right, across) = rows, columns
    count = len(top)
    # The rows above, then the rows below.
    lines = flat.take(np.concatenate([top, bottom]), axis=0)
    first, second = (lines.take(side, axis=1, mode='clip') for side in (left, right))
    mixed = first * (np.float32(1) - across)
    mixed += second * across
    values = mixed[:count] * (np.float32(1) - down[:, None])
    values += mixed[count:] * down[:, None]
    levels = np.rint(values)
    np.subtract(values, levels, out=values)
    close = np.flatnonzero(np.abs(values, out=values) > np.float32(0.5) - _CLOSE)
    if len(close):
        row, column = np.divmod(close, values.shape[1])
        upper, lower = (
            _mix(first[line, column], second[line, column], across[column])
            for line in (row, row + count)
        )
        levels.flat[close] = np.rint(_mix(upper, lower, down[row]))
    resized: NDArray[np.uint8] = levels.astype(np.uint8)
    return resized


def _channels(columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """The places of the three values of each of these pixels in a flat row."""
    return (columns[:, None] * 3 + np.arange(3)).ravel()


def _mix(
    first: NDArray[np.uint8] | NDArray[np.float32],
    second: NDArray[np.uint8] | NDArray[np.float32],
    weight: NDArray[np.float32],  # of the second, in [0, 1]
) -> NDArray[np.float32]:
    """fma(first, 1 - weight, second * weight) in float32, rounded as the compiled kernel does."""
    product = np.multiply(second, weight, dtype=np.float32)
    # A float64 holds the product of two float32 exactly, so adding in float64 and rounding once
    # gives what a fused multiply-add gives.
    total: NDArray[np.float64] = np.multiply(first, np.float32(1) - weight, dtype=np.float64)
    total += product
    return total.astype(np.float32)


@lru_cache(maxsize=64)
def _taps(source: int, target: int) -> _Taps:
    """For each of `target` pixels the two source pixels, and the weight of the second in [0, 1]."""
    scale = np.float64(np.float32(source) / np.float32(target))
    # Rounded once, because the kernel computes this with a fused multiply-add, too.
    centre = ((np.arange(target) + 0.5) * scale - 0.5).astype(np.float32)
    centre = np.maximum(centre, np.float32(0))
    first = np.minimum(centre.astype(np.intp), source - 1)
    second = np.minimum(first + 1, source - 1)
    return first, second, np.clip(centre - first.astype(np.float32), 0, 1).astype(np.float32)


@lru_cache(maxsize=8)
def _levels(config: PixelConfig) -> NDArray[np.float32]:
    """What each level of each channel becomes, (1, 256, 3)."""
    levels = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    return _normalised(levels, config)


def _normalised(pixels: NDArray[np.uint8], config: PixelConfig) -> NDArray[np.float32]:
    """Rescale and normalise in one float32 step, as the processor does.

    Source: transformers 5.23 image_processing_backends.py:329-369.
    """
    values = pixels.astype(np.float32)
    if config.mean is None:
        return (
            values if config.rescale_factor is None else values * np.float32(config.rescale_factor)
        )
    unit = np.float32(1.0 if config.rescale_factor is None else 1.0 / config.rescale_factor)
    values -= np.asarray(config.mean, dtype=np.float32) * unit
    values /= np.asarray(config.std, dtype=np.float32) * unit
    return values
