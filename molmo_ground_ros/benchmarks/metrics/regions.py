# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""J and F of masks: how far two regions overlap, and how near their contours run.

Restates davis2017-evaluation ac7c43f, davis2017/metrics.py:6-178. DAVIS can leave out void pixels;
this module cannot, because none of the data that is scored with it has any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BadArgument
from molmo_ground_ros.frames.masks import Mask

Pixels = NDArray[np.bool_]  # (H, W)

BOUND = 0.008  # share of the image's diagonal within which contours match (metrics.py:40)


@dataclass(frozen=True, slots=True)
class JAndF:
    """J and F, each in [0, 1]; nan where there is nothing to compare."""

    j: float
    f: float

    @property
    def j_and_f(self) -> float:
        """The mean of both."""
        return (self.j + self.f) / 2

    def metrics(self) -> dict[str, float]:
        """The scores by their names in the table."""
        return {'j': self.j, 'f': self.f, 'j_and_f': self.j_and_f}


def region_j(mask: Pixels, truth: Pixels) -> float:
    """Pixels in both masks over pixels in either; 1 if both are empty (metrics.py:6-37).

    mask, truth: (H, W) bool. Raises BadArgument for different shapes.
    """
    _check(mask, truth)
    either = np.count_nonzero(mask | truth)
    return float(np.count_nonzero(mask & truth) / either) if either else 1.0


def boundary_f(mask: Pixels, truth: Pixels, bound: float = BOUND) -> float:
    """F1 of contour pixels, each right if the other contour is near it (metrics.py:57-119).

    mask, truth: (H, W) bool. bound: how near. Below 1 it is a share of the diagonal, rounded up to
    pixels, else a whole number of pixels. If neither mask has a contour F is 1, if only one has
    one F is 0. Raises BadArgument for different shapes, and for another bound.
    """
    _check(mask, truth)
    radius = _radius(bound, mask.shape)
    own, other = _contour(mask), _contour(truth)
    counts = np.count_nonzero(own), np.count_nonzero(other)
    if not all(counts):
        return float(counts[0] == counts[1])
    # Only the part of the image that holds contours has to be dilated.
    box = _box(own | other)
    own, other = own[box], other[box]
    precision = np.count_nonzero(own & _dilated(other, radius)) / counts[0]
    recall = np.count_nonzero(other & _dilated(own, radius)) / counts[1]
    total = precision + recall
    return float(2 * precision * recall / total) if total else 0.0


def union_j_and_f(
    masks: Sequence[Mapping[int, Mask]],
    truths: Sequence[Mapping[int, Mask]],
    frames: Iterable[int],
    height: int,
    width: int,
) -> JAndF:
    """J and F of the union of all objects, averaged over frames.

    MeViS and Ref-YouTube-VOS are scored so: what an expression means is one region.
    masks, truths: the masks of each object by frame. frames: those to compare. height, width: of
    the images, pixels. Without a frame both are nan. Raises BadArgument for a mask of another size.
    """
    scores = []
    for frame in frames:
        own, other = (_union(objects, frame, height, width) for objects in (masks, truths))
        scores.append((region_j(own, other), boundary_f(own, other)))
    if not scores:
        return JAndF(nan, nan)
    j, f = np.mean(scores, axis=0).tolist()
    return JAndF(j, f)


def _check(mask: Pixels, truth: Pixels) -> None:
    if mask.ndim != 2 or mask.shape != truth.shape:
        raise BadArgument('mask', mask.shape, f'is not of the size of the true one, {truth.shape}')


def _union(objects: Sequence[Mapping[int, Mask]], frame: int, height: int, width: int) -> Pixels:
    """(H, W) the pixels of all objects on a frame."""
    union = np.zeros((height, width), np.bool_)
    for masks in objects:
        if frame in masks:
            union |= _unpacked(masks[frame], height, width)
    return union


def _unpacked(mask: Mask, height: int, width: int) -> Pixels:
    if (mask.height, mask.width) != (height, width):
        raise BadArgument('mask', (mask.height, mask.width), f'is not of {height} x {width} pixels')
    return mask.array()


def _radius(bound: float, shape: tuple[int, ...]) -> int:
    """The distance in pixels that `bound` means on an image of that shape."""
    if bound >= 1 and bound == int(bound):
        return int(bound)
    if not 0 <= bound < 1:
        raise BadArgument('bound', bound, 'is neither a share of the diagonal nor whole pixels')
    return int(np.ceil(bound * np.linalg.norm(shape)))


def _contour(mask: Pixels) -> Pixels:
    """Pixels that differ from their right, lower or lower right neighbour (metrics.py:122-178).

    In the last column only the lower neighbour counts, in the last row only the right one. The
    last pixel of the last row is never on the contour.
    """
    contour = np.zeros_like(mask)
    contour[:, :-1] |= mask[:, :-1] ^ mask[:, 1:]
    contour[:-1] |= mask[:-1] ^ mask[1:]
    contour[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return contour


def _box(mask: Pixels) -> tuple[slice, slice]:
    """The smallest box around all true pixels. mask: with at least one true pixel."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _dilated(mask: Pixels, radius: int) -> Pixels:
    """Pixels at most `radius` away from a true one."""
    offsets = np.arange(-radius, radius + 1)
    disk = (offsets[:, None] ** 2 + offsets[None] ** 2 <= radius**2).astype(np.uint8)
    return cv2.dilate(mask.astype(np.uint8), disk) > 0
