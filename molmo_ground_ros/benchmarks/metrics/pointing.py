# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores of points in videos and images: one point for each object, inside its mask.

Restates molmo2 f3cb108, olmo/eval/evaluators.py:2795-2901 (videos), :491-549 (images) and
:2904-2946 (PointBench).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.metrics.assign import most_hits, nearest_hits, scores
from molmo_ground_ros.benchmarks.metrics.points_in_masks import Hits, hits
from molmo_ground_ros.errors import BadArgument
from molmo_ground_ros.frames.masks import Mask
from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_S

TimedPixel = tuple[float, float, float]  # seconds, x, y in pixels
Pixel = tuple[float, float]  # x, y in pixels

TOLERANCE_S = SAMPLE_PERIOD_S / 2  # a tubelet's masks lie on the sampling grid
_LABEL_S = 0.05  # an answer writes times with one decimal
_ROUNDING_S = 1e-6
# parity: distances are taken in hundredths of duration, width and height, rounded to one decimal
# (olmo/util.py:695-712).
_HUNDREDTHS = 100
_DECIMALS = 1


@dataclass(frozen=True, slots=True)
class PointScore:
    """The scores of one example, in [0, 1]; nan if the data has no mask at all."""

    precision: float
    recall: float
    f1: float
    hits: int  # predictions that are paired with an object
    predictions: int
    objects: int

    def metrics(self) -> dict[str, float]:
        """The scores by their names in the table."""
        return {'precision': self.precision, 'recall': self.recall, 'f1': self.f1}


def point_score(
    predicted: Sequence[TimedPixel],
    objects: Sequence[Mapping[float, Mask]],
    points: Sequence[TimedPixel],
    duration_s: float,
    width: int,
    height: int,
    parity: bool = False,
) -> PointScore:
    """Scores points in a video against objects, each a tubelet: its masks by seconds.

    points: one annotated point of each object, in the same order; used by parity only.
    duration_s, width, height: of the video. A duration of 0 means that it is not known; parity
    cannot work without it.

    Default: each prediction is paired with at most one object, so that as many as possible hit. A
    predicted time means the tubelet's nearest mask, at most 0.25 s away. The newest frame may come
    after the video's last grid frame: such a time means that grid frame. A time after the end of
    the video means no mask.
    parity: pairs are fixed first, by distance in (t, x, y), and then tested. A time hits only if it
    equals a mask's time: "10.0", the label of a last frame at 9.97 s, hits only a mask at 10.0.
    Raises BadArgument if parity lacks the points, the duration or the size.
    """
    if objects and not any(objects) and not parity:
        return PointScore(nan, nan, nan, 0, len(predicted), len(objects))
    if not predicted or not objects:
        return _score(0, len(predicted), len(objects), parity)
    if parity:
        _check_parity(points, objects, duration_s, width, height)
        hit = np.stack([_hits_at_time(predicted, tubelet) for tubelet in objects], axis=1)
        own, true = (_normalized(each, duration_s, width, height) for each in (predicted, points))
        pairs = nearest_hits(own, true, hit)
    else:
        hit = np.stack([_hits_near(predicted, tubelet, duration_s) for tubelet in objects], axis=1)
        pairs = most_hits(hit)
    return _score(len(pairs[0]), len(predicted), len(objects), parity)


def image_point_score(
    predicted: Sequence[Pixel],
    masks: Sequence[Mask],
    points: Sequence[Pixel] = (),
    parity: bool = False,
) -> PointScore:
    """Scores points in an image against one mask for each object.

    points, parity: as in `point_score`; distances are in pixels (evaluators.py:513-520).
    Raises BadArgument for parity without points.
    """
    if not predicted or not masks:
        return _score(0, len(predicted), len(masks), parity)
    hit = hits(predicted, masks, parity)
    if not parity:
        return _score(len(most_hits(hit)[0]), len(predicted), len(masks), parity)
    if len(points) != len(masks):
        raise BadArgument('points', len(points), f'parity needs one for each of {len(masks)} masks')
    pairs = nearest_hits(np.array(predicted, np.float64), np.array(points, np.float64), hit)
    return _score(len(pairs[0]), len(predicted), len(masks), parity)


