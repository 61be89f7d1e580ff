# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""J and F of masks: how far two regions overlap, and how near their contours run.

Restates davis2017-evaluation ac7c43f, davis2017/metrics.py:6-178 and evaluation.py:28-64. Void
pixels are not known here: their data has none to be evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.masks import Mask
from molmo_ground_ros.metrics.assign import cheapest

Pixels = NDArray[np.bool_]  # (H, W)

BOUND = 0.008  # of the picture's diagonal, within which contours meet (metrics.py:40)


@dataclass(frozen=True, slots=True)
class JAndF:
    """In 0..1; nan where there is nothing to compare."""

    j: float
    f: float

    @property
    def j_and_f(self) -> float:
        """The mean of both."""
        return (self.j + self.f) / 2

    def metrics(self) -> dict[str, float]:
        """By the names of the table."""
        return {'j': self.j, 'f': self.f, 'j_and_f': self.j_and_f}


def region_j(mask: Pixels, truth: Pixels) -> float:
    """Pixels in both over pixels in either; 1 where both are empty (metrics.py:6-37).

    mask, truth: (H, W) bool. Raises BadSetting for other shapes.
    """
    _check(mask, truth)
    either = np.count_nonzero(mask | truth)
    return float(np.count_nonzero(mask & truth) / either) if either else 1.0


def boundary_f(mask: Pixels, truth: Pixels, bound: float = BOUND) -> float:
    """F1 of the contours' pixels that have one of the other contour near (metrics.py:57-119).

    mask, truth: (H, W) bool. bound: how near; below 1 a share of the diagonal, rounded up, else
    whole pixels. No contour in both: 1, in one: 0. Raises BadSetting for other shapes or bounds.
    """
    _check(mask, truth)
    radius = _radius(bound, mask.shape)
    own, other = _contour(mask), _contour(truth)
    counts = np.count_nonzero(own), np.count_nonzero(other)
    if not all(counts):
        return float(counts[0] == counts[1])
    box = _box(own | other)  # dilating reaches from contour to contour: the rest is not asked
    own, other = own[box], other[box]
    precision = np.count_nonzero(own & _dilated(other, radius)) / counts[0]
    recall = np.count_nonzero(other & _dilated(own, radius)) / counts[1]
    total = precision + recall
    return float(2 * precision * recall / total) if total else 0.0


def j_and_f(mask: Mask | None, truth: Mask | None, height: int, width: int) -> JAndF:
    """Both of one picture; None is an empty mask. Raises BadSetting."""
    own, other = (_pixels(one, height, width) for one in (mask, truth))
    return JAndF(region_j(own, other), boundary_f(own, other))


def union_j_and_f(
    masks: Sequence[Mapping[int, Mask]],
    truths: Sequence[Mapping[int, Mask]],
    frames: Iterable[int],
    height: int,
    width: int,
) -> JAndF:
    """Over frames, of all objects taken together: what an expression means is one region.

    So MeViS and Ref-YouTube-VOS are scored. masks, truths: each object's masks by frame; frames:
    those to compare; height, width: of the pictures. No frame: nan. Raises BadSetting.
    """
    found = []
    for frame in frames:
        own, other = (_union(objects, frame, height, width) for objects in (masks, truths))
        found.append((region_j(own, other), boundary_f(own, other)))
    return _mean(found)


def objects_j_and_f(
    masks: Sequence[Mapping[int, Mask]],
    truths: Sequence[Mapping[int, Mask]],
    frames: Iterable[int],
    height: int,
    width: int,
) -> JAndF:
    """Over frames and then over true objects, each with the mask track that suits it best.

    Each mask track stands for one object at most; objects left over have empty masks, mask tracks
    left over cost nothing (evaluation.py:44-64, DAVIS 2017 unsupervised). No frame or no object:
    nan. Raises BadSetting.
    """
    moments = list(frames)
    if not truths or not moments:
        return JAndF(nan, nan)
    padded = [*masks, *[{}] * (len(truths) - len(masks))]
    pairs = np.zeros((len(padded), len(truths), 2))
    for row, own in enumerate(padded):
        for column, other in enumerate(truths):
            each = [j_and_f(own.get(k), other.get(k), height, width) for k in moments]
            one = _mean([(found.j, found.f) for found in each])
            pairs[row, column] = one.j, one.f
    rows, columns = cheapest(-pairs.mean(axis=-1))
    return _mean([(float(j), float(f)) for j, f in pairs[rows, columns]])


def _mean(found: Sequence[tuple[float, float]]) -> JAndF:
    if not found:
        return JAndF(nan, nan)
    j, f = np.mean(found, axis=0).tolist()
    return JAndF(j, f)


def _check(mask: Pixels, truth: Pixels) -> None:
    if mask.ndim != 2 or mask.shape != truth.shape:
        raise BadSetting('mask', mask.shape, f'is not of the size of the true one, {truth.shape}')


def _pixels(mask: Mask | None, height: int, width: int) -> Pixels:
    if mask is None:
        return np.zeros((height, width), np.bool_)
    if (mask.height, mask.width) != (height, width):
        raise BadSetting('mask', (mask.height, mask.width), f'is not of {height} x {width} pixels')
    return mask.array()


def _union(objects: Sequence[Mapping[int, Mask]], frame: int, height: int, width: int) -> Pixels:
    whole = np.zeros((height, width), np.bool_)
    for one in objects:
        if frame in one:
            whole |= _pixels(one[frame], height, width)
    return whole


def _radius(bound: float, shape: tuple[int, ...]) -> int:
    if bound >= 1 and bound == int(bound):
        return int(bound)
    if not 0 <= bound < 1:
        raise BadSetting('bound', bound, 'is neither a share of the diagonal nor whole pixels')
    return int(np.ceil(bound * np.linalg.norm(shape)))


def _contour(mask: Pixels) -> Pixels:
    """Pixels that differ from their right, lower or lower right neighbour (metrics.py:122-178).

    In the last column only the lower neighbour counts, in the last row only the right one, and
    the last pixel of all is none.
    """
    contour = np.zeros_like(mask)
    contour[:, :-1] |= mask[:, :-1] ^ mask[:, 1:]
    contour[:-1] |= mask[:-1] ^ mask[1:]
    contour[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return contour


def _box(mask: Pixels) -> tuple[slice, slice]:
    """The rows and columns around all true pixels, of which there is one at least."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _dilated(mask: Pixels, radius: int) -> Pixels:
    """Pixels at most `radius` from a true one."""
    offsets = np.arange(-radius, radius + 1)
    disk = (offsets[:, None] ** 2 + offsets[None] ** 2 <= radius**2).astype(np.uint8)
    return cv2.dilate(mask.astype(np.uint8), disk) > 0
