# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An example and an answer's text to scores.

In the text times are seconds and places are shares of the picture, whose size the example tells: no
video is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from molmo_ground_ros.datasets.values import (
    CountTruth,
    Example,
    ImageTruth,
    PointTruth,
    TrackTruth,
)
from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.evaluation.reading import Spot, parity_spots, spots
from molmo_ground_ros.evaluation.values import Outcome, Said, Silence, State
from molmo_ground_ros.grammar import MOLMO2, format_of
from molmo_ground_ros.metrics.counting import count_score, predicted_count
from molmo_ground_ros.metrics.pointing import image_point_score, point_score, pointbench_hit
from molmo_ground_ros.metrics.tracking import sampled_frames, track_score

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


def outcome(example: Example, heard: Said | Silence, rules: Rules) -> Outcome:
    """What became of one example with one model.

    What is unanswered is wrong: 0 in every metric, 1 in `parse_failures`. An example whose truth
    cannot be scored under the rules has no scores, and `why`.
    """
    text, cut, state, why = '', False, State.ANSWERED, ''
    scores: dict[str, float] = {}
    if isinstance(heard, Silence):
        state, why = heard.state, heard.why
        if state is State.UNANSWERED:
            scores = wrong(example, rules)
    else:
        text, cut = heard.text, heard.truncated
        try:
            scores = score(example, text, rules)
        except BadSetting as err:
            why = f'cannot be scored: {err}'
    counted = true_count(example) if PARSE_FAILURES in scores else None
    return Outcome(example.id, example.category, state, scores, text, cut, why, counted)


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
            found = count_score(count, said_count(example, text, rules)).metrics()
        case PointTruth():
            found = _points(example, example.truth, text, rules)
        case ImageTruth():
            found = _image(example, example.truth, text, rules)
        case TrackTruth():
            found = _tracks(example, example.truth, text, rules)
    return {name: value for name, value in found.items() if not math.isnan(value)}


def wrong(example: Example, rules: Rules) -> dict[str, float]:
    """The scores of no answer at all, in the metrics that an answer would have."""
    try:
        names = score(example, '', rules)
    except BadSetting:
        return {}
    return {name: float(name == PARSE_FAILURES) for name in names}


def said_spots(example: Example, text: str, rules: Rules) -> list[Spot]:
    """Where an answer points, under the rules; the reference reads Molmo2's format only."""
    if rules.parity and rules.answer_format == MOLMO2.name:
        return parity_spots(text)
    return spots(format_of(rules.answer_format).parse(text, task=example.task))


def said_count(example: Example, text: str, rules: Rules) -> int | None:
    """How many an answer says there are; None if it does not say."""
    if rules.answer_format == MOLMO2.name:
        return predicted_count(text, rules.parity)
    parsed = format_of(rules.answer_format).parse(text, task=example.task)
    return 0 if parsed.count is None and parsed.none else parsed.count


def evaluated_frames(truth: TrackTruth) -> tuple[int, ...]:
    """The frames of a clip that tracks are judged on: those asked for, all of a slower clip."""
    return sampled_frames(truth.frames, truth.fps, min(truth.asked_fps, truth.fps))


def _points(example: Example, truth: PointTruth, text: str, rules: Rules) -> dict[str, float]:
    if rules.counted and truth.count is not None:
        return count_score(truth.count, said_count(example, text, rules)).metrics()
    said = [(s.time_s, *_pixel(example, s)) for s in said_spots(example, text, rules)]
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
    said = [_pixel(example, spot) for spot in said_spots(example, text, rules)]
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
    said = [(s.time_s, s.id, *_pixel(example, s)) for s in said_spots(example, text, rules)]
    return track_score(said, masks, points, truth.fps, frames, rules.parity).metrics()


def _pixel(example: Example, spot: Spot) -> tuple[float, float]:
    return spot.x * example.width, spot.y * example.height