def pointbench_hit(predicted: Sequence[Pixel], mask: Mask, width: int, height: int) -> bool:
    """PointBench's rule: there is a point, and every point lies in the mask.

    Coordinates are cut off, not rounded: 0.9 is in column 0. width, height: of the image. Some
    masks of PointBench have another size than their image; a point off either of them is a miss.
    Source: evaluators.py:2904-2946.
    """
    pixels = [(int(x), int(y)) for x, y in predicted]
    on_image = all(0 <= x < width and 0 <= y < height for x, y in pixels)
    return bool(pixels) and on_image and all(mask.contains(x, y) for x, y in pixels)


def _score(hit: int, predictions: int, objects: int, parity: bool) -> PointScore:
    return PointScore(*scores(hit, predictions, objects, parity), hit, predictions, objects)


def _check_parity(
    points: Sequence[TimedPixel],
    objects: Sequence[Mapping[float, Mask]],
    duration_s: float,
    width: int,
    height: int,
) -> None:
    """Raises BadArgument if something is missing that the reference's rules need."""
    if len(points) != len(objects):
        why = f'parity needs one for each of {len(objects)} objects'
        raise BadArgument('points', len(points), why)
    for name, value in (('duration_s', duration_s), ('width', width), ('height', height)):
        if not value > 0:
            raise BadArgument(name, value, 'parity needs it')


def _hits_at_time(
    predicted: Sequence[TimedPixel], tubelet: Mapping[float, Mask]
) -> NDArray[np.bool_]:
    """parity: (N,) whether each prediction lies in the mask of exactly its time."""
    mask_times = [(t if t in tubelet else None) for t, _, _ in predicted]
    return _hits_in_tubelet(mask_times, predicted, tubelet, parity=True)


def _hits_near(
    predicted: Sequence[TimedPixel], tubelet: Mapping[float, Mask], duration_s: float
) -> NDArray[np.bool_]:
    """(N,) whether each prediction lies in the mask nearest to its time."""
    times = np.array(sorted(tubelet), np.float64)
    mask_times = [_mask_time(t, times, duration_s) for t, _, _ in predicted]
    return _hits_in_tubelet(mask_times, predicted, tubelet, parity=False)


def _mask_time(time_s: float, times: NDArray[np.float64], duration_s: float) -> float | None:
    """The time of the mask that a predicted time means; the earlier of two equally near."""
    if not len(times):
        return None
    if duration_s > 0:
        if time_s > max(duration_s, times[-1]) + _LABEL_S + _ROUNDING_S:
            return None
        last = SAMPLE_PERIOD_S * np.floor((duration_s + _ROUNDING_S) / SAMPLE_PERIOD_S)
        time_s = min(time_s, max(last, times[-1]))
    distances = np.abs(times - time_s)
    nearest = int(np.argmin(distances))
    return float(times[nearest]) if distances[nearest] <= TOLERANCE_S + _ROUNDING_S else None


def _hits_in_tubelet(
    mask_times: Sequence[float | None],
    predicted: Sequence[TimedPixel],
    tubelet: Mapping[float, Mask],
    *,
    parity: bool,
) -> NDArray[np.bool_]:
    """(N,) whether each prediction lies in the mask at its `mask_times`; False where that is None.

    The predictions of one mask are tested together, so that its runs are read once.
    """
    hit = np.zeros(len(predicted), np.bool_)
    for mask_time in {time for time in mask_times if time is not None}:
        places = [place for place, time in enumerate(mask_times) if time == mask_time]
        pixels = [predicted[place][1:] for place in places]
        in_mask: Hits = hits(pixels, [tubelet[mask_time]], parity)
        hit[places] = in_mask[:, 0]
    return hit


def _normalized(
    points: Sequence[TimedPixel], duration_s: float, width: int, height: int
) -> NDArray[np.float64]:
    """parity: (N, 3) hundredths of duration, width and height, rounded to one decimal."""
    sizes = (duration_s, width, height)
    return np.array(
        [
            [
                round(value / size * _HUNDREDTHS, _DECIMALS)
                for value, size in zip(point, sizes, strict=True)
            ]
            for point in points
        ]
    )
