# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A camera picture to the patches Molmo2's vision tower reads. Needs numpy alone.

Equal, bit for bit, to transformers 5.23 models/molmo2/video_processing_molmo2.py (which needs
torchvision) as it runs on a CPU with more than one thread. With one thread torch takes another
kernel for the same resize, and a few bytes in a million of the processor's own output change by 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError


@dataclass(frozen=True, slots=True)
class PixelConfig:
    """How a checkpoint wants its video frames, as its processor files state it."""

    size: int = 378  # pixels, a multiple of patch_size; frames are squashed to size x size
    patch_size: int = 14  # pixels
    pooling: tuple[int, int] = (3, 3)  # patches (rows, columns) that make one visual token
    rescale_factor: float | None = 1 / 255  # None: not rescaled
    mean: tuple[float, float, float] | None = (0.5, 0.5, 0.5)  # None: not normalised
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
    """Resize, rescale, normalise and cut a frame.

    image: (H, W, 3) RGB. Gives (patches, patch_size * patch_size * 3): patches row by row, pixels
    of a patch row by row, channels last. Raises ImageError for another shape or type.
    Source: transformers 5.23 video_processing_molmo2.py:56-64, 93-148.
    """
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape or image.dtype != np.uint8:
        raise ImageError(f'a frame must be (H, W, 3) uint8, found {image.shape} {image.dtype}')
    pixels = _normalised(resize(image, config.size), config)
    side, patch = config.side, config.patch_size
    blocks = pixels.reshape(side, patch, side, patch, 3)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3, 4)).reshape(side * side, -1)


def pooling_indices(config: PixelConfig) -> NDArray[np.int64]:
    """Which patches of a frame each visual token pools, (tokens, window); -1 is padding.

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
    """Squash (H, W, 3) to (size, size, 3), bilinear without antialiasing, rounded half to even.

    Source: transformers 5.23 video_processing_molmo2.py:93-122, whose arithmetic is torch 2.13
    aten/src/ATen/native/cpu/UpSampleKernel.cpp: float32, across first, then down.
    """
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    top, bottom, down = _taps(height, size)
    left, right, across = _taps(width, size)
    channels = np.repeat(across, 3)  # rows stay flat: numpy is slow over an axis of three
    upper, lower = (
        _mix(
            rows[:, left].reshape(size, -1),  # (size, size * 3)
            rows[:, right].reshape(size, -1),
            channels,
        )
        for rows in (image[top], image[bottom])
    )
    mixed = _mix(upper, lower, down[:, None])
    return np.rint(mixed, out=mixed).astype(np.uint8).reshape(size, size, 3)


def _mix(
    first: NDArray[np.uint8] | NDArray[np.float32],
    second: NDArray[np.uint8] | NDArray[np.float32],
    weight: NDArray[np.float32],  # of the second, in [0, 1]
) -> NDArray[np.float32]:
    """fma(first, 1 - weight, second * weight) in float32, as the compiled kernel rounds it."""
    product = np.multiply(second, weight, dtype=np.float32)
    # A float64 holds a float32 product whole: adding there and rounding once is the fused step.
    total: NDArray[np.float64] = np.multiply(first, np.float32(1) - weight, dtype=np.float64)
    total += product
    return total.astype(np.float32)


@lru_cache(maxsize=64)
def _taps(
    source: int, target: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each of `target` pixels: the two source indices and the second one's weight."""
    scale = np.float64(np.float32(source) / np.float32(target))
    centre = ((np.arange(target) + 0.5) * scale - 0.5).astype(np.float32)  # fused in the kernel too
    centre = np.maximum(centre, np.float32(0))
    first = np.minimum(centre.astype(np.intp), source - 1)
    second = np.minimum(first + 1, source - 1)
    return first, second, np.clip(centre - first.astype(np.float32), 0, 1).astype(np.float32)


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
