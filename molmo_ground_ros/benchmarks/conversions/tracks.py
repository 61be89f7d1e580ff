# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns masks into tracks: records of Molmo2-VideoTrack, or of Molmo2-VideoTrackEval."""

from __future__ import annotations

from typing import Any

from molmo_ground_ros.benchmarks.conversions.expressions import bad_video, tracks_of
from molmo_ground_ros.benchmarks.conversions.mask_points import central_point
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, Expression, MaskTrack
from molmo_ground_ros.benchmarks.feedback.training_data import OWN

Record = dict[str, Any]

# How far a rate may be from a whole number, as a share of it: 29.97 counts as 30.
_DRIFT = 0.01


def tracking_record(
    annotated: AnnotatedVideo, expression: Expression, number: int = 0, *, masks: bool = False
) -> Record:
    """A record of Molmo2-VideoTrack; with `masks`, of Molmo2-VideoTrackEval.

    number: of the expression in its video; the record's id ends in it. Points are [x, y] in pixels,
    one for each frame of the video, and null on a frame where the object is not visible. Each is
    its mask's `central_point`. Masks are run-length encoded, one for each frame as well. Objects
    stand in the order of their first frame, and those that are never visible are left out. The
    loader works with a whole number of frames a second (molmo2 f3cb108,
    olmo/data/molmo2_video_track_datasets.py:350-356), so 29.97 becomes 30.

    Raises BadRecord for another rate, if the expression refers to an object that is missing or has
    no masks, and if none of its objects is visible.
    """
    visible = _visible_tracks(annotated, expression)
    paths = {str(track.id): _path(track, annotated.frames) for track in visible}
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
            for track in visible
        ]
    return record


def _visible_tracks(annotated: AnnotatedVideo, expression: Expression) -> list[MaskTrack]:
    """The expression's tracks with a visible object, in the order of their first frames."""
    visible = [
        track for track in tracks_of(annotated, expression) if _frames(track, annotated.frames)
    ]
    if expression.ids and not visible:
        raise bad_video(annotated, f'{expression.text!r}: none of its objects is seen')
    return sorted(visible, key=lambda track: _frames(track, annotated.frames)[0])


def _frames(track: MaskTrack, count: int) -> list[int]:
    """The frames of the video on which the mask has a pixel, ascending. count: of all frames."""
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
    fps = round(annotated.fps)
    if fps < 1 or abs(annotated.fps - fps) > _DRIFT * fps:
        raise bad_video(annotated, f'{annotated.fps} frames a second are no whole number')
    return fps
