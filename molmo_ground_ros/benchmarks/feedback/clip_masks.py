# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Masks for the points that a person confirmed, with SAM 2: records that a score needs.

Records of training become those of evaluation: Molmo2-VideoPointEval and Molmo2-VideoTrackEval. A
point is a click on its own frame, and only frames with a point have a mask: nothing is known of the
others. A mask that does not hold its point is not that of the object. These rules are ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.scoring.segmenting import PointSegmenter
from molmo_ground_ros.errors import BadArgument
from molmo_ground_ros.frames.masks import Mask
from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_S

Record = dict[str, Any]
Image = NDArray[np.uint8]  # (H, W, 3) RGB
Pixel = tuple[float, float]

_PERCENT = 100.0


def point_record_with_masks(
    record: Record, frames: Iterable[Image], segmenter: PointSegmenter
) -> Record:
    """A record of VideoPointEval of one of VideoPoint: a mask for each point, on its frame.

    frames: of the clip, two a second. Raises BadArgument where a mask does not hold its point, and
    what the segmenter raises.
    """
    width, height = record['width'], record['height']
    points = [
        (round(time / SAMPLE_PERIOD_S), width * at['x'] / _PERCENT, height * at['y'] / _PERCENT)
        for time, at_once in zip(record['two_fps_timestamps'], record['points'], strict=True)
        for at in at_once
    ]
    clicks = {k: {frame: (x, y)} for k, (frame, x, y) in enumerate(points)}
    masks = _masks(segmenter, frames, _inside(clicks, width, height))
    for k, (frame, x, y) in enumerate(points):
        _check(masks, k, frame, (x, y))
    return {
        'video_id': record['video_id'],
        'video_source': record['video_source'],
        'video_duration': record['video_duration'],
        'category': record['category'],
        'label': record['label'],
        'count': record['count'],
        'two_fps_timestamps': [frame * SAMPLE_PERIOD_S for frame, _, _ in points],
        'points': [{'x': x, 'y': y} for _, x, y in points],
        'masks': [
            [{'frame_id': frame, 'rle': masks[k][frame].rle()}]
            for k, (frame, _, _) in enumerate(points)
        ],
        'width': width,
        'height': height,
    }


def track_record_with_masks(
    record: Record, frames: Iterable[Image], segmenter: PointSegmenter
) -> Record:
    """A record of VideoTrackEval of one of VideoTrack: a mask for each point of each object.

    Otherwise like `point_record_with_masks`.
    """
    paths = {entry['object_id']: entry['points'] for entry in record['points']}
    clicks = {
        number: {k: (float(at[0]), float(at[1])) for k, at in enumerate(path) if at is not None}
        for number, path in enumerate(paths.values())
    }
    masks = _masks(segmenter, frames, _inside(clicks, record['w'], record['h']))
    of_objects = []
    for number, (name, path) in enumerate(paths.items()):
        of_frames: list[dict[str, Any] | None] = [None] * len(path)
        for k, pixel in clicks[number].items():
            of_frames[k] = _check(masks, number, k, pixel).rle()
        of_objects.append({'object_id': name, 'masks': of_frames})
    return record | {'masks': of_objects}


def _masks(
    segmenter: PointSegmenter,
    frames: Iterable[Image],
    clicks: Mapping[int, Mapping[int, Pixel]],
) -> dict[int, dict[int, Mask]]:
    """The masks by object and frame, on frames with a click."""
    masks: dict[int, dict[int, Mask]] = {number: {} for number in clicks}
    if not clicks:
        return masks
    for index, of_objects in enumerate(segmenter.track_points(frames, clicks)):
        for number, mask in of_objects.items():
            if index in clicks[number]:
                masks[number][index] = mask
    return masks


def _check(masks: Mapping[int, Mapping[int, Mask]], number: int, frame: int, pixel: Pixel) -> Mask:
    """The mask of an object on a frame. Raises BadArgument if it does not hold the point."""
    mask = masks[number].get(frame)
    x, y = pixel
    place = f'{x:g} {y:g}'
    if mask is None:
        raise BadArgument('point', place, f'SAM 2 finds nothing there on frame {frame}')
    column, row = min(math.floor(x), mask.width - 1), min(math.floor(y), mask.height - 1)
    if not mask.contains(column, row):
        raise BadArgument('point', place, f"is not in SAM 2's mask of it on frame {frame}")
    return mask


def _inside(
    clicks: Mapping[int, Mapping[int, Pixel]], width: int, height: int
) -> dict[int, dict[int, Pixel]]:
    """The clicks, with those on the right or lower edge on the last column or row."""
    return {
        number: {k: (min(x, width - 1), min(y, height - 1)) for k, (x, y) in placed.items()}
        for number, placed in clicks.items()
        if placed
    }
