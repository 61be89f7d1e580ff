# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The same questions about the same clips to several backends, and what differs between them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from molmo_ground_ros.backends import load
from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Answer, Clip, Point, Query
from tools.tabletop.evaluate import Question, Results, clip_of, draw_questions, judge
from tools.tabletop.footage import Footage, film
from tools.tabletop.render import Stage


@dataclass(frozen=True, slots=True)
class Asked:
    """One filmed clip and its questions."""

    footage: Footage
    clip: Clip
    questions: Sequence[Question]


@dataclass(frozen=True, slots=True)
class Scores:
    """A backend's scores against the truth."""

    point_f1: float
    count_exact: float
    grasp_f1: float
    track_f1: float


def film_clips(seed: int, count: int) -> list[Asked]:
    """The first clips of the evaluation, each with its four questions. Raises RendererMissingError.

    seed: of `make tabletop-eval`.
    """
    stage = Stage()
    films = [film(seed, number, stage) for number in range(count)]
    stage.close()
    return [
        Asked(
            footage,
            clip_of(footage),
            draw_questions(footage, np.random.default_rng((seed, number, 4))),
        )
        for number, footage in enumerate(films)
    ]


def answers(backend: str, settings: BackendSettings, clips: Sequence[Asked]) -> list[Answer]:
    """Every answer of a backend, clip by clip."""
    opened = load(backend, settings)
    given = [answer for asked in clips for answer in _of_clip(Grounder(opened), asked)]
    opened.close()
    return given


def answers_at_once(
    settings: BackendSettings, clips: Sequence[Asked], requests: int
) -> list[Answer]:
    """Every answer of a server that is asked so many questions at a time."""

    def of_clip(asked: Asked) -> list[Answer]:
        return answers('server', settings, [asked])

    with ThreadPoolExecutor(requests) as pool:
        return [answer for given in pool.map(of_clip, clips) for answer in given]


def _of_clip(grounder: Grounder, asked: Asked) -> list[Answer]:
    return [grounder.ground(asked.clip, Query(question.text)) for question in asked.questions]


def scores(clips: Sequence[Asked], given: Sequence[Answer]) -> Scores:
    """The scores of answers, as `make tabletop-eval` counts them."""
    total = Results()
    pairs = [(asked.footage, question) for asked in clips for question in asked.questions]
    for (footage, question), answer in zip(pairs, given, strict=True):
        total += judge(footage, question, answer)
    rights = [right for _, right in total.counts]
    f1 = {kind: tally.f1 for kind, tally in total.tallies.items()}
    return Scores(f1['point'], sum(rights) / len(rights), f1['event'], f1['track'])


def equal_texts(ours: Sequence[Answer], theirs: Sequence[Answer]) -> int:
    """How many answers have the same text."""
    return sum(own.text == other.text for own, other in zip(ours, theirs, strict=True))


def largest_score_difference(ours: Sequence[Answer], theirs: Sequence[Answer]) -> float:
    """The largest difference of a point's score, over answers of the same text.

    Infinite where only one of two points has a score, and where there is nothing to compare.
    """
    differences = [
        _apart(own.score, other.score)
        for own_answer, other_answer in zip(ours, theirs, strict=True)
        if own_answer.text == other_answer.text
        for own, other in zip(_points(own_answer), _points(other_answer), strict=True)
    ]
    return max(differences, default=math.inf)


def _apart(own: float, other: float) -> float:
    if math.isnan(own) and math.isnan(other):
        return 0.0
    return math.inf if math.isnan(own) or math.isnan(other) else abs(own - other)


def _points(answer: Answer) -> Iterator[Point]:
    yield from answer.points
    for track in answer.tracks:
        yield from track.points
