# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points in videos and pictures: one for each object, inside its mask.

Restates molmo2 f3cb108, olmo/eval/evaluators.py:2795-2901 (videos), :491-549 (pictures) and
:2904-2946 (PointBench).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.masks import Mask
from molmo_ground_ros.metrics.assign import most_hits, nearest_hits, scores
from molmo_ground_ros.metrics.inside import Hits, hits
from molmo_ground_ros.windows import SAMPLE_PERIOD_S

Moment = tuple[float, float, float]  # seconds, x, y in pixels
Spot = tuple[float, float]  # x, y in pixels

TOLERANCE_S = SAMPLE_PERIOD_S / 2  # masks of a tubelet stand on the grid
_LABEL_S = 0.05  # a time is said with one decimal
_ROUNDING_S = 1e-6
_NORM = 100  # parity: distances are taken in hundredths of duration, width and height,
_DECIMALS = 1  # rounded to one decimal (olmo/util.py:695-712)


@dataclass(frozen=True, slots=True)
class PointScore:
    """One example. precision, recall, f1 are in 0..1, nan where the data has no mask at all."""

    precision: float
    recall: float
    f1: float
    hits: int  # predictions that stand for an object
    said: int
    real: int

    def metrics(self) -> dict[str, float]:
        """By the names of the table."""
        return {'precision': self.precision, 'recall': self.recall, 'f1': self.f1}


def point_score(
    predicted: Sequence[Moment],
    objects: Sequence[Mapping[float, Mask]],
    points: Sequence[Moment],
    duration_s: float,
    width: int,
    height: int,
    parity: bool = False,
) -> PointScore:
    """Points in a video against a tubelet of masks an object, by seconds.

    points: where each object was annotated, in the objects' order; only parity asks for them.
    duration_s, width, height: of the video; a duration of 0 is not told, which parity cannot use.

    Default: each prediction stands for one object at most, so that as many as possible hit. A time
    is that of the tubelet's nearest mask, at most 0.25 s away. A time after the video's last grid
    frame, as the newest frame's may be, is that grid frame's; one after the video is none.
    parity: pairs are fixed first, by distance in (t, x, y), and then tried; a time hits only if it
    is exactly a mask's. "10.0", the label of a last frame at 9.97 s, hits only if 10.0 is one.
    Raises BadSetting for parity without a point an object, a duration and a size.
    """
    if objects and not any(objects) and not parity:
        return PointScore(nan, nan, nan, 0, len(predicted), len(objects))
    if not predicted or not objects:
        return _of(0, len(predicted), len(objects), parity)
    if parity:
        _need(points, objects, duration_s, width, height)
        found = np.stack([_exact(predicted, tubelet) for tubelet in objects], axis=1)
        said, real = (_normed(one, duration_s, width, height) for one in (predicted, points))
        pairs = nearest_hits(said, real, found)
    else:
        found = np.stack([_near(predicted, tubelet, duration_s) for tubelet in objects], axis=1)
        pairs = most_hits(found)
    return _of(len(pairs[0]), len(predicted), len(objects), parity)


def image_point_score(
    predicted: Sequence[Spot],
    masks: Sequence[Mask],
    points: Sequence[Spot] = (),
    parity: bool = False,
) -> PointScore:
    """Points in a picture against a mask an object; `points` and `parity` as in `point_score`.

    Distances are in pixels (evaluators.py:513-520). Raises BadSetting for parity without points.
    """
    if not predicted or not masks:
        return _of(0, len(predicted), len(masks), parity)
    found = hits(predicted, masks, parity)
    if not parity:
        return _of(len(most_hits(found)[0]), len(predicted), len(masks), parity)
    if len(points) != len(masks):
        raise BadSetting('points', len(points), f'parity needs one for each of {len(masks)} masks')
    pairs = nearest_hits(np.array(predicted, np.float64), np.array(points, np.float64), found)
    return _of(len(pairs[0]), len(predicted), len(masks), parity)


def pointbench_hit(predicted: Sequence[Spot], mask: Mask, width: int, height: int) -> bool:
    """PointBench: there is a point, and all of them lie in the mask (evaluators.py:2904-2946).

    Pixels are cut off, not rounded: 0.9 is in column 0. width, height: of the picture, which some
    masks of PointBench differ from; what is off either is a miss.
    """
    columns = [(int(x), int(y)) for x, y in predicted]
    on = all(0 <= x < width and 0 <= y < height for x, y in columns)
    return bool(columns) and on and all(mask.contains(x, y) for x, y in columns)


def _of(found: int, said: int, real: int, parity: bool) -> PointScore:
    return PointScore(*scores(found, said, real, parity), found, said, real)


def _need(
    points: Sequence[Moment],
    objects: Sequence[Mapping[float, Mask]],
    duration_s: float,
    width: int,
    height: int,
) -> None:
    if len(points) != len(objects):
        told = f'parity needs one for each of {len(objects)} objects'
        raise BadSetting('points', len(points), told)
    for name, value in (('duration_s', duration_s), ('width', width), ('height', height)):
        if not value > 0:
            raise BadSetting(name, value, 'parity needs it')


def _exact(predicted: Sequence[Moment], tubelet: Mapping[float, Mask]) -> NDArray[np.bool_]:
    """(N,) whether each prediction lies in the mask of exactly its time."""
    return _at([(t if t in tubelet else None) for t, _, _ in predicted], predicted, tubelet, True)


def _near(
    predicted: Sequence[Moment], tubelet: Mapping[float, Mask], duration_s: float
) -> NDArray[np.bool_]:
    """(N,) whether each prediction lies in the mask nearest to its time."""
    times = np.array(sorted(tubelet), np.float64)
    keys = [_key(t, times, duration_s) for t, _, _ in predicted]
    return _at(keys, predicted, tubelet, False)


def _key(time_s: float, times: NDArray[np.float64], duration_s: float) -> float | None:
    """The mask's time that a said time means; of two equally near the earlier."""
    if not len(times):
        return None
    if duration_s > 0:
        if time_s > max(duration_s, times[-1]) + _LABEL_S + _ROUNDING_S:
            return None
        last = SAMPLE_PERIOD_S * np.floor((duration_s + _ROUNDING_S) / SAMPLE_PERIOD_S)
        time_s = min(time_s, max(last, times[-1]))
    apart = np.abs(times - time_s)
    best = int(np.argmin(apart))
    return float(times[best]) if apart[best] <= TOLERANCE_S + _ROUNDING_S else None


def _at(
    keys: Sequence[float | None],
    predicted: Sequence[Moment],
    tubelet: Mapping[float, Mask],
    parity: bool,
) -> NDArray[np.bool_]:
    found = np.zeros(len(predicted), np.bool_)
    for key in {key for key in keys if key is not None}:
        places = [place for place, other in enumerate(keys) if other == key]
        there: Hits = hits([predicted[place][1:] for place in places], [tubelet[key]], parity)
        found[places] = there[:, 0]
    return found


def _normed(
    moments: Sequence[Moment], duration_s: float, width: int, height: int
) -> NDArray[np.float64]:
    """(N, 3) parity: shares of duration, width and height, in hundredths with one decimal."""
    sizes = (duration_s, width, height)
    return np.array(
        [
            [round(value / size * _NORM, _DECIMALS) for value, size in zip(one, sizes, strict=True)]
            for one in moments
        ]
    )
