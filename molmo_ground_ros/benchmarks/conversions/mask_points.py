# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points inside a mask: its centre, and draws around it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.datasets.examples import Pixel
from molmo_ground_ros.errors import BadSetting

Pixels = NDArray[np.bool_]  # (H, W)
Cell = tuple[int, int]  # row, column of a pixel

# The share of a pixel's distance to the border in its score; the rest is its distance to the
# centroid. The paper gives no number (arXiv 2601.10611v4, section F.3); ours.
_ALPHA = 0.5
_SPREAD = 1 / 6  # standard deviation by the extent of the mask: it is 6 of them wide. Ours.
_DRAWS = 32  # before the nearest pixel is taken
_IN = 0.25  # of a pixel


def bounds(pixels: Pixels) -> tuple[int, int, int, int]:
    """First and last row, first and last column with a true pixel. Raises BadSetting for none."""
    rows = np.flatnonzero(pixels.any(axis=1))
    if not len(rows):
        raise BadSetting('mask', pixels.shape, 'has no pixel')
    columns = np.flatnonzero(pixels.any(axis=0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def central_point(pixels: Pixels) -> Pixel:
    """The pixel that is deep inside and near the centroid; always one of the mask.

    Molmo2 takes its tracks' points by a score of both, weighted, "which keeps the points near the
    center while minimizing flickering" (arXiv 2601.10611v4, section F.3). Each distance is divided
    by its largest in the mask. So a ring has its centre on the ring, and of several parts the
    thickest one has it. Raises BadSetting for an empty mask.
    """
    return _spot(_centre(pixels, bounds(pixels)))


def random_point(pixels: Pixels, rng: np.random.Generator) -> Pixel:
    """A pixel drawn by a Gaussian around the centre; always one of the mask.

    "Randomly sample a point in the object's mask with a Gaussian distribution around the mask
    center" (arXiv 2601.10611v4, section 2). Draws beside the mask are drawn again, up to 32 times;
    then the mask's pixel nearest to the last draw is taken. Raises BadSetting for an empty mask.
    """
    top, bottom, left, right = edges = bounds(pixels)
    middle = np.array(_centre(pixels, edges)) + 0.5
    spread = _SPREAD * np.array([bottom + 1 - top, right + 1 - left])
    for _ in range(_DRAWS):
        row, column = (int(value) for value in np.floor(rng.normal(middle, spread)))
        if top <= row <= bottom and left <= column <= right and pixels[row, column]:
            return _spot((row, column))
    rows, columns = np.nonzero(pixels)
    nearest = int(np.argmin((rows - row) ** 2 + (columns - column) ** 2))
    return _spot((int(rows[nearest]), int(columns[nearest])))


def _centre(pixels: Pixels, edges: tuple[int, int, int, int]) -> Cell:
    top, bottom, left, right = edges
    cut = pixels[top : bottom + 1, left : right + 1]
    framed = np.pad(cut.astype(np.uint8), 1)  # the picture's edge is a border as well
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    down, across = (
        np.arange(count, dtype=np.float32) - np.float32(sums @ np.arange(count) / sums.sum())
        for count, sums in zip(cut.shape, (cut.sum(axis=1), cut.sum(axis=0)), strict=True)
    )
    away = np.sqrt((down**2)[:, None] + across**2)
    farthest = max(float(away.max(where=cut, initial=0)), 1.0)
    score = depth * (_ALPHA / depth.max()) - away * ((1 - _ALPHA) / farthest)
    best = int(np.argmax(np.where(cut, score, -np.inf)))
    return top + best // cut.shape[1], left + best % cut.shape[1]


def _spot(cell: Cell) -> Pixel:
    """x, y in a pixel, a quarter in: rounded, as the reference does, or cut off, it is that pixel.

    The reference rounds (molmo2 f3cb108, olmo/eval/object_tracking_utils.py:501-518), so a pixel's
    middle would be a tie.
    """
    row, column = cell
    return column + _IN, row + _IN
