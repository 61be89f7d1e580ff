# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Molmo2-VideoPoint, -VideoPointEval and -VideoCountEval.

Columns and units: molmo2 f3cb108, olmo/data/molmo2_datasets.py:739-1184. For VideoPoint the hub
lists them as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets import queries
from molmo_ground_ros.benchmarks.datasets.examples import (
    CountTruth,
    Example,
    Media,
    PointTruth,
    Tubelet,
)
from molmo_ground_ros.benchmarks.datasets.row_reader import DatasetRow
from molmo_ground_ros.frames.masks import Mask
from molmo_ground_ros.frames.windows import MAX_WINDOW_S, SAMPLE_PERIOD_S
from molmo_ground_ros.types import Task

# VideoPoint's points are percentages. Without a size in the record, an image is 100 x 100.
PERCENT = 100
_MOST = 10**6  # objects


def videopoint(row: DatasetRow, index: int) -> Example:
    """A row of VideoPoint. Its prompt is the row's own question, as in the mode `point_count`.

    Points are percentages. If the row holds no `width` and `height`, the example says 100 x 100 and
    its points stay percentages, to be scaled by the size of the actual image. Else its points are
    pixels. Times count from the clip's start, as in the loader (molmo2_datasets.py:880-942): a
    video up to 63 s is its own clip, and a longer one needs the columns of a clip.
    Rows with `annotator_unsure` are read like the others. Raises BadField.
    """
    del index
    values = row.values
    duration = fields.duration(fields.field(values, 'video_duration'), 'video_duration')
    start, end = _window_clip(values, duration)
    sized = values.get('width') is not None and values.get('height') is not None
    width, height = fields.size(values) if sized else (PERCENT, PERCENT)
    objects = tuple(
        Tubelet(((t, width * x / PERCENT, height * y / PERCENT),))
        for t, x, y in percent_points(values, 'two_fps_timestamps', start, end)
    )
    label = fields.text(fields.field(values, 'label'), 'label')
    name = fields.key(fields.field(values, 'video_id'), 'video_id')
    return Example(
        id=f'{name}_{label}',
        query=fields.text(fields.field(values, 'question'), 'question'),
        task=Task.POINT,
        label=label,
        category=fields.words(fields.field(values, 'category'), 'category'),
        media=Media(
            name,
            fields.words(fields.field(values, 'video_source'), 'video_source'),
            start,
            None if duration <= MAX_WINDOW_S else end,
        ),
        truth=PointTruth(objects, count_of(values)),
        width=width,
        height=height,
        duration_s=end - start,
        file=row.file,
        row=row.row,
    )


def _window_clip(values: Mapping[str, Any], duration_s: float) -> tuple[float, float]:
    """(start, end) in seconds of a clip of at most 63 s: the whole video if it is short enough."""
    clip = _clip(values, duration_s)
    if duration_s <= MAX_WINDOW_S:
        clip = (0.0, duration_s)
    if clip is None:
        why = f'no clip is told, and a video over {MAX_WINDOW_S:g} s needs one'
        raise fields.bad_field('video_duration', duration_s, why)
    if clip[1] - clip[0] > MAX_WINDOW_S:
        raise fields.bad_field('clip', clip, f'is longer than {MAX_WINDOW_S:g} s')
    return clip


def videopointeval(row: DatasetRow, index: int) -> Example:
    """A row of VideoPointEval: a whole video, with one point and several masks for each object.

    Points are pixels, and frame k of the masks is at k / 2 s (molmo2_datasets.py:1079-1093).
    Raises BadField.
    """
    del index
    values = row.values
    width, height = fields.size(values)
    duration = fields.duration(fields.field(values, 'video_duration'), 'video_duration')
    times = fields.items(fields.field(values, 'two_fps_timestamps'), 'two_fps_timestamps')
    points = fields.items(fields.field(values, 'points'), 'points')
    masks = fields.items(fields.field(values, 'masks'), 'masks')
    fields.same_length(
        {'two_fps_timestamps': len(times), 'points': len(points), 'masks': len(masks)}
    )
    objects = []
    for k, (time, point) in enumerate(zip(times, points, strict=True)):
        t = fields.seconds(time, f'two_fps_timestamps[{k}]', duration + SAMPLE_PERIOD_S)
        x, y = fields.point(point, f'points[{k}]', width, height)
        tubelet = _masks(masks[k], f'masks[{k}]', (width, height), duration)
        objects.append(Tubelet(((t, x, y),), tubelet))
    label = fields.text(fields.field(values, 'label'), 'label')
    name = fields.key(fields.field(values, 'video_id'), 'video_id')
    return Example(
        id=f'{name}_{label}',
        query=queries.count(label),
        task=Task.POINT,
        label=label,
        category=fields.words(values.get('category'), 'category'),
        media=Media(name, fields.words(values.get('video_source'), 'video_source')),
        truth=PointTruth(tuple(objects), count_of(values) if 'count' in values else len(objects)),
        width=width,
        height=height,
        duration_s=duration,
        file=row.file,
        row=row.row,
    )


