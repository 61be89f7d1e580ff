# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores of points that follow objects: each in its object's mask, under one id over time.

Restates molmo2 f3cb108, olmo/eval/object_tracking_utils.py:501-1059.

Default rules: a prediction belongs to the nearest annotated frame, at most 0.05 s away. A
prediction at another time is neither right nor wrong, because the truth is not known there. A
prediction on an annotated frame without objects is wrong. A frame without objects and without
predictions is left out. Pairs are chosen so that as many predictions as possible hit.

Parity: a prediction belongs to frame round(t fps), and every frame with a prediction is judged. If
no object has a point there, its scores are 0 (:707-753), even if the frame is not annotated. If two
times round to one frame, only the later counts (:704). Pairs are fixed by distance and then tested
(:586-596). Masks are taken by position among all objects, not by visible object: the first visible
object is tested on the first object's mask, and so on. Recall is a share of all objects (:740-743,
886-892).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.metrics.assign import Scores, most_hits, nearest_hits, scores
from molmo_ground_ros.benchmarks.metrics.hota import HotaValues, hota
from molmo_ground_ros.benchmarks.metrics.points_in_masks import Hits, hits, hits_and_nonempty
from molmo_ground_ros.errors import BadArgument
from molmo_ground_ros.frames.masks import Mask

TrackedPoint = tuple[float, int, float, float]  # seconds, id, x, y in pixels
Pixel = tuple[float, float]  # x, y in pixels

TOLERANCE_S = 0.05  # an answer writes times with one decimal
_ROUNDING_S = 1e-6
# The similarity of a point and a mask is 0 or 1, so every alpha gives the same HOTA. This is the
# reference's (:1033).
_ALPHA = (0.5,)


@dataclass(frozen=True, slots=True)
class TrackScore:
    """The scores of one example, in [0, 1]; nan if the data has no mask at all."""

    precision: float
    recall: float
    f1: float
    hota: float
    deta: float
    assa: float
    frames: int  # that were judged
    unjudged: int  # predictions at times without an annotated frame

    def metrics(self) -> dict[str, float]:
        """The scores by their names in the table."""
        names = ('precision', 'recall', 'f1', 'hota', 'deta', 'assa')
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class _JudgedFrame:
    """One frame: the predictions, the visible objects, and which prediction is in whose mask."""

    ids: tuple[int, ...]  # of the predictions
    points: tuple[Pixel, ...]  # of the predictions
    objects: tuple[int, ...]  # indices of the visible ones
    annotated: tuple[Pixel, ...]  # parity: the true points of the visible objects
    hits: Hits  # (predictions, visible objects)
    masks: int  # the number that recall is a share of


def sampled_frames(frames: int, fps: float, sampling_fps: float = 1.0) -> tuple[int, ...]:
    """The indices of a clip's frames that are nearest to the times k / sampling_fps.

    frames, fps: of the clip. The reference takes every (fps // sampling_fps)-th frame
    (olmo/data/molmo2_video_track_datasets.py:329,370); it only knows rates that divide, for which
    both are the same. Raises BadArgument for a sampling rate above the clip's, or not above 0.
    """
    if not 0 < sampling_fps <= fps:
        raise BadArgument('sampling_fps', sampling_fps, f'is not over 0 and up to {fps}, the clip')
    steps = range(math.ceil(frames * sampling_fps / fps))
    nearest = (round(step * fps / sampling_fps) for step in steps)
    return tuple(frame for frame in nearest if frame < frames)


def track_score(
    predicted: Sequence[TrackedPoint],
    objects: Sequence[Mapping[int, Mask]],
    points: Sequence[Mapping[int, Pixel]],
    fps: float,
    annotated: Collection[int] | None = None,
    parity: bool = False,
) -> TrackScore:
    """Scores tracks of points: precision, recall and F1 averaged over frames, and HOTA.

    For HOTA the similarity of a prediction and an object is 1 inside its mask, else 0.
    predicted: as the answer writes them; of several points with one id at one time the first
    counts. objects: the masks of each by frame; frame k is at k / fps seconds, and an object
    without a mask on a frame is not visible on it. points: the annotated points of each object by
    frame, in the objects' order; only parity pairs by them. annotated: the frames on which the
    data says of every object where it is, or that it is not visible. None means the frames with a
    point, or with a mask if no object has points.
    parity: see the rules at the top of this file.
    If no frame has an object or a prediction, all scores are 1.
    Raises BadArgument for an fps of 0, and for parity without points.
    """
    if not fps > 0:
        raise BadArgument('fps', fps, 'is no rate')
    if parity:
        _check_parity(objects, points)
        frames, unjudged = _parity_frames(predicted, objects, points, fps), 0
    elif objects and not any(objects):
        return TrackScore(nan, nan, nan, nan, nan, nan, 0, len(predicted))
    else:
        judged = _annotated_frames(objects, points) if annotated is None else annotated
        frames, unjudged = _judged_frames(predicted, objects, fps, judged)
    parts = [_frame_scores(frame, parity) for frame in frames]
    precision, recall, f1 = np.mean(parts, axis=0).tolist() if parts else (1.0, 1.0, 1.0)
    identities = _hota(frames)
    return TrackScore(
        *(precision, recall, f1),
        *(identities.hota, identities.deta, identities.assa),
        len(frames),
        unjudged,
    )


