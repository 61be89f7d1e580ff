# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An example and an answer's text to scores.

In the text times are seconds and places are shares of the picture, whose size the example tells: no
video is needed.
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
    NoPrediction,
    Prediction,
)
from molmo_ground_ros.errors import BadArgument, BadSetting
from molmo_ground_ros.language.grammar import MOLMO2, format_of

COUNTED = ('videopoint', 'academic-points')  # formats of points without masks
POINTBENCH = 'pointbench'
PARSE_FAILURES = 'parse_failures'  # the one metric of which less is better


@dataclass(frozen=True, slots=True)
class Rules:
    """How answers are read and judged."""

    parity: bool = False  # as the reference does, mistakes included
    counted: bool = False  # the data has points and no masks: their number is scored
    pointbench: bool = False  # of a picture: a point, and every point in the mask
    answer_format: str = MOLMO2.name  # what the answers are written in


def rules_of(data: str, parity: bool = False, answer_format: str = MOLMO2.name) -> Rules:
    """The rules of a data set's format, one of datasets.FORMATS. Raises BadSetting."""
    return Rules(parity, data in COUNTED, data == POINTBENCH, format_of(answer_format).name)


def example_result(
    example: Example, heard: Prediction | NoPrediction, rules: Rules
) -> ExampleResult:
    """What became of one example with one model.

    What is unanswered is wrong: 0 in every metric, 1 in `parse_failures`. An example whose truth
    cannot be scored under the rules has no scores, and `why`.
    """
    text, cut, state, why = '', False, AnswerState.ANSWERED, ''
    scores: dict[str, float] = {}
    if isinstance(heard, NoPrediction):
        state, why = heard.state, heard.why
        if state is AnswerState.UNANSWERED:
            scores = unanswered_scores(example, rules)
    else:
        text, cut = heard.text, heard.truncated
        try:
            scores = score(example, text, rules)
        except (BadArgument, BadSetting) as err:
            why = f'cannot be scored: {err}'
    counted = true_count(example) if PARSE_FAILURES in scores else None
    return ExampleResult(example.id, example.category, state, scores, text, cut, why, counted)


def true_count(example: Example) -> int | None:
    """How many there are, where the data says so."""
    truth = example.truth
    return truth.count if isinstance(truth, CountTruth | PointTruth) else None


def score(example: Example, text: str, rules: Rules) -> dict[str, float]:
    """What an answer is worth, by metric; one that is undefined is left out.

    Raises BadSetting where the truth lacks what the rules need.
    """
    match example.truth:
        case CountTruth(count):
            found = count_score(count, count_of(example, text, rules)).metrics()
        case PointTruth():
            found = _points(example, example.truth, text, rules)
        case ImageTruth():
            found = _image(example, example.truth, text, rules)
        case TrackTruth():
            found = _tracks(example, example.truth, text, rules)
    return {name: value for name, value in found.items() if not math.isnan(value)}


def unanswered_scores(example: Example, rules: Rules) -> dict[str, float]:
    """The scores of no answer at all, in the metrics that an answer would have."""
    try:
        names = score(example, '', rules)
    except (BadArgument, BadSetting):
        return {}
    return {name: float(name == PARSE_FAILURES) for name in names}


def points_of(example: Example, text: str, rules: Rules) -> list[AnswerPoint]:
    """Where an answer points, under the rules; the reference reads Molmo2's format only."""
    if rules.parity and rules.answer_format == MOLMO2.name:
        return parity_points(text)
    return answer_points(format_of(rules.answer_format).parse(text, task=example.task))


def count_of(example: Example, text: str, rules: Rules) -> int | None:
    """How many an answer says there are; None if it does not say."""
    if rules.answer_format == MOLMO2.name:
        return stated_count(text, rules.parity)
    parsed = format_of(rules.answer_format).parse(text, task=example.task)
    return parsed.total


def evaluated_frames(truth: TrackTruth) -> tuple[int, ...]:
    """The frames of a clip that tracks are judged on: those asked for, all of a slower clip."""
    return sampled_frames(truth.frames, truth.fps, min(truth.query_fps, truth.fps))


def _points(example: Example, truth: PointTruth, text: str, rules: Rules) -> dict[str, float]:
    if rules.counted and truth.count is not None:
        return count_score(truth.count, count_of(example, text, rules)).metrics()
    said = [(s.time_s, *_pixel(example, s)) for s in points_of(example, text, rules)]
    return point_score(
        said,
        [one.masks for one in truth.objects],
        [one.points[0] for one in truth.objects if one.points],
        example.duration_s,
        example.width,
        example.height,
        rules.parity,
    ).metrics()


def _image(example: Example, truth: ImageTruth, text: str, rules: Rules) -> dict[str, float]:
    said = [_pixel(example, spot) for spot in points_of(example, text, rules)]
    if rules.pointbench:
        size = example.width, example.height
        return {'accuracy': float(all(pointbench_hit(said, mask, *size) for mask in truth.masks))}
    return image_point_score(said, truth.masks, (), rules.parity).metrics()


def _tracks(example: Example, truth: TrackTruth, text: str, rules: Rules) -> dict[str, float]:
    frames = evaluated_frames(truth)
    masks = [one.masks for one in truth.objects]
    points = [{k: one.points[k] for k in frames if k in one.points} for one in truth.objects]
    if rules.parity:  # who is nowhere to be seen on these frames is no truth that lacks points
        masks = [{k: one.masks[k] for k in frames if k in one.masks} for one in truth.objects]
    said = [(s.time_s, s.id, *_pixel(example, s)) for s in points_of(example, text, rules)]
    return track_score(said, masks, points, truth.fps, frames, rules.parity).metrics()


def _pixel(example: Example, spot: AnswerPoint) -> tuple[float, float]:
    return spot.x * example.width, spot.y * example.height
