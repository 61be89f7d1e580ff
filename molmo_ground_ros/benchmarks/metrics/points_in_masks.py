# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which points lie in which masks. Works on run lengths, without unpacking a mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from molmo_ground_ros.frames.masks import Mask

Hits = NDArray[np.bool_]  # (points, masks)


def hits(points: ArrayLike, masks: Sequence[Mask | None], parity: bool = False) -> Hits:
    """(N, masks) bool: whether each point lies in each mask. Raises as `Mask.ends` does.

    points: (N, 2) finite pixels x, y. masks: None stands for an empty mask. A point is rounded to
    the nearest pixel, halves to the even one (molmo2 f3cb108, olmo/eval/evaluators.py:364-387). A
    point off the image hits nothing.
    Default: a point on the right or lower edge (coordinate 1000) belongs to the last column or row.
    parity: such a point is off the image, because it rounds to the width or height.
    """
    return hits_and_nonempty(points, masks, parity)[0]


def hits_and_nonempty(
    points: ArrayLike, masks: Sequence[Mask | None], parity: bool = False
) -> tuple[Hits, NDArray[np.bool_]]:
    """`hits`, and (masks,) whether each mask has a pixel. Reads the runs of each mask once."""
    x, y = np.asarray(points, np.float64).reshape(-1, 2).T
    hit = np.zeros((len(x), len(masks)), np.bool_)
    nonempty = np.zeros(len(masks), np.bool_)
    pixels: dict[tuple[int, int], NDArray[np.int64]] = {}  # of the points, by size of the image
    for place, mask in enumerate(masks):
        if mask is None:
            continue
        size = (mask.height, mask.width)
        if size not in pixels:
            pixels[size] = _pixel_indices(x, y, size, parity)
        # Runs alternate between false and true, and begin with false.
        ends = mask.ends()
        true_ends = ends[1::2]
        nonempty[place] = (true_ends > ends[::2][: len(true_ends)]).any()
        hit[:, place] = np.searchsorted(ends, pixels[size], side='right') % 2
    return hit, nonempty


def _pixel_indices(
    x: NDArray[np.float64], y: NDArray[np.float64], size: tuple[int, int], parity: bool
) -> NDArray[np.int64]:
    """(N,) index of the nearest pixel, counted down the columns; -1 for a point off the image."""
    height, width = size
    column, row = np.rint(x), np.rint(y)
    if not parity:
        column[(column == width) & (x <= width)] = width - 1
        row[(row == height) & (y <= height)] = height - 1
    is_inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return np.where(is_inside, column * height + row, -1).astype(np.int64)
