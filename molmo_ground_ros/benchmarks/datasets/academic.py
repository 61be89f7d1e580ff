# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points and tracks that the authors of the reference made from academic data sets.

Points: allenai/molmo2-academic-video-points. Tracks: allenai/molmo2-mevis, -burst, -ref-yt-vos,
-ref-davis17, -reasonvos and others. Evaluation asks their task `track` at 1 fps.
Source: molmo2 f3cb108, olmo/data/academic_video_datasets.py:1340-1524 and
academic_video_track_datasets.py:440-530.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets import queries
from molmo_ground_ros.benchmarks.datasets.examples import (
    Example,
    Media,
    Pixel,
    PointTruth,
    TrackTruth,
    Tubelet,
)
from molmo_ground_ros.benchmarks.datasets.row_reader import DatasetRow, bad_record, read_json, rows
from molmo_ground_ros.benchmarks.datasets.video_points import (
    PERCENT,
    clip_of,
    count_of,
    percent_points,
)
from molmo_ground_ros.benchmarks.datasets.video_tracks import object_ids, tracked_objects
from molmo_ground_ros.errors import BadRecord
from molmo_ground_ros.frames.masks import Mask
from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_S
from molmo_ground_ros.types import Task

# The folder of VIDEO/QID.json that the reference's download writes.
MASKS = 'MasksRLE'
# Subsets whose videos lie in folders that are named by the column `dataset`.
_IN_FOLDERS = {'burst'}


def points(row: DatasetRow, index: int) -> Example:
    """A row of the academic points: one point for each object, where it first appears.

    The task is counting, as in the evaluation of these sets. Points are percentages (see
    `video_points.videopoint`). Times count from the clip's start. Raises BadField.
    """
    del index
    values = row.values
    duration = fields.duration(fields.field(values, 'video_duration'), 'video_duration')
    clip = clip_of(values, ('clip_start_time', 'clip_end_time'), duration)
    start, end = clip or (0.0, duration)
    timed_points = sorted(percent_points(values, 'timestamps', start, end))
    subset = fields.text(fields.field(values, 'subset'), 'subset')
    name = fields.key(fields.field(values, 'video_name'), 'video_name')
    if subset in _IN_FOLDERS:
        name = f'{fields.text(fields.field(values, "dataset"), "dataset")}/{name}'
    label = fields.text(fields.field(values, 'category'), 'category').lower()
    return Example(
        id=f'{subset}/{name}_{label}',
        query=queries.count(label),
        task=Task.COUNT,
        label=label,
        category=subset,
        media=Media(name, subset, start, None if clip is None else end),
        truth=PointTruth(tuple(Tubelet((point,)) for point in timed_points), count_of(values)),
        width=PERCENT,
        height=PERCENT,
        duration_s=end - start,
        file=row.file,
        row=row.row,
    )


def track(row: DatasetRow, index: int, masks: Mapping[str, Any] | None) -> Example:
    """A row of the academic tracks: points by frame, also of hidden objects.

    The reference ignores whether a point is marked as hidden and scores it
    (academic_video_track_datasets.py:485-500, olmo/eval/object_tracking_utils.py:722-728). By the
    default rules the masks say which objects are visible.

    masks: for each object a list by frame; None without masks. Points of ids that `mask_id` does
    not name are left out, as in the loader; if no other point is left, the row is an error. Raises
    BadField.
    """
    values = row.values
    width, height = fields.size(values)
    fps = fields.rate(fields.field(values, 'fps'), 'fps')
    rate = query_fps(values)
    if fps % rate:
        raise fields.bad_field('fps, sampling_fps', (fps, rate), 'do not divide')
    frames = fields.integer(fields.field(values, 'n_frames'), 'n_frames', 1, fields.MOST_FRAMES)
    ids = object_ids(values)
    paths = _paths(values, ids, (width, height), frames, fps)
    of_object = _masks(masks, ids, (width, height), frames)
    label = fields.text(fields.field(values, 'expression'), 'expression')
    name = fields.key(fields.field(values, 'id'), 'id')
    return Example(
        # Rows of different rates may have the same id.
        id=name if rate == 1 else f'{name}_{rate}fps',
        query=queries.track(label, rate, index),
        task=Task.TRACK,
        label=label,
        category='',
        media=Media(fields.key(fields.field(values, 'video'), 'video'), fps=fps),
        truth=TrackTruth(tracked_objects(ids, paths, of_object), fps, frames, float(rate)),
        width=width,
        height=height,
        duration_s=frames / fps,
        file=row.file,
        row=row.row,
    )


