# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Plain data made into questions: one an expression."""

from __future__ import annotations

import numpy as np

from molmo_ground_ros.benchmarks.datasets import queries
from molmo_ground_ros.benchmarks.datasets.examples import (
    AnnotatedVideo,
    BoxTrack,
    Example,
    Expression,
    ImageTruth,
    MaskTrack,
    Pixel,
    TrackedObject,
    TrackTruth,
)
from molmo_ground_ros.frames.masks import Mask
from molmo_ground_ros.types import Task

QUERY_FPS = 1  # as evaluation asks for tracks


def example_of(annotated: AnnotatedVideo, expression: Expression, index: int = 0) -> Example:
    """What an expression asks for, and the objects it is of.

    Of a video: tracks, with a mask and a point in it on every frame where an object is seen; of
    boxes the middle, without a mask. Of one picture with masks: points. index: see `queries.track`.
    """
    wanted = [track for track in annotated.tracks if track.id in expression.ids]
    known = annotated.expressions.index(expression) if expression in annotated.expressions else 0
    masks = [
        track.masks[0] for track in wanted if isinstance(track, MaskTrack) and 0 in track.masks
    ]
    one_picture = annotated.frames == 1 and len(masks) == len(wanted)
    truth = ImageTruth(tuple(masks)) if one_picture else _tracks(annotated, wanted)
    asked = queries.point_in_image(expression.text)
    return Example(
        id=f'{annotated.name}_{known}',
        query=asked if one_picture else queries.track(expression.text, QUERY_FPS, index),
        task=Task.POINT if one_picture else Task.TRACK,
        label=expression.text,
        category=', '.join(dict.fromkeys(track.label for track in wanted if track.label)),
        media=annotated.media,
        truth=truth,
        width=annotated.width,
        height=annotated.height,
        duration_s=0.0 if one_picture else annotated.frames / annotated.fps,
        file=annotated.file,
        row=annotated.row,
    )


def label_expressions(tracks: tuple[MaskTrack | BoxTrack, ...]) -> tuple[Expression, ...]:
    """An expression for each label, of all its objects."""
    ids: dict[str, list[int]] = {}
    for track in tracks:
        if track.label:
            ids.setdefault(track.label, []).append(track.id)
    return tuple(Expression(label, tuple(of_label)) for label, of_label in ids.items())


def central_pixel(mask: Mask) -> Pixel:
    """The pixel of a mask that is nearest to the middle of it, (column, row). Raises BadSetting.

    mask: with a true pixel.
    """
    rows, columns = np.nonzero(mask.array())
    away = (columns - columns.mean()) ** 2 + (rows - rows.mean()) ** 2
    nearest = int(away.argmin())
    return float(columns[nearest]), float(rows[nearest])


def _tracks(annotated: AnnotatedVideo, wanted: list[MaskTrack | BoxTrack]) -> TrackTruth:
    objects = []
    for track in wanted:
        if isinstance(track, MaskTrack):
            seen = {frame: mask for frame, mask in track.masks.items() if mask.area}
            points = {frame: central_pixel(mask) for frame, mask in seen.items()}
            objects.append(TrackedObject(track.id, points, seen))
        else:
            middles = {k: (x + w / 2, y + h / 2) for k, (x, y, w, h) in track.boxes.items()}
            objects.append(TrackedObject(track.id, middles))
    return TrackTruth(tuple(objects), annotated.fps, annotated.frames, float(QUERY_FPS))
