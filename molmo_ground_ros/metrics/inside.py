# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which points lie in which masks. No mask is unpacked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from molmo_ground_ros.masks import Mask

Hits = NDArray[np.bool_]  # (points, masks)


def hits(points: ArrayLike, masks: Sequence[Mask | None], parity: bool = False) -> Hits:
    """Whether each point lies in each mask. Raises BadSetting for a damaged mask.

    points: (N, 2) finite pixels x, y. masks: None is no pixel. The nearest pixel counts, of two
    the even one (molmo2 f3cb108, olmo/eval/evaluators.py:364-387); off the picture none does.
    Default: what is said of the right or the lower edge (1000) is of the last column or row.
    parity: it is off the picture, as it rounds to width or height.
    """
    return hits_and_seen(points, masks, parity)[0]


def hits_and_seen(
    points: ArrayLike, masks: Sequence[Mask | None], parity: bool = False
) -> tuple[Hits, NDArray[np.bool_]]:
    """`hits`, and (masks,) whether each mask has a pixel at all. Reads each mask's runs once."""
    x, y = np.asarray(points, np.float64).reshape(-1, 2).T
    found = np.zeros((len(x), len(masks)), np.bool_)
    seen = np.zeros(len(masks), np.bool_)
    pixels: dict[tuple[int, int], NDArray[np.int64]] = {}  # of the points, by size of picture
    for place, mask in enumerate(masks):
        if mask is None:
            continue
        size = (mask.height, mask.width)
        if size not in pixels:
            pixels[size] = _pixels(x, y, size, parity)
        ends = mask.ends()
        stops = ends[1::2]  # of the true runs
        seen[place] = (stops > ends[::2][: len(stops)]).any()
        found[:, place] = np.searchsorted(ends, pixels[size], side='right') % 2
    return found, seen


def _pixels(
    x: NDArray[np.float64], y: NDArray[np.float64], size: tuple[int, int], parity: bool
) -> NDArray[np.int64]:
    """(N,) the nearest pixels, counted down the columns; -1 where that is off the picture."""
    height, width = size
    column, row = np.rint(x), np.rint(y)
    if not parity:
        column[(column == width) & (x <= width)] = width - 1
        row[(row == height) & (y <= height)] = height - 1
    on = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return np.where(on, column * height + row, -1).astype(np.int64)
