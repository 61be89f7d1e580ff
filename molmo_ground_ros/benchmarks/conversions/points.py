# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns masks into pointing questions: records of Molmo2-VideoPoint.

The article's conversion: the time at which an object first appears, and a point drawn from a
Gaussian around the centre of its mask at that time.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np

from molmo_ground_ros.benchmarks.conversions.expressions import bad_video, tracks_of
from molmo_ground_ros.benchmarks.conversions.mask_points import random_point
from molmo_ground_ros.benchmarks.datasets import queries
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, Expression, MaskTrack
from molmo_ground_ros.benchmarks.feedback.training_data import OWN
from molmo_ground_ros.frames.windows import MAX_WINDOW_S, SAMPLE_PERIOD_S

Record = dict[str, Any]

# The reference gives all academic points this category (academic_video_datasets.py:1504).
CATEGORY = 'object'
_DECIMALS = 4  # of a percentage
_PERCENT = 100.0
# Frames: the rounding error of k / fps * fps is smaller.
_SLACK = 1e-6


def first_appearance(track: MaskTrack, fps: float, frames: int) -> tuple[float, int] | None:
    """(seconds, frame) at which an object is first visible on the 0.5 s grid; None if it never is.

    At time t the last frame not after t is visible, as in the reference's decoder (molmo2 f3cb108,
    olmo/data/video_loader.py:424). The reference annotates academic points on videos of 2 fps, and
    its loader refuses a time off the grid (academic_video_datasets.py:1343-1350, 1483). An object
    that appears between two grid times is therefore pointed to at the later one, if it is still
    visible. An object that is visible at no grid time is not pointed to.
    fps, frames: of the video.
    """
    for frame, mask in sorted(track.masks.items()):
        steps = math.ceil(frame / fps / SAMPLE_PERIOD_S - _SLACK)
        visible = math.floor(steps * SAMPLE_PERIOD_S * fps + _SLACK)
        if visible == frame < frames and mask.area:
            return steps * SAMPLE_PERIOD_S, frame
    return None


def pointing_record(annotated: AnnotatedVideo, expression: Expression, seed: int = 0) -> Record:
    """A record of Molmo2-VideoPoint, with the additional columns `width` and `height`.

    It has one point for each object, at its first appearance. An object that no grid time shows is
    left out, and `count` counts the others. Points are {x, y} in percent of the image and lie in
    the masks. The same seed gives the same points, whatever was converted before. The question is
    the one that the reference's evaluation asks; for pointing its loader writes its own
    (molmo2_datasets.py:1008).

    A video over 63 s gets a clip of 63 s, drawn among those on the grid that show all the points
    (like sample_random_clip, molmo2_datasets.py:80-160, but always of the full length). Raises
    BadRecord if there is no such clip, if the expression refers to an object that is missing or has
    no masks, and if none of its objects is visible at a grid time.
    """
    points = _first_points(annotated, expression, seed)
    times = sorted({t for t, *_ in points})
    frames = sorted({frame for _, frame, *_ in points})
    start, end = _clip(annotated, expression, times, seed)
    # In small letters, as in academic_video_datasets.py:1431.
    label = expression.text.strip().lower()
    return {
        'video_id': annotated.media.name,
        'video_source': annotated.media.source or OWN,
        'video_duration': annotated.frames / annotated.fps,
        'category': CATEGORY,
        'label': label,
        'question': queries.count(label),
        'count': len(points),
        'points': [[{'x': x, 'y': y} for at, _, x, y in points if at == t] for t in times],
        'two_fps_timestamps': times,
        'raw_timestamps': [frame / annotated.fps for frame in frames],
        'raw_frames': frames,
        'clip_start': start,
        'clip_end': end,
        'annotator_unsure': False,
        'width': annotated.width,
        'height': annotated.height,
    }


def _first_points(
    annotated: AnnotatedVideo, expression: Expression, seed: int
) -> list[tuple[float, int, float, float]]:
    """(seconds, frame, x, y in percent) of each object's first appearance, sorted.

    Raises BadRecord if the expression refers to objects and none is visible.
    """
    points = []
    for track in tracks_of(annotated, expression):
        first = first_appearance(track, annotated.fps, annotated.frames)
        if first is not None:
            t, frame = first
            rng = _rng(seed, annotated, expression.text, track.id)
            x, y = random_point(track.masks[frame].array(), rng)
            points.append((t, frame, _percent(x, annotated.width), _percent(y, annotated.height)))
    if expression.ids and not points:
        why = f'no object is shown on the {SAMPLE_PERIOD_S} s grid'
        raise bad_video(annotated, f'{expression.text!r}: {why}')
    return sorted(points)


def _clip(
    annotated: AnnotatedVideo, expression: Expression, times: list[float], seed: int
) -> tuple[float, float]:
    """Start and end of the clip that the question is about, seconds."""
    duration = annotated.frames / annotated.fps
    if duration <= MAX_WINDOW_S:
        return 0.0, duration
    first, last = (times[0], times[-1]) if times else (duration, 0.0)
    earliest = math.ceil(max(last - MAX_WINDOW_S, 0.0) / SAMPLE_PERIOD_S)
    latest = math.floor(min(first, duration - MAX_WINDOW_S) / SAMPLE_PERIOD_S)
    if earliest > latest:
        why = f'{expression.text!r}: its points are {last - first} s apart, over {MAX_WINDOW_S} s'
        raise bad_video(annotated, why)
    drawn = int(_rng(seed, annotated, expression.text, -1).integers(earliest, latest + 1))
    return drawn * SAMPLE_PERIOD_S, drawn * SAMPLE_PERIOD_S + MAX_WINDOW_S


def _rng(seed: int, annotated: AnnotatedVideo, text: str, number: int) -> np.random.Generator:
    """A generator for one object and expression, the same in every order of conversion."""
    words = f'{annotated.name}\n{text}\n{number}'.encode('utf-8', 'surrogatepass')
    return np.random.default_rng([seed, zlib.crc32(words)])


def _percent(value: float, extent: int) -> float:
    return round(_PERCENT * value / extent, _DECIMALS)
