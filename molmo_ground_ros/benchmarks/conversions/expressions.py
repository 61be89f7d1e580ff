# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The objects of a video that words mean."""

from __future__ import annotations

from molmo_ground_ros.benchmarks.datasets.examples import (
    AnnotatedVideo,
    BoxTrack,
    Expression,
    MaskTrack,
)
from molmo_ground_ros.errors import BadRecord


def tracks_of(annotated: AnnotatedVideo, expression: Expression) -> list[MaskTrack]:
    """The objects that an expression means.

    Raises BadRecord for one that is not there or has no masks, and for a picture: it is no video.
    """
    if annotated.frames < 2:
        raise bad_video(annotated, 'is a picture, and no video')
    known = {track.id: track for track in annotated.tracks}
    found = []
    for number in dict.fromkeys(expression.ids):
        track = known.get(number)
        if track is None:
            raise bad_video(
                annotated, f'{expression.text!r} means object {number}, which is not there'
            )
        if isinstance(track, BoxTrack):
            raise bad_video(annotated, f'object {number} has boxes and no masks')
        found.append(track)
    return found


def bad_video(annotated: AnnotatedVideo, why: str) -> BadRecord:
    """The error to raise for a video."""
    return BadRecord(annotated.file, annotated.row, f'{annotated.name}: {why}')