def videocounteval(row: DatasetRow, index: int) -> Example:
    """A row of VideoCountEval: a clip, the row's own question and the true count.

    Source: molmo2_datasets.py:1145-1184. Raises BadField.
    """
    del index
    values = row.values
    duration = fields.duration(fields.field(values, 'video_duration'), 'video_duration')
    clip = _clip(values, duration)
    start, end = clip or (0.0, duration)
    label = fields.text(fields.field(values, 'label'), 'label')
    name = fields.key(fields.field(values, 'video_id'), 'video_id')
    return Example(
        id=f'{name}_{label}',
        query=fields.text(fields.field(values, 'question'), 'question'),
        task=Task.COUNT,
        label=label,
        category=fields.words(fields.field(values, 'category'), 'category'),
        media=Media(
            name,
            fields.words(fields.field(values, 'video_source'), 'video_source'),
            start,
            None if clip is None else end,
        ),
        truth=CountTruth(count_of(values)),
        duration_s=end - start,
        file=row.file,
        row=row.row,
    )


def percent_points(
    values: Mapping[str, Any], times: str, start_s: float, end_s: float
) -> list[tuple[float, float, float]]:
    """(seconds from the clip's start, x, y in percent) of all points, in the order of the record.

    times: the name of the column of times. `points[i]` are the points at its time i. Times lie on
    the video's 0.5 s grid; the loader stops at a time off the grid (molmo2_datasets.py:918-942).
    start_s, end_s: of the clip. Raises BadField.
    """
    stamps = fields.items(fields.field(values, times), times)
    points = fields.items(fields.field(values, 'points'), 'points')
    fields.same_length({times: len(stamps), 'points': len(points)})
    timed_points = []
    for k, (stamp, at_once) in enumerate(zip(stamps, points, strict=True)):
        second = fields.seconds(stamp, f'{times}[{k}]')
        if not (second / SAMPLE_PERIOD_S).is_integer():
            raise fields.bad_field(
                f'{times}[{k}]', stamp, f'is not on the grid of {SAMPLE_PERIOD_S} s'
            )
        if not start_s <= second <= end_s:
            raise fields.bad_field(
                f'{times}[{k}]', stamp, f'is not in the clip, {start_s} to {end_s} s'
            )
        t = math.floor((second - start_s) / SAMPLE_PERIOD_S) * SAMPLE_PERIOD_S
        for name, point in fields.numbered(at_once, f'points[{k}]'):
            timed_points.append((t, *fields.point(point, name, PERCENT, PERCENT)))
    return timed_points


def clip_of(
    values: Mapping[str, Any], names: tuple[str, str], duration_s: float
) -> tuple[float, float] | None:
    """(start, end) of a record's clip in seconds; None if both are null. names: of the columns.

    Raises BadField.
    """
    start, end = (fields.field(values, name) for name in names)
    if start is None and end is None:
        return None
    # The end of a clip is rounded up to a frame.
    most = duration_s + SAMPLE_PERIOD_S
    first = fields.seconds(start, names[0], most)
    last = fields.seconds(end, names[1], most)
    if first >= last:
        raise fields.bad_field(', '.join(names), (first, last), 'is an empty clip')
    return first, last


def _clip(values: Mapping[str, Any], duration_s: float) -> tuple[float, float] | None:
    return clip_of(values, ('clip_start', 'clip_end'), duration_s)


def count_of(values: Mapping[str, Any]) -> int:
    """The value of the column `count`. Raises BadField."""
    return fields.integer(fields.field(values, 'count'), 'count', 0, _MOST)


def _masks(value: object, name: str, size: tuple[int, int], duration_s: float) -> dict[float, Mask]:
    """The masks of one object by seconds. size: width, height."""
    most = math.floor((duration_s + SAMPLE_PERIOD_S) / SAMPLE_PERIOD_S)
    masks = {}
    for at, item in fields.numbered(value, name):
        record = fields.mapping(item, at)
        frame = fields.integer(
            fields.field(record, 'frame_id', f'{at}.'), f'{at}.frame_id', 0, most
        )
        mask = fields.mask(fields.field(record, 'rle', f'{at}.'), f'{at}.rle', *size)
        if mask is not None:
            masks[frame * SAMPLE_PERIOD_S] = mask
    return masks
