# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points that follow objects: in their masks, and with one identity each.

Restates molmo2 f3cb108, olmo/eval/object_tracking_utils.py:501-1059.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.masks import Mask
from molmo_ground_ros.metrics.assign import Scores, most_hits, nearest_hits, scores
from molmo_ground_ros.metrics.hota import HotaValues, hota
from molmo_ground_ros.metrics.inside import Hits, hits, hits_and_seen

Said = tuple[float, int, float, float]  # seconds, identity, x, y in pixels
Spot = tuple[float, float]  # x, y in pixels

TOLERANCE_S = 0.05  # a time is said with one decimal
_ROUNDING_S = 1e-6
# A point is in a mask or not, so any alpha is the same: the reference's (:1033).
_ALPHA = (0.5,)


@dataclass(frozen=True, slots=True)
class TrackScore:
    """One example, in 0..1; nan where the data has no mask at all."""

    precision: float
    recall: float
    f1: float
    hota: float
    deta: float
    assa: float
    frames: int  # that were judged
    unjudged: int  # predictions at other times

    def metrics(self) -> dict[str, float]:
        """By the names of the table."""
        names = ('precision', 'recall', 'f1', 'hota', 'deta', 'assa')
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame: what was said, who is there, and which point is in whose mask."""

    ids: tuple[int, ...]
    said: tuple[Spot, ...]
    objects: tuple[int, ...]  # who is there
    spots: tuple[Spot, ...]  # parity: where they were annotated
    hits: Hits  # (said, objects)
    masks: int  # that recall is a share of


def sampled_frames(frames: int, fps: float, sampling_fps: float = 1.0) -> tuple[int, ...]:
    """The frames that an evaluation at `sampling_fps` asks about, of a clip of so many at `fps`.

    Those nearest to the times k / sampling_fps. The reference knows only rates that divide, and
    takes every (fps // sampling_fps)-th (olmo/data/molmo2_video_track_datasets.py:329,370), which
    is the same. Raises BadSetting for a sampling faster than the clip.
    """
    if not 0 < sampling_fps <= fps:
        raise BadSetting('sampling_fps', sampling_fps, f'is not over 0 and up to {fps}, the clip')
    steps = range(math.ceil(frames * sampling_fps / fps))
    nearest = (round(step * fps / sampling_fps) for step in steps)
    return tuple(frame for frame in nearest if frame < frames)


def track_score(
    predicted: Sequence[Said],
    objects: Sequence[Mapping[int, Mask]],
    points: Sequence[Mapping[int, Spot]],
    fps: float,
    annotated: Collection[int] | None = None,
    parity: bool = False,
) -> TrackScore:
    """Precision, recall and F1 averaged over frames, and HOTA with similarity 1 in a mask, else 0.

    predicted: as written, an identity once a time. objects: each one's masks by frame from 0,
    frame k at k / fps seconds; no mask: it is not to be seen there. points: where each was
    annotated, in the objects' order; only parity pairs by them. annotated: the frames for which
    the data says of every object where it is or that it is not to be seen; None: those with a
    point or, where no object has points, with a mask.
    Where nobody is and nobody was said, throughout: all 1.

    Default: a prediction belongs to the annotated frame nearest to it, at most 0.05 s away. One
    at another time is neither right nor wrong, as nobody knows. At an annotated frame without the
    object it is wrong. A frame without objects and predictions says nothing and is left out.
    As many predictions as possible hit.
    parity: the frame is round(t fps), and all that were said are judged: where no object has a
    point, a prediction makes a frame of 0 (:707-753), whether annotated or not. Two times that
    round to one frame: the later is taken alone (:704). Pairs are fixed by distance and then
    tried (:586-596). Where an object has no point, the masks of those after it move: the first
    visible object is tried on the first object's mask, and so on; recall is a share of all
    objects (:740-743, 886-892).
    Raises BadSetting for an fps of 0, and for parity without points.
    """
    if not fps > 0:
        raise BadSetting('fps', fps, 'is no rate')
    if parity:
        if len(points) != len(objects):
            told = f'parity needs one path for each of {len(objects)} objects'
            raise BadSetting('points', len(points), told)
        if any(objects) and not any(points):
            raise BadSetting('points', 0, 'parity pairs by annotated points; the data has none')
        frames, unjudged = _parity_frames(predicted, objects, points, fps), 0
    elif objects and not any(objects):
        return TrackScore(nan, nan, nan, nan, nan, nan, 0, len(predicted))
    else:
        known = _known(objects, points) if annotated is None else annotated
        frames, unjudged = _frames(predicted, objects, fps, known)
    parts = [_frame_scores(frame, parity) for frame in frames]
    precision, recall, f1 = np.mean(parts, axis=0).tolist() if parts else (1.0, 1.0, 1.0)
    identities = _identities(frames)
    return TrackScore(
        *(precision, recall, f1),
        *(identities.hota, identities.deta, identities.assa),
        len(frames),
        unjudged,
    )


def _known(objects: Sequence[Mapping[int, Mask]], points: Sequence[Mapping[int, Spot]]) -> set[int]:
    """The frames with a point or, of data without points, with a mask."""
    return {frame for one in (points if any(points) else objects) for frame in one}


def _frames(
    predicted: Sequence[Said],
    objects: Sequence[Mapping[int, Mask]],
    fps: float,
    annotated: Collection[int],
) -> tuple[list[_Frame], int]:
    """The frames that say something, and how many predictions are in none that is annotated."""
    said, unjudged = _by_nearest(predicted, fps, annotated)
    frames = []
    for frame in sorted(annotated):
        spots = said.get(frame, {})
        places = tuple(spots.values())
        found, seen = hits_and_seen(places, [one.get(frame) for one in objects])
        there = np.flatnonzero(seen).tolist()
        if there or spots:
            frames.append(
                _Frame(tuple(spots), places, tuple(there), (), found[:, seen], len(there))
            )
    return frames, unjudged


def _by_nearest(
    predicted: Sequence[Said], fps: float, annotated: Collection[int]
) -> tuple[dict[int, dict[int, Spot]], int]:
    """Identity to point by annotated frame, the first said of each; how many are in none."""
    known = np.array(sorted(annotated), np.int64)
    said: dict[int, dict[int, Spot]] = {}
    unjudged = 0
    for time_s, identity, x, y in predicted:
        frame = _nearest(time_s, fps, known)
        if frame is None:
            unjudged += 1
        else:
            said.setdefault(frame, {}).setdefault(identity, (x, y))
    return said, unjudged


def _nearest(time_s: float, fps: float, known: NDArray[np.int64]) -> int | None:
    """The frame of `known` (ascending) that a time means, of two equally near the earlier."""
    place = int(np.searchsorted(known, time_s * fps))
    near = known[max(place - 1, 0) : place + 1].tolist()
    apart, frame = min(
        ((abs(frame / fps - time_s), frame) for frame in near), default=(math.inf, 0)
    )
    return frame if apart <= TOLERANCE_S + _ROUNDING_S else None


def _parity_frames(
    predicted: Sequence[Said],
    objects: Sequence[Mapping[int, Mask]],
    points: Sequence[Mapping[int, Spot]],
    fps: float,
) -> list[_Frame]:
    said = _by_round(predicted, fps)
    frames = []
    for frame in sorted(said.keys() | {frame for one in points for frame in one}):
        there = [k for k, one in enumerate(points) if frame in one]
        spots = said.get(frame, {})
        places = tuple(spots.values())
        # parity: the first len(there) masks, not the masks of those who are there.
        found = hits(places, [one.get(frame) for one in objects[: len(there)]], parity=True)
        at = tuple(points[k][frame] for k in there)
        frames.append(_Frame(tuple(spots), places, tuple(there), at, found, len(objects)))
    return frames


def _by_round(predicted: Sequence[Said], fps: float) -> dict[int, dict[int, Spot]]:
    """parity: identity to point by frame round(t fps), of the latest time that rounds to it."""
    times: dict[float, dict[int, Spot]] = {}
    for time_s, identity, x, y in predicted:
        times.setdefault(time_s, {}).setdefault(identity, (x, y))
    return {round(time_s * fps): times[time_s] for time_s in sorted(times)}


def _frame_scores(frame: _Frame, parity: bool) -> Scores:
    real = frame.masks if frame.objects else 0
    if not frame.objects or not frame.ids:
        return scores(0, len(frame.ids), real, parity)
    if parity:
        said, spots = np.array(frame.said, np.float64), np.array(frame.spots, np.float64)
        pairs = nearest_hits(said, spots, frame.hits)
    else:
        pairs = most_hits(frame.hits)
    return scores(len(pairs[0]), len(frame.ids), real, parity)


def _identities(frames: Sequence[_Frame]) -> HotaValues:
    """HOTA over the frames; all 1 where there is nobody and nobody was said (:917-918)."""
    if not any(frame.objects or frame.ids for frame in frames):
        return HotaValues(*[1.0] * 8)
    orders = [_as_text(frame.ids) for frame in frames]
    return hota(
        [frame.objects for frame in frames],
        [[frame.ids[k] for k in order] for frame, order in zip(frames, orders, strict=True)],
        [frame.hits[order].T for frame, order in zip(frames, orders, strict=True)],
        _ALPHA,
    ).at(0)


def _as_text(ids: Sequence[int]) -> list[int]:
    """Places of the identities sorted as text, as the reference has them (:817, 850).

    The order may decide between equals.
    """
    return sorted(range(len(ids)), key=lambda place: str(ids[place]))
