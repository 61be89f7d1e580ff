# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Masks to pointing questions: records of Molmo2-VideoPoint.

The article's conversion: the time at which an object first appears, and a point drawn by a Gaussian
around the centre of its mask there.
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

CATEGORY = 'object'  # of all academic points (ibid. academic_video_datasets.py:1504)
_DECIMALS = 4  # of a percentage
_PERCENT = 100.0
_SLACK = 1e-6  # frames; of k / fps * fps


def first_appearance(track: MaskTrack, fps: float, frames: int) -> tuple[float, int] | None:
    """(seconds, frame) at which an object is first seen on the 0.5 s grid; None: never.

    At t the frame is shown whose time is the last not after t, as the reference's decoder has it
    (molmo2 f3cb108, olmo/data/video_loader.py:424). Its academic points are told on videos of 2
    fps, and its loader stops at a time off the grid (academic_video_datasets.py:1343-1350, 1483):
    an object that appears between two grid times is so pointed to at the later one, if it is still
    there, and one that is never there at a grid time is not pointed to.
    """
    for frame, mask in sorted(track.masks.items()):
        steps = math.ceil(frame / fps / SAMPLE_PERIOD_S - _SLACK)
        shown = math.floor(steps * SAMPLE_PERIOD_S * fps + _SLACK)
        if shown == frame < frames and mask.area:
            return steps * SAMPLE_PERIOD_S, frame
    return None


def pointing_record(annotated: AnnotatedVideo, expression: Expression, seed: int = 0) -> Record:
    """A record of Molmo2-VideoPoint, with the columns `width` and `height` besides.

    One point an object, at its first appearance; an object that no grid time shows is left out, and
    `count` is of those pointed to. Points are {x, y} in 0..100 and lie in the masks. The same seed
    gives the same points, whatever was converted before. The question is the one that the
    reference's evaluation asks; for pointing its loader words another (molmo2_datasets.py:1008).

    A video over 63 s gets a clip of 63 s, drawn among those on the grid that show all the points
    (as sample_random_clip does, molmo2_datasets.py:80-160, but always of the full length). Raises
    BadRecord where there is none, where the expression means an object that is not there or has no
    masks, and where no object of it is shown at a grid time.
    """
    found: list[tuple[float, int, float, float]] = []
    for track in tracks_of(annotated, expression):
        seen = first_appearance(track, annotated.fps, annotated.frames)
        if seen is not None:
            t, frame = seen
            x, y = random_point(
                track.masks[frame].array(), _rng(seed, annotated, expression.text, track.id)
            )
            found.append((t, frame, _share(x, annotated.width), _share(y, annotated.height)))
    if expression.ids and not found:
        why = f'no object is shown on the {SAMPLE_PERIOD_S} s grid'
        raise bad_video(annotated, f'{expression.text!r}: {why}')
    found.sort()
    times = sorted({t for t, *_ in found})
    frames = sorted({frame for _, frame, *_ in found})
    start, end = _clip(annotated, expression, times, seed)
    label = expression.text.strip().lower()  # as academic_video_datasets.py:1431
    return {
        'video_id': annotated.media.name,
        'video_source': annotated.media.source or OWN,
        'video_duration': annotated.frames / annotated.fps,
        'category': CATEGORY,
        'label': label,
        'question': queries.count(label),
        'count': len(found),
        'points': [[{'x': x, 'y': y} for at, _, x, y in found if at == t] for t in times],
        'two_fps_timestamps': times,
        'raw_timestamps': [frame / annotated.fps for frame in frames],
        'raw_frames': frames,
        'clip_start': start,
        'clip_end': end,
        'annotator_unsure': False,
        'width': annotated.width,
        'height': annotated.height,
    }


def _clip(
    annotated: AnnotatedVideo, expression: Expression, times: list[float], seed: int
) -> tuple[float, float]:
    """Start and end of what is shown, seconds."""
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
    """Draws of one object and expression, the same in every order of conversion."""
    words = f'{annotated.name}\n{text}\n{number}'.encode('utf-8', 'surrogatepass')
    return np.random.default_rng([seed, zlib.crc32(words)])


def _share(value: float, extent: int) -> float:
    return round(_PERCENT * value / extent, _DECIMALS)
