# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores an answer's text against an example.

Times in the text are seconds, and coordinates are shares of the image, whose size the example
holds. Scoring therefore needs no video.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from molmo_ground_ros.benchmarks.datasets.examples import (
    CountTruth,
    Example,
    ImageTruth,
    PointTruth,
    TrackTruth,
)
from molmo_ground_ros.benchmarks.metrics.counting import count_score, stated_count
from molmo_ground_ros.benchmarks.metrics.pointing import (
    image_point_score,
    point_score,
    pointbench_hit,
)
from molmo_ground_ros.benchmarks.metrics.tracking import sampled_frames, track_score
from molmo_ground_ros.benchmarks.scoring.answer_points import (
    AnswerPoint,
    answer_points,
    parity_points,
)
from molmo_ground_ros.benchmarks.scoring.predictions import (
    AnswerState,
    ExampleResult,
    MaskPrediction,
    NoPrediction,
    Prediction,
)
from molmo_ground_ros.benchmarks.scoring.ready_masks import ready_mask_result
from molmo_ground_ros.errors import BadArgument, BadMask
from molmo_ground_ros.language.grammar import MOLMO2, format_of

# Formats with points and without masks. The number of points is scored.
COUNTED = ('videopoint', 'academic-points')
POINTBENCH = 'pointbench'
# The only metric of which less is better.
PARSE_FAILURES = 'parse_failures'


@dataclass(frozen=True, slots=True)
class Rules:
    """How answers are read and scored."""

    parity: bool = False  # as the reference does, with its mistakes
    counted: bool = False  # the number of points is scored, because the data has no masks
    pointbench: bool = False  # in an image, every point must lie in the mask
    answer_format: str = MOLMO2.name  # of the answers


def rules_of(data: str, parity: bool = False, answer_format: str = MOLMO2.name) -> Rules:
    """The rules of a data set's format, one of datasets.FORMATS. Raises BadSetting."""
    return Rules(parity, data in COUNTED, data == POINTBENCH, format_of(answer_format).name)


def example_result(
    example: Example, prediction: Prediction | MaskPrediction | NoPrediction, rules: Rules
) -> ExampleResult:
    """The result of one example with one model.

    An unanswered example is wrong: it scores 0 in every metric and 1 in `parse_failures`. An
    example whose truth lacks what the rules need has no scores, and `why` says so.
    """
    if isinstance(prediction, MaskPrediction):
        return ready_mask_result(example, prediction.folder)
    text, cut, state, why = '', False, AnswerState.ANSWERED, ''
    scores: dict[str, float] = {}
    if isinstance(prediction, NoPrediction):
        state, why = prediction.state, prediction.why
        if state is AnswerState.UNANSWERED:
            scores = unanswered_scores(example, rules)
    else:
        text, cut = prediction.text, prediction.truncated
        try:
            scores = score(example, text, rules)
        except (BadArgument, BadMask) as err:
            why = f'cannot be scored: {err}'
    true = true_count(example) if PARSE_FAILURES in scores else None
    return ExampleResult(example.id, example.category, state, scores, text, cut, why, true)


def true_count(example: Example) -> int | None:
    """The true count of an example; None if the data does not state it."""
    truth = example.truth
    return truth.count if isinstance(truth, CountTruth | PointTruth) else None


def score(example: Example, text: str, rules: Rules) -> dict[str, float]:
    """The scores of an answer by metric. Undefined metrics are left out.

    Raises BadArgument if the truth lacks what the rules need, and as masks do if one is damaged.
    """
    match example.truth:
        case CountTruth(count):
            values = count_score(count, count_of(example, text, rules)).metrics()
        case PointTruth():
            values = _points(example, example.truth, text, rules)
        case ImageTruth():
            values = _image(example, example.truth, text, rules)
        case TrackTruth():
            values = _tracks(example, example.truth, text, rules)
    return {name: value for name, value in values.items() if not math.isnan(value)}


def unanswered_scores(example: Example, rules: Rules) -> dict[str, float]:
    """The scores of a missing answer, in the metrics that an answer would have."""
    try:
        names = score(example, '', rules)
    except (BadArgument, BadMask):
        return {}
    return {name: float(name == PARSE_FAILURES) for name in names}


def points_of(example: Example, text: str, rules: Rules) -> list[AnswerPoint]:
    """The points of an answer under the rules. The reference only reads Molmo2's own format."""
    if rules.parity and rules.answer_format == MOLMO2.name:
        return parity_points(text)
    return answer_points(format_of(rules.answer_format).parse(text, task=example.task))


def count_of(example: Example, text: str, rules: Rules) -> int | None:
    """The count that an answer states; None if it states none."""
    if rules.answer_format == MOLMO2.name:
        return stated_count(text, rules.parity)
    parsed = format_of(rules.answer_format).parse(text, task=example.task)
    return parsed.total


def evaluated_frames(truth: TrackTruth) -> tuple[int, ...]:
    """The frames on which tracks are scored: at the query's rate, or all of a slower clip."""
    return sampled_frames(truth.frames, truth.fps, min(truth.query_fps, truth.fps))


def _points(example: Example, truth: PointTruth, text: str, rules: Rules) -> dict[str, float]:
    if rules.counted and truth.count is not None:
        return count_score(truth.count, count_of(example, text, rules)).metrics()
    predicted = [
        (point.time_s, *_pixel(example, point)) for point in points_of(example, text, rules)
    ]
    return point_score(
        predicted,
        [tubelet.masks for tubelet in truth.objects],
        [tubelet.points[0] for tubelet in truth.objects if tubelet.points],
        example.duration_s,
        example.width,
        example.height,
        rules.parity,
    ).metrics()


def _image(example: Example, truth: ImageTruth, text: str, rules: Rules) -> dict[str, float]:
    predicted = [_pixel(example, point) for point in points_of(example, text, rules)]
    if rules.pointbench:
        size = example.width, example.height
        return {
            'accuracy': float(all(pointbench_hit(predicted, mask, *size) for mask in truth.masks))
        }
    return image_point_score(predicted, truth.masks, (), rules.parity).metrics()


def _tracks(example: Example, truth: TrackTruth, text: str, rules: Rules) -> dict[str, float]:
    frames = evaluated_frames(truth)
    masks = [tracked.masks for tracked in truth.objects]
    points = [
        {k: tracked.points[k] for k in frames if k in tracked.points} for tracked in truth.objects
    ]
    # Parity refuses objects with masks and without points. An object that is only visible on other
    # frames must not count as one.
    if rules.parity:
        masks = [
            {k: tracked.masks[k] for k in frames if k in tracked.masks} for tracked in truth.objects
        ]
    predicted = [
        (point.time_s, point.id, *_pixel(example, point))
        for point in points_of(example, text, rules)
    ]
    return track_score(predicted, masks, points, truth.fps, frames, rules.parity).metrics()


def _pixel(example: Example, point: AnswerPoint) -> tuple[float, float]:
    return point.x * example.width, point.y * example.height
