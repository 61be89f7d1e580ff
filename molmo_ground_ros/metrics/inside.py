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
    x, y = np.asarray(points, np.float64).reshape(-1, 2).T
    found = np.zeros((len(x), len(masks)), np.bool_)
    for place, mask in enumerate(masks):
        if mask is not None:
            found[:, place] = _inside(x, y, mask, parity)
    return found


def _inside(
    x: NDArray[np.float64], y: NDArray[np.float64], mask: Mask, parity: bool
) -> NDArray[np.bool_]:
    column = _pixel(x, mask.width, parity)
    row = _pixel(y, mask.height, parity)
    on = (column >= 0) & (column < mask.width) & (row >= 0) & (row < mask.height)
    run = np.searchsorted(mask.ends(), column * mask.height + row, side='right')
    return np.asarray(on & (run % 2 == 1))


def _pixel(at: NDArray[np.float64], size: int, parity: bool) -> NDArray[np.int64]:
    """The nearest pixel, -1 or size where that is off the picture."""
    pixel = np.clip(np.rint(at), -1, size)
    if not parity:
        pixel[(pixel == size) & (at <= size)] = size - 1
    return pixel.astype(np.int64)


def visible(mask: Mask | None) -> bool:
    """Whether the mask has a pixel. Raises BadSetting for a damaged one."""
    if mask is None:
        return False
    ends = mask.ends()
    stops = ends[1::2]
    return bool((stops > ends[::2][: len(stops)]).any())
