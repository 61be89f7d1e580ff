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
from tools.tabletop.evaluate import clip_of, judge, questions_of
from tools.tabletop.footage import Footage, camera_stage, film
from tools.tabletop.questions.clip import Clip as Scene
from tools.tabletop.questions.draw import Asked as Question
from tools.tabletop.scoring import Sums, Tally

SECONDS = 8.0, 24.0  # of a clip


@dataclass(frozen=True, slots=True)
class Asked:
    """One filmed clip and its questions."""

    footage: Footage
    scene: Scene
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
    """Short clips of the evaluation, each with its questions. Raises RendererMissingError.

    seed: of `tools.tabletop.evaluate`.
    """
    stage = camera_stage()
    clips = []
    for number in range(count):
        footage = film(seed, number, stage, SECONDS)
        scene = Scene(footage.truth, np.arange(len(footage.jpegs)))
        questions = questions_of(scene, np.random.default_rng((seed, number, 4)))
        clips.append(Asked(footage, scene, clip_of(footage), questions))
    stage.close()
    return clips


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
    return [grounder.ground(asked.clip, Query(question.question)) for question in asked.questions]


def scores(clips: Sequence[Asked], given: Sequence[Answer]) -> Scores:
    """The scores of answers, as `tools.tabletop.evaluate` counts them."""
    sums = Sums()
    pairs = [(asked, question) for asked in clips for question in asked.questions]
    for (asked, question), answer in zip(pairs, given, strict=True):
        sums += judge(asked.footage, asked.scene, question, answer)
    tracks = sums.tallies.get('track one', Tally()) + sums.tallies.get('track several', Tally())
    return Scores(
        sums.f1('point'), sums.mean('count'), sums.f1('action_or_event'), round(tracks.f1, 4)
    )


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
