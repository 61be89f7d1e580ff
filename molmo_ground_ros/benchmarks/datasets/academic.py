# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points and tracks that the reference made of academic data sets.

Points: allenai/molmo2-academic-video-points. Tracks: allenai/molmo2-mevis, -burst, -ref-yt-vos,
-ref-davis17, -reasonvos and the others, of which evaluation asks the task `track` at 1 fps.
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
    TrackedObject,
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
from molmo_ground_ros.errors import BadRecord
from molmo_ground_ros.frames.masks import Mask
from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_S
from molmo_ground_ros.types import Task

MASKS = 'MasksRLE'  # a folder of VIDEO/QID.json, as the reference's download writes them
_IN_FOLDERS = {'burst'}  # subsets whose videos lie in folders named by the column dataset


def points(row: DatasetRow, index: int) -> Example:
    """A row of the academic points: one point an object, where it first appears.

    Asked for a count, as evaluation of these sets does. Points are percentages (see `videopoint`).
    Times are moved to the clip's start. Raises BadSetting.
    """
    del index
    values = row.values
    duration = fields.duration(fields.field(values, 'video_duration'), 'video_duration')
    clip = clip_of(values, ('clip_start_time', 'clip_end_time'), duration)
    start, end = clip or (0.0, duration)
    found = sorted(percent_points(values, 'timestamps', start, end))
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
        truth=PointTruth(tuple(Tubelet((point,)) for point in found), count_of(values)),
        width=PERCENT,
        height=PERCENT,
        duration_s=end - start,
        file=row.file,
        row=row.row,
    )


def track(row: DatasetRow, index: int, masks: Mapping[str, Any] | None) -> Example:
    """A row of the academic tracks: points by frame, of hidden objects as well.

    A point that is marked as hidden is truth to the reference, which asks for no mark
    (academic_video_track_datasets.py:485-500, olmo/eval/object_tracking_utils.py:722-728); by the
    default rules the masks say who is to be seen.

    masks: by object, a list by frame; None: there are none. Points of ids that `mask_id` does not
    name are left out, as the loader does; if they are all, the row is broken. Raises BadSetting.
    """
    values = row.values
    width, height = fields.size(values)
    fps = fields.rate(fields.field(values, 'fps'), 'fps')
    asked = query_fps(values)
    if fps % asked:
        raise fields.bad_field('fps, sampling_fps', (fps, asked), 'do not divide')
    frames = fields.integer(fields.field(values, 'n_frames'), 'n_frames', 1, fields.MOST_FRAMES)
    ids = [
        fields.key(value, name)
        for name, value in fields.numbered(fields.field(values, 'mask_id'), 'mask_id')
    ]
    if len(set(ids)) < len(ids):
        raise fields.bad_field('mask_id', ids, 'names an object twice')
    paths = _paths(values, ids, (width, height), frames, fps)
    of_object = _masks(masks, ids, (width, height), frames)
    label = fields.text(fields.field(values, 'expression'), 'expression')
    name = fields.key(fields.field(values, 'id'), 'id')
    return Example(
        id=name if asked == 1 else f'{name}_{asked}fps',  # a row a rate may share its id
        query=queries.track(label, asked, index),
        task=Task.TRACK,
        label=label,
        category='',
        media=Media(fields.key(fields.field(values, 'video'), 'video'), fps=fps),
        truth=TrackTruth(
            tuple(
                TrackedObject(k, paths.get(number, {}), of_object.get(number, {}))
                for k, number in enumerate(ids, start=1)
            ),
            fps,
            frames,
            float(asked),
        ),
        width=width,
        height=height,
        duration_s=frames / fps,
        file=row.file,
        row=row.row,
    )


def tracks(folder: Path) -> Iterator[tuple[DatasetRow, int, Mapping[str, Any] | None] | BadRecord]:
    """The rows of the task `track`, each with its number among those of its rate and its masks.

    Other tasks (`ground`, `single_point_track`) are trained and never evaluated, and passed over.
    Masks are looked for as `MasksRLE/VIDEO/QID.json` in the folder and in those right below it.
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
    """The rate at which a row's tracks are asked for. Raises BadSetting."""
    return fields.integer(
        fields.field(values, 'sampling_fps'), 'sampling_fps', 1, int(fields.MOST_FPS)
    )


def _mask_file(row: DatasetRow, places: list[Path]) -> Mapping[str, Any] | None:
    for place in places:
        video, query = (str(row.values.get(name)) for name in ('video', 'qid'))
        path = place / video / f'{query}.json'
        if path.is_file():
            found = read_json(path)
            if not isinstance(found, dict):
                raise bad_record(str(path), 0, 'is no record of masks by object')
            return found
    return None


def _paths(
    values: Mapping[str, Any], ids: list[str], size: tuple[int, int], frames: int, fps: float
) -> dict[str, dict[int, Pixel]]:
    found: dict[str, dict[int, Pixel]] = {}
    unknown = None
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
                unknown = number
            else:
                where = fields.point(fields.field(entry, 'point', f'{at}.'), f'{at}.point', *size)
                found.setdefault(number, {})[frame] = where
    if unknown is not None and not found:
        raise fields.bad_field('frame_trajectories', unknown, f'is not in mask_id, {ids}')
    return found


def _masks(
    masks: Mapping[str, Any] | None, ids: list[str], size: tuple[int, int], frames: int
) -> dict[str, dict[int, Mask]]:
    """Keys are the objects' ids or, of MeViS, their numbers from 0 (ibid. :665)."""
    if masks is None:
        return {}
    by_id = set(masks) <= set(ids)
    found = {}
    for k, number in enumerate(ids):
        name = f'{MASKS} of {number}'
        of_frame = fields.items(masks.get(number if by_id else str(k), []), name)
        if len(of_frame) > frames:
            raise fields.bad_field(name, len(of_frame), f'are more than {frames} frames')
        read = (fields.mask(item, f'{name}[{at}]', *size) for at, item in enumerate(of_frame))
        found[number] = {at: mask for at, mask in enumerate(read) if mask is not None}
    return found