def _check_parity(
    objects: Sequence[Mapping[int, Mask]], points: Sequence[Mapping[int, Pixel]]
) -> None:
    if len(points) != len(objects):
        why = f'parity needs one path for each of {len(objects)} objects'
        raise BadArgument('points', len(points), why)
    if any(objects) and not any(points):
        raise BadArgument('points', 0, 'parity pairs by annotated points; the data has none')


def _annotated_frames(
    objects: Sequence[Mapping[int, Mask]], points: Sequence[Mapping[int, Pixel]]
) -> set[int]:
    """The frames with a point; if the data has no points, those with a mask."""
    return {frame for of_object in (points if any(points) else objects) for frame in of_object}


def _judged_frames(
    predicted: Sequence[TrackedPoint],
    objects: Sequence[Mapping[int, Mask]],
    fps: float,
    annotated: Collection[int],
) -> tuple[list[_JudgedFrame], int]:
    """The annotated frames with an object or a prediction; and how many predictions are on none."""
    by_frame, unjudged = _by_nearest_frame(predicted, fps, annotated)
    frames = []
    for frame in sorted(annotated):
        by_id = by_frame.get(frame, {})
        points = tuple(by_id.values())
        hit, nonempty = hits_and_nonempty(points, [masks.get(frame) for masks in objects])
        visible = tuple(np.flatnonzero(nonempty).tolist())
        if visible or by_id:
            frames.append(
                _JudgedFrame(tuple(by_id), points, visible, (), hit[:, nonempty], len(visible))
            )
    return frames, unjudged


def _by_nearest_frame(
    predicted: Sequence[TrackedPoint], fps: float, annotated: Collection[int]
) -> tuple[dict[int, dict[int, Pixel]], int]:
    """Points by annotated frame and id; and how many predictions are near no such frame.

    Of several points with one id on one frame the first counts.
    """
    frames = np.array(sorted(annotated), np.int64)
    by_frame: dict[int, dict[int, Pixel]] = {}
    unjudged = 0
    for time_s, identity, x, y in predicted:
        frame = _nearest_frame(time_s, fps, frames)
        if frame is None:
            unjudged += 1
        else:
            by_frame.setdefault(frame, {}).setdefault(identity, (x, y))
    return by_frame, unjudged


def _nearest_frame(time_s: float, fps: float, frames: NDArray[np.int64]) -> int | None:
    """The one of `frames` (ascending) that a time means; the earlier of two equally near."""
    place = int(np.searchsorted(frames, time_s * fps))
    neighbours = frames[max(place - 1, 0) : place + 1].tolist()
    distance, frame = min(
        ((abs(frame / fps - time_s), frame) for frame in neighbours), default=(math.inf, 0)
    )
    return frame if distance <= TOLERANCE_S + _ROUNDING_S else None


def _parity_frames(
    predicted: Sequence[TrackedPoint],
    objects: Sequence[Mapping[int, Mask]],
    points: Sequence[Mapping[int, Pixel]],
    fps: float,
) -> list[_JudgedFrame]:
    by_frame = _by_rounded_frame(predicted, fps)
    frames = []
    for frame in sorted(by_frame.keys() | {frame for path in points for frame in path}):
        visible = tuple(k for k, path in enumerate(points) if frame in path)
        by_id = by_frame.get(frame, {})
        own = tuple(by_id.values())
        # parity: the first len(visible) masks, not the masks of the visible objects.
        masks = [of_object.get(frame) for of_object in objects[: len(visible)]]
        hit = hits(own, masks, parity=True)
        annotated = tuple(points[k][frame] for k in visible)
        frames.append(_JudgedFrame(tuple(by_id), own, visible, annotated, hit, len(objects)))
    return frames


def _by_rounded_frame(predicted: Sequence[TrackedPoint], fps: float) -> dict[int, dict[int, Pixel]]:
    """parity: points by frame round(t fps) and id, from the latest time that rounds to it."""
    times: dict[float, dict[int, Pixel]] = {}
    for time_s, identity, x, y in predicted:
        times.setdefault(time_s, {}).setdefault(identity, (x, y))
    return {round(time_s * fps): times[time_s] for time_s in sorted(times)}


def _frame_scores(frame: _JudgedFrame, parity: bool) -> Scores:
    masks = frame.masks if frame.objects else 0
    if not frame.objects or not frame.ids:
        return scores(0, len(frame.ids), masks, parity)
    if parity:
        own, true = np.array(frame.points, np.float64), np.array(frame.annotated, np.float64)
        pairs = nearest_hits(own, true, frame.hits)
    else:
        pairs = most_hits(frame.hits)
    return scores(len(pairs[0]), len(frame.ids), masks, parity)


def _hota(frames: Sequence[_JudgedFrame]) -> HotaValues:
    """HOTA over the frames; all 1 if no frame has an object or a prediction (:917-918)."""
    if not any(frame.objects or frame.ids for frame in frames):
        return HotaValues(*[1.0] * 8)
    orders = [_text_order(frame.ids) for frame in frames]
    return hota(
        [frame.objects for frame in frames],
        [[frame.ids[k] for k in order] for frame, order in zip(frames, orders, strict=True)],
        [frame.hits[order].T for frame, order in zip(frames, orders, strict=True)],
        _ALPHA,
    ).at(0)


def _text_order(ids: Sequence[int]) -> list[int]:
    """The positions of ids in the order of the ids as text, as the reference sorts (:817, 850).

    The order decides between pairings of equal cost.
    """
    return sorted(range(len(ids)), key=lambda place: str(ids[place]))
