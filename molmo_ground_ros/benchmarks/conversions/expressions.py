# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracks of a video that an expression refers to."""

from __future__ import annotations

from molmo_ground_ros.benchmarks.datasets.examples import (
    AnnotatedVideo,
    BoxTrack,
    Expression,
    MaskTrack,
)
from molmo_ground_ros.errors import BadRecord


def tracks_of(annotated: AnnotatedVideo, expression: Expression) -> list[MaskTrack]:
    """The tracks that an expression refers to, each once.

    Raises BadRecord for an id without a track, for a track of boxes, and for a single image.
    """
    if annotated.frames < 2:
        raise bad_video(annotated, 'is a picture, and no video')
    by_id = {track.id: track for track in annotated.tracks}
    tracks = []
    for number in dict.fromkeys(expression.ids):
        track = by_id.get(number)
        if track is None:
            why = f'{expression.text!r} means object {number}, which is not there'
            raise bad_video(annotated, why)
        if isinstance(track, BoxTrack):
            raise bad_video(annotated, f'object {number} has boxes and no masks')
        tracks.append(track)
    return tracks


def bad_video(annotated: AnnotatedVideo, why: str) -> BadRecord:
    """The error to raise for a video that cannot be used, with its file, row and name."""
    return BadRecord(annotated.file, annotated.row, f'{annotated.name}: {why}')
