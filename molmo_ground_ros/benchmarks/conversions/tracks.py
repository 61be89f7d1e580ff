# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Masks to tracks: records of Molmo2-VideoTrack, and of Molmo2-VideoTrackEval with the masks."""

from __future__ import annotations

from typing import Any

from molmo_ground_ros.benchmarks.conversions.expressions import bad_video, tracks_of
from molmo_ground_ros.benchmarks.conversions.mask_points import central_point
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, Expression, MaskTrack
from molmo_ground_ros.benchmarks.feedback.training_data import OWN

Record = dict[str, Any]

_DRIFT = 0.01  # of the rate: 29.97 is 30


def tracking_record(
    annotated: AnnotatedVideo, expression: Expression, number: int = 0, *, masks: bool = False
) -> Record:
    """A record of Molmo2-VideoTrack; with `masks` of Molmo2-VideoTrackEval.

    number: of the expression in its video; the record's id ends in it. Points are [x, y] in pixels,
    one a frame of the video and null where the object is not seen; each is the centre of its mask
    (see inside.centre). Masks are run-length encoded likewise. Objects stand in the order of their
    first frame, and those never seen are left out. The loader works with a whole number of frames a
    second (molmo2 f3cb108, olmo/data/molmo2_video_track_datasets.py:350-356): 29.97 becomes 30.

    Raises BadRecord for another rate, an expression that means an object that is not there or has
    no masks, and one of whose objects none is seen.
    """
    seen = [track for track in tracks_of(annotated, expression) if _frames(track, annotated.frames)]
    if expression.ids and not seen:
        raise bad_video(annotated, f'{expression.text!r}: none of its objects is seen')
    seen.sort(key=lambda track: _frames(track, annotated.frames)[0])
    paths = {str(track.id): _path(track, annotated.frames) for track in seen}
    record: Record = {
        'id': f'{annotated.name}_{number}',
        'video': annotated.media.name,
        'clip': annotated.media.name,
        'fps': _fps(annotated),
        'start_frame': 0,
        'end_frame': annotated.frames - 1,
        'video_dataset': annotated.media.source or OWN,
        'exp': expression.text.strip(),
        'w': annotated.width,
        'h': annotated.height,
        'mask_id': list(paths),
        'points': [{'object_id': name, 'points': path} for name, path in paths.items()],
    }
    if masks:
        record['masks'] = [
            {'object_id': str(track.id), 'masks': _encoded(track, annotated.frames)}
            for track in seen
        ]
    return record


def _frames(track: MaskTrack, count: int) -> list[int]:
    """Those of the video on which it has a pixel, in order."""
    return sorted(k for k, mask in track.masks.items() if 0 <= k < count and mask.area)


def _path(track: MaskTrack, count: int) -> list[list[float] | None]:
    path: list[list[float] | None] = [None] * count
    for k in _frames(track, count):
        path[k] = list(central_point(track.masks[k].array()))
    return path


def _encoded(track: MaskTrack, count: int) -> list[dict[str, Any] | None]:
    encoded: list[dict[str, Any] | None] = [None] * count
    for k in _frames(track, count):
        encoded[k] = track.masks[k].rle()
    return encoded


def _fps(annotated: AnnotatedVideo) -> int:
    whole = round(annotated.fps)
    if whole < 1 or abs(annotated.fps - whole) > _DRIFT * whole:
        raise bad_video(annotated, f'{annotated.fps} frames a second are no whole number')
    return whole
