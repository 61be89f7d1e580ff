# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""J&F of answers that are tracks of points: a segmenter makes masks of them, as the paper does.

Molmo2's points go to SAM 2 and its masks are scored at the video's own rate (arXiv 2601.10611v4,
section C). No code of that is published: what is done here is said in the functions.
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
from molmo_ground_ros.benchmarks.scoring.predictions import AnswerState, ExampleResult
from molmo_ground_ros.benchmarks.scoring.score import Rules, points_of
from molmo_ground_ros.errors import GroundError
from molmo_ground_ros.frames.masks import Mask

Picture = NDArray[np.uint8]  # (H, W, 3) RGB
FramesOf = Callable[[Example], Iterable[Picture]]
"""Every frame of an example's clip, from 0. Raises GroundError or OSError."""


class PointSegmenter(Protocol):
    """What makes masks of points; `backends.sam2.Segmenter` does."""

    def track_points(
        self, frames: Iterable[Picture], points: Mapping[int, Mapping[int, Pixel]]
    ) -> Iterator[dict[int, Mask]]:
        """The masks of each frame, by object; points: by object and frame."""
        ...


def with_mask_scores(
    example: Example,
    outcome: ExampleResult,
    segmenter: PointSegmenter,
    frames: FramesOf,
    rules: Rules,
) -> ExampleResult:
    """The outcome with `j`, `f` and `j_and_f`, where the truth is tracks with masks.

    All objects of a frame are one region, as what an expression means is scored in MeViS and
    Ref-YouTube-VOS. No answer scores 0. Where the video cannot be read these three are left out,
    and `why` says so.
    """
    truth = example.truth
    if not isinstance(truth, TrackTruth) or not any(one.masks for one in truth.objects):
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
    found = union_j_and_f(
        list(masks.values()),
        [one.masks for one in truth.objects],
        compared_frames(truth),
        example.height,
        example.width,
    )
    return replace(outcome, scores={**outcome.scores, **found.metrics()})


def clicks(example: Example, said: Sequence[AnswerPoint]) -> dict[int, dict[int, Pixel]]:
    """Where an answer points, in pixels by object and frame round(t fps); the first said stays.

    A point past the last frame is left out; one on the right or lower edge is moved onto the
    picture.
    """
    truth = example.truth
    found: dict[int, dict[int, Pixel]] = {}
    if not isinstance(truth, TrackTruth):
        return found
    for spot in said:
        frame = round(spot.time_s * truth.fps)
        if 0 <= frame < truth.frames:
            x = min(spot.x * example.width, example.width - 1)
            y = min(spot.y * example.height, example.height - 1)
            found.setdefault(spot.id, {}).setdefault(frame, (x, y))
    return found


def compared_frames(truth: TrackTruth) -> range:
    """The frames that have true masks, or would if an object were seen: evenly spaced.

    Some data has a mask for every fifth frame only: the least distance between two frames with
    masks is taken for all.
    """
    masked = np.array(sorted({frame for one in truth.objects for frame in one.masks}))
    step = int(np.diff(masked).min()) if len(masked) > 1 else 1
    return range(int(masked[0]) % step, truth.frames, step)


def _fitted(example: Example, frames: Iterable[Picture]) -> Iterator[Picture]:
    """The pictures in the size of the data, which a video that was coded anew may not have."""
    size = example.width, example.height
    for picture in frames:
        fitted = cv2.resize(picture, size) if picture.shape[1::-1] != size else picture
        yield np.asarray(fitted, np.uint8)


def _masks(
    segmenter: PointSegmenter,
    frames: Iterable[Picture],
    points: Mapping[int, Mapping[int, Pixel]],
) -> dict[int, dict[int, Mask]]:
    """By object and frame."""
    found: dict[int, dict[int, Mask]] = {}
    for frame, masks in enumerate(segmenter.track_points(frames, points)):
        for number, mask in masks.items():
            found.setdefault(number, {})[frame] = mask
    return found
