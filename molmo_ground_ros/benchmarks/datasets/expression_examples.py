# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes examples of annotated videos: one for each expression."""

from __future__ import annotations

import math

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
from molmo_ground_ros.frames.masks import Mask, read_rle
from molmo_ground_ros.types import Task

# The rate at which the reference's evaluation asks for tracks.
QUERY_FPS = 1


def example_of(
    annotated: AnnotatedVideo, expression: Expression, index: int = 0, *, in_boxes: bool = False
) -> Example:
    """The example that asks for the objects of an expression.

    For a video it asks for tracks. An object with masks has a mask and a point inside it on every
    frame where it is visible; an object with boxes has the middle of each box, and no mask. For a
    single image with masks it asks for points. index: see `queries.track`. in_boxes: every pixel of
    a box counts as the object's, so that a point in its box is right.
    """
    tracks = [track for track in annotated.tracks if track.id in expression.ids]
    expressions = annotated.expressions
    number = expressions.index(expression) if expression in expressions else 0
    masks = [
        track.masks[0] for track in tracks if isinstance(track, MaskTrack) and 0 in track.masks
    ]
    is_image = annotated.frames == 1 and len(masks) == len(tracks)
    image_query = queries.point_in_image(expression.text)
    return Example(
        id=f'{annotated.name}_{expression.key or number}',
        query=image_query if is_image else queries.track(expression.text, QUERY_FPS, index),
        task=Task.POINT if is_image else Task.TRACK,
        label=expression.text,
        category=', '.join(dict.fromkeys(track.label for track in tracks if track.label)),
        media=annotated.media,
        truth=ImageTruth(tuple(masks)) if is_image else _track_truth(annotated, tracks, in_boxes),
        width=annotated.width,
        height=annotated.height,
        duration_s=0.0 if is_image else annotated.frames / annotated.fps,
        file=annotated.file,
        row=annotated.row,
    )


def label_expressions(tracks: tuple[MaskTrack | BoxTrack, ...]) -> tuple[Expression, ...]:
    """One expression for each label, which refers to all objects with that label."""
    ids: dict[str, list[int]] = {}
    for track in tracks:
        if track.label:
            ids.setdefault(track.label, []).append(track.id)
    return tuple(Expression(label, tuple(of_label)) for label, of_label in ids.items())


def central_pixel(mask: Mask) -> Pixel:
    """(column, row) of the mask's pixel that is nearest to the mask's centroid.

    mask: with at least one true pixel. Raises as `Mask.array` does.
    """
    rows, columns = np.nonzero(mask.array())
    distances = (columns - columns.mean()) ** 2 + (rows - rows.mean()) ** 2
    nearest = int(distances.argmin())
    return float(columns[nearest]), float(rows[nearest])


def _track_truth(
    annotated: AnnotatedVideo, tracks: list[MaskTrack | BoxTrack], in_boxes: bool
) -> TrackTruth:
    objects = []
    for track in tracks:
        if isinstance(track, MaskTrack):
            masks = {frame: mask for frame, mask in track.masks.items() if mask.area}
            points = {frame: central_pixel(mask) for frame, mask in masks.items()}
            objects.append(TrackedObject(track.id, points, masks))
        else:
            middles = {k: (x + w / 2, y + h / 2) for k, (x, y, w, h) in track.boxes.items()}
            filled = _filled(annotated, track) if in_boxes else {}
            objects.append(TrackedObject(track.id, middles, filled))
    return TrackTruth(tuple(objects), annotated.fps, annotated.frames, float(QUERY_FPS))


def _filled(annotated: AnnotatedVideo, track: BoxTrack) -> dict[int, Mask]:
    """The pixels whose middle is in the box, by frame; frames without such a pixel are left out."""
    height, width = annotated.height, annotated.width
    masks = {}
    for frame, (x, y, box_width, box_height) in track.boxes.items():
        left, right = (_first_pixel(edge, width) for edge in (x, x + box_width))
        top, bottom = (_first_pixel(edge, height) for edge in (y, y + box_height))
        if left < right and top < bottom:
            column = [bottom - top, height - bottom + top]
            runs = [left * height + top, *(column * (right - left))]
            runs[-1] = (width - right + 1) * height - bottom
            masks[frame] = read_rle({'size': [height, width], 'counts': runs})
    return masks


def _first_pixel(edge: float, extent: int) -> int:
    """The number of the first pixel whose middle is at or behind an edge, on the image."""
    return min(max(math.ceil(edge - 0.5), 0), extent)
