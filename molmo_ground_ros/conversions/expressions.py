# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What of a video is asked for."""

from __future__ import annotations

from molmo_ground_ros.datasets.values import Annotated, BoxTrack, Expression, MaskTrack
from molmo_ground_ros.errors import BadRecord


def expressions_of(annotated: Annotated) -> tuple[Expression, ...]:
    """The video's own; where it has none, each label with all its objects, as they come.

    So are the reference's academic sets of data without expressions made, e.g. BURST's (molmo2
    f3cb108, olmo/data/academic_video_datasets.py:1431: the label is the category).
    """
    if annotated.expressions:
        return annotated.expressions
    by_label: dict[str, list[int]] = {}
    for track in annotated.tracks:
        if track.label:
            by_label.setdefault(track.label, []).append(track.id)
    return tuple(Expression(label, tuple(ids)) for label, ids in by_label.items())


def tracks_of(annotated: Annotated, expression: Expression) -> list[MaskTrack]:
    """The objects that an expression means. Raises BadRecord for one that is not there."""
    known = {track.id: track for track in annotated.tracks}
    found = []
    for number in dict.fromkeys(expression.ids):
        track = known.get(number)
        if track is None:
            raise bad(annotated, f'{expression.text!r} means object {number}, which is not there')
        if isinstance(track, BoxTrack):
            raise bad(annotated, f'object {number} has boxes and no masks')
        found.append(track)
    return found


def bad(annotated: Annotated, why: str) -> BadRecord:
    """The error to raise for a video."""
    return BadRecord(annotated.file, annotated.row, f'{annotated.name}: {why}')