def tracks(folder: Path) -> Iterator[tuple[DatasetRow, int, Mapping[str, Any] | None] | BadRecord]:
    """The rows of the task `track`, each with its index among the rows of its rate, and its masks.

    Other tasks (`ground`, `single_point_track`) are used for training only, and are skipped. Masks
    are searched as `MasksRLE/VIDEO/QID.json` in the folder and in the folders directly below it.
    """
    base = folder if folder.is_dir() else folder.parent
    places = [place for place in (base / MASKS, *sorted(base.glob(f'*/{MASKS}'))) if place.is_dir()]
    numbers: dict[object, int] = {}
    for row in rows(folder / 'track' if (folder / 'track').is_dir() else folder):
        if isinstance(row, BadRecord):
            yield row
            continue
        if row.values.get('task', 'track') != 'track':
            continue
        rate = repr(row.values.get('sampling_fps'))
        numbers[rate] = numbers.get(rate, -1) + 1
        try:
            yield row, numbers[rate], _mask_file(row, places)
        except BadRecord as error:
            yield error


def query_fps(values: Mapping[str, Any]) -> int:
    """The rate at which a row asks for tracks, frames a second. Raises BadField."""
    return fields.integer(
        fields.field(values, 'sampling_fps'), 'sampling_fps', 1, int(fields.MOST_FPS)
    )


def _mask_file(row: DatasetRow, places: list[Path]) -> Mapping[str, Any] | None:
    for place in places:
        video, query = (str(row.values.get(name)) for name in ('video', 'qid'))
        path = place / video / f'{query}.json'
        if path.is_file():
            content = read_json(path)
            if not isinstance(content, dict):
                raise bad_record(str(path), 0, 'is no record of masks by object')
            return content
    return None


def _paths(
    values: Mapping[str, Any], ids: list[str], size: tuple[int, int], frames: int, fps: float
) -> dict[str, dict[int, Pixel]]:
    paths: dict[str, dict[int, Pixel]] = {}
    unknown_id = None
    for name, item in fields.numbered(
        fields.field(values, 'frame_trajectories'), 'frame_trajectories'
    ):
        record = fields.mapping(item, name)
        frame = fields.integer(
            fields.field(record, 'frame', f'{name}.'), f'{name}.frame', 0, frames - 1
        )
        most = frames / fps + SAMPLE_PERIOD_S
        fields.seconds(fields.field(record, 'time', f'{name}.'), f'{name}.time', most)
        for at, point in fields.numbered(
            fields.field(record, 'points', f'{name}.'), f'{name}.points'
        ):
            entry = fields.mapping(point, at)
            number = fields.key(fields.field(entry, 'id', f'{at}.'), f'{at}.id')
            if number not in ids:
                unknown_id = number
            else:
                where = fields.point(fields.field(entry, 'point', f'{at}.'), f'{at}.point', *size)
                paths.setdefault(number, {})[frame] = where
    if unknown_id is not None and not paths:
        raise fields.bad_field('frame_trajectories', unknown_id, f'is not in mask_id, {ids}')
    return paths


def _masks(
    masks: Mapping[str, Any] | None, ids: list[str], size: tuple[int, int], frames: int
) -> dict[str, dict[int, Mask]]:
    """The masks by object and frame.

    The keys of `masks` are the objects' ids; in MeViS they are numbers from 0
    (academic_video_track_datasets.py:665).
    """
    if masks is None:
        return {}
    by_id = set(masks) <= set(ids)
    of_objects = {}
    for k, number in enumerate(ids):
        name = f'{MASKS} of {number}'
        of_frame = fields.items(masks.get(number if by_id else str(k), []), name)
        if len(of_frame) > frames:
            raise fields.bad_field(name, len(of_frame), f'are more than {frames} frames')
        read = (fields.mask(item, f'{name}[{at}]', *size) for at, item in enumerate(of_frame))
        of_objects[number] = {at: mask for at, mask in enumerate(read) if mask is not None}
    return of_objects
