# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores tracks of points with J&F: a segmenter makes masks of the points, as in the paper.

The paper gives Molmo2's points to SAM 2, whose masks are scored at the video's own rate (arXiv
2601.10611v4, section C). The code for it is not published, so the docstrings here say what we do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.datasets.examples import Example, Pixel, TrackTruth
from molmo_ground_ros.benchmarks.metrics.regions import union_j_and_f
from molmo_ground_ros.benchmarks.scoring.answer_points import AnswerPoint
from molmo_ground_ros.benchmarks.scoring.compared_frames import compared_frames
from molmo_ground_ros.benchmarks.scoring.predictions import AnswerState, ExampleResult
from molmo_ground_ros.benchmarks.scoring.score import Rules, points_of
from molmo_ground_ros.errors import GroundError
from molmo_ground_ros.frames.masks import Mask

Image = NDArray[np.uint8]  # (H, W, 3) RGB
FramesOf = Callable[[Example], Iterable[Image]]
"""Every frame of an example's clip, from 0. Raises GroundError or OSError."""


class PointSegmenter(Protocol):
    """A segmenter that follows points through a video; `backends.sam2.Segmenter` is one."""

    def track_points(
        self, frames: Iterable[Image], points: Mapping[int, Mapping[int, Pixel]]
    ) -> Iterator[dict[int, Mask]]:
        """The masks of each frame by object. points: by object and frame."""
        ...


def with_mask_scores(
    example: Example,
    outcome: ExampleResult,
    segmenter: PointSegmenter,
    frames: FramesOf,
    rules: Rules,
) -> ExampleResult:
    """The outcome with `j`, `f` and `j_and_f` added, if the truth is tracks with masks.

    All objects of a frame form one region, as in the scoring of MeViS and Ref-YouTube-VOS. A
    missing answer scores 0. If the video cannot be read the three scores are left out, and `why`
    says so.
    """
    truth = example.truth
    if not isinstance(truth, TrackTruth) or not any(tracked.masks for tracked in truth.objects):
        return outcome
    if outcome.state is AnswerState.UNANSWERED:
        return replace(outcome, scores={**outcome.scores, 'j': 0.0, 'f': 0.0, 'j_and_f': 0.0})
    if outcome.state is not AnswerState.ANSWERED:
        return outcome
    points = clicks(example, points_of(example, outcome.text, rules))
    try:
        masks = _masks(segmenter, _fitted(example, frames(example)), points) if points else {}
    except (GroundError, OSError) as err:
        return replace(outcome, why=f'no masks could be made: {err}')
    j_and_f = union_j_and_f(
        list(masks.values()),
        [tracked.masks for tracked in truth.objects],
        compared_frames(truth),
        example.height,
        example.width,
    )
    return replace(outcome, scores={**outcome.scores, **j_and_f.metrics()})


def clicks(example: Example, points: Sequence[AnswerPoint]) -> dict[int, dict[int, Pixel]]:
    """The points of an answer in pixels, by object and frame round(t fps).

    Of several points of one object on one frame the first is used. A point after the last frame is
    left out. A point on the right or lower edge is moved to the last column or row.
    """
    truth = example.truth
    by_object: dict[int, dict[int, Pixel]] = {}
    if not isinstance(truth, TrackTruth):
        return by_object
    for point in points:
        frame = round(point.time_s * truth.fps)
        if 0 <= frame < truth.frames:
            x = min(point.x * example.width, example.width - 1)
            y = min(point.y * example.height, example.height - 1)
            by_object.setdefault(point.id, {}).setdefault(frame, (x, y))
    return by_object


def _fitted(example: Example, frames: Iterable[Image]) -> Iterator[Image]:
    """The images, resized to the size in the data: a video that was encoded again may differ."""
    size = example.width, example.height
    for image in frames:
        fitted = cv2.resize(image, size) if image.shape[1::-1] != size else image
        yield np.asarray(fitted, np.uint8)


def _masks(
    segmenter: PointSegmenter,
    frames: Iterable[Image],
    points: Mapping[int, Mapping[int, Pixel]],
) -> dict[int, dict[int, Mask]]:
    """The masks by object and frame."""
    by_object: dict[int, dict[int, Mask]] = {}
    for frame, masks in enumerate(segmenter.track_points(frames, points)):
        for number, mask in masks.items():
            by_object.setdefault(number, {})[frame] = mask
    return by_object
