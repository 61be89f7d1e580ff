# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points inside a mask: the central one, and random ones around it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.datasets.examples import Pixel
from molmo_ground_ros.errors import BadArgument

Pixels = NDArray[np.bool_]  # (H, W)
Cell = tuple[int, int]  # row, column of a pixel

# The weight of a pixel's distance to the border in its score. The rest is the weight of its
# distance to the centroid. The paper gives no number (arXiv 2601.10611v4, section F.3); this is
# ours.
_ALPHA = 0.5
# Standard deviation of the random points, as a share of the mask's extent. Ours as well.
_SPREAD = 1 / 6
# Draws outside the mask that are tried again before the nearest pixel is taken.
_DRAWS = 32
# Where in a pixel a point is placed, from its left and upper edge; see `_pixel`.
_OFFSET = 0.25


def bounds(pixels: Pixels) -> tuple[int, int, int, int]:
    """First and last row, first and last column with a true pixel.

    Raises BadArgument for an empty mask.
    """
    rows = np.flatnonzero(pixels.any(axis=1))
    if not len(rows):
        raise BadArgument('mask', pixels.shape, 'has no pixel')
    columns = np.flatnonzero(pixels.any(axis=0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def central_point(pixels: Pixels) -> Pixel:
    """A point of the mask that is far from its border and near its centroid.

    Molmo2 chooses the points of its tracks by a weighted score of both, "which keeps the points
    near the center while minimizing flickering" (arXiv 2601.10611v4, section F.3). Each distance is
    divided by its largest value in the mask. The point of a ring is therefore on the ring, and that
    of a mask of several parts is in the thickest. Raises BadArgument for an empty mask.
    """
    return _pixel(_central_cell(pixels, bounds(pixels)))


def random_point(pixels: Pixels, rng: np.random.Generator) -> Pixel:
    """A point of the mask, drawn from a Gaussian around the central one.

    "Randomly sample a point in the object's mask with a Gaussian distribution around the mask
    center" (arXiv 2601.10611v4, section 2). A draw outside the mask is repeated, up to 32 times in
    all; then the mask's pixel nearest to the last draw is taken. Raises BadArgument for an empty
    mask.
    """
    top, bottom, left, right = edges = bounds(pixels)
    middle = np.array(_central_cell(pixels, edges)) + 0.5
    spread = _SPREAD * np.array([bottom + 1 - top, right + 1 - left])
    for _ in range(_DRAWS):
        row, column = (int(value) for value in np.floor(rng.normal(middle, spread)))
        if top <= row <= bottom and left <= column <= right and pixels[row, column]:
            return _pixel((row, column))
    rows, columns = np.nonzero(pixels)
    nearest = int(np.argmin((rows - row) ** 2 + (columns - column) ** 2))
    return _pixel((int(rows[nearest]), int(columns[nearest])))


def _central_cell(pixels: Pixels, edges: tuple[int, int, int, int]) -> Cell:
    top, bottom, left, right = edges
    cut = pixels[top : bottom + 1, left : right + 1]
    # The edge of the image counts as a border of the mask.
    padded = np.pad(cut.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    down, across = (
        np.arange(count, dtype=np.float32) - np.float32(sums @ np.arange(count) / sums.sum())
        for count, sums in zip(cut.shape, (cut.sum(axis=1), cut.sum(axis=0)), strict=True)
    )
    from_centroid = np.sqrt((down**2)[:, None] + across**2)
    farthest = max(float(from_centroid.max(where=cut, initial=0)), 1.0)
    score = depth * (_ALPHA / depth.max()) - from_centroid * ((1 - _ALPHA) / farthest)
    best = int(np.argmax(np.where(cut, score, -np.inf)))
    return top + best // cut.shape[1], left + best % cut.shape[1]


def _pixel(cell: Cell) -> Pixel:
    """x, y a quarter of a pixel from its left and upper edge.

    Both rounding and cutting off give this pixel again. The reference rounds (molmo2 f3cb108,
    olmo/eval/object_tracking_utils.py:501-518), so the middle of a pixel would be a tie.
    """
    row, column = cell
    return column + _OFFSET, row + _OFFSET
