# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Molmo2-VideoTrack and -VideoTrackEval.

Columns and units: molmo2 f3cb108, olmo/data/molmo2_video_track_datasets.py:239-586.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets import queries
from molmo_ground_ros.benchmarks.datasets.examples import (
    Example,
    Media,
    Pixel,
    TrackedObject,
    TrackTruth,
)
from molmo_ground_ros.benchmarks.datasets.row_reader import DatasetRow
from molmo_ground_ros.frames.masks import Mask
from molmo_ground_ros.types import Task

# The rate at which the reference's evaluation asks for tracks (olmo/data/get_dataset.py:526).
EVALUATED_FPS = 1
# The row of the article's table for each value of `video_dataset`
# (olmo/data/molmo2_video_track_datasets.py:452-458).
_CATEGORIES = {
    'APTv2': 'animal',
    'dancetrack': 'dance',
    'sportsmot': 'sports',
    'personpath22': 'person',
    'sav': 'misc',
}


def videotrack(row: DatasetRow, index: int) -> Example:
    """A row of VideoTrack: points by object and frame of the clip. Raises BadField."""
    return _example(row, index, masked=False)


def videotrackeval(row: DatasetRow, index: int) -> Example:
    """A row of VideoTrackEval: VideoTrack with the masks of visible objects. Raises BadField."""
    return _example(row, index, masked=True)


def _example(row: DatasetRow, index: int, *, masked: bool) -> Example:
    """Frames count from the clip's start: `clip` names a video that is already cut (:399)."""
    values = row.values
    width, height = fields.size(values, 'w', 'h')
    fps = fields.rate(fields.field(values, 'fps'), 'fps')
    if fps < EVALUATED_FPS:
        why = f'is below {EVALUATED_FPS}, at which tracks are asked for'
        raise fields.bad_field('fps', fps, why)
    objects, frames = _objects(values, (width, height), masked=masked)
    label = fields.text(fields.field(values, 'exp'), 'exp')
    source = fields.words(fields.field(values, 'video_dataset'), 'video_dataset')
    return Example(
        id=fields.key(fields.field(values, 'id'), 'id'),
        query=queries.track(label, EVALUATED_FPS, index),
        task=Task.TRACK,
        label=label,
        category=_CATEGORIES.get(source, source),
        media=Media(fields.key(fields.field(values, 'clip'), 'clip'), source, fps=fps),
        truth=TrackTruth(objects, fps, frames),
        width=width,
        height=height,
        duration_s=frames / fps,
        file=row.file,
        row=row.row,
    )


def object_ids(values: Mapping[str, Any]) -> list[str]:
    """The ids of the column `mask_id`, in the order in which objects are numbered from 1.

    Raises BadField.
    """
    ids = [
        fields.key(value, name)
        for name, value in fields.numbered(fields.field(values, 'mask_id'), 'mask_id')
    ]
    if len(set(ids)) < len(ids):
        raise fields.bad_field('mask_id', ids, 'names an object twice')
    return ids


def tracked_objects(
    ids: list[str],
    points: Mapping[str, Mapping[int, Pixel]],
    masks: Mapping[str, Mapping[int, Mask]],
) -> tuple[TrackedObject, ...]:
    """The objects, numbered from 1. points, masks: by id and frame."""
    return tuple(
        TrackedObject(k, points.get(number, {}), masks.get(number, {}))
        for k, number in enumerate(ids, start=1)
    )


def _objects(
    values: Mapping[str, Any], size: tuple[int, int], *, masked: bool
) -> tuple[tuple[TrackedObject, ...], int]:
    """The objects of a row, and the number of frames. size: width, height."""
    ids = object_ids(values)
    points = {
        number: {
            k: fields.point(point, f'points of {number}[{k}]', *size)
            for k, point in enumerate(of_frame)
            if point
        }
        for number, of_frame in _by_object(values, 'points', ids).items()
    }
    lengths = _lengths(values, 'points')
    masks: dict[str, dict[int, Mask]] = {}
    if masked:
        of_objects = _by_object(values, 'masks', ids)
        fields.same_length({'mask_id': len(ids), 'masks': len(of_objects)})
        lengths |= _lengths(values, 'masks')
        masks = {number: _masks(number, of_objects[number], *size) for number in of_objects}
    return tracked_objects(ids, points, masks), _frame_count(values, lengths)


def _frame_count(values: Mapping[str, Any], lengths: Mapping[str, int]) -> int:
    """The number of frames of a row. lengths: of the lists of its objects, by their paths."""
    fields.same_length(lengths)
    stated = any(values.get(name) is not None for name in ('start_frame', 'end_frame'))
    stated_frames = _stated_frames(values) if stated or not lengths else 0
    frames = next(iter(lengths.values())) if lengths else stated_frames
    if not 0 < frames <= fields.MOST_FRAMES:
        raise fields.bad_field('points', frames, 'frames: is an empty video')
    return frames


def _by_object(values: Mapping[str, Any], column: str, ids: list[str]) -> dict[str, Any]:
    """The list by frame that a column holds for each object."""
    of_objects: dict[str, Any] = {}
    for name, item in fields.numbered(fields.field(values, column), column):
        record = fields.mapping(item, name)
        number = fields.key(fields.field(record, 'object_id', f'{name}.'), f'{name}.object_id')
        if number not in ids or number in of_objects:
            why = 'is there twice' if number in of_objects else f'is not in mask_id, {ids}'
            raise fields.bad_field(f'{name}.object_id', number, why)
        of_objects[number] = fields.items(
            fields.field(record, column, f'{name}.'), f'{name}.{column}'
        )
    return of_objects


def _lengths(values: Mapping[str, Any], column: str) -> dict[str, int]:
    """The number of frames in each object's list, by the path of the list."""
    return {f'{column}[{k}]': len(item[column]) for k, item in enumerate(values[column])}


def _masks(number: str, of_frame: list[Any], width: int, height: int) -> dict[int, Mask]:
    read = (
        fields.mask(item, f'masks of {number}[{k}]', width, height)
        for k, item in enumerate(of_frame)
    )
    return {k: mask for k, mask in enumerate(read) if mask is not None}


def _stated_frames(values: Mapping[str, Any]) -> int:
    """The number of frames from `start_frame` to `end_frame`, both included (:109).

    It is only used without objects. With objects their lists give the number of frames; the loader
    does not compare the two, so a different number here is no error.
    """
    first, last = (
        fields.integer(fields.field(values, name), name, 0, fields.MOST_FRAMES)
        for name in ('start_frame', 'end_frame')
    )
    if last < first:
        raise fields.bad_field('end_frame', last, f'is before start_frame, {first}')
    return last - first + 1
