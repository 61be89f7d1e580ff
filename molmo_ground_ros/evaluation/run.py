# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What models said, against a data set: one pass over it for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from molmo_ground_ros.datasets.values import Example
from molmo_ground_ros.errors import BadRecord
from molmo_ground_ros.evaluation.data import Data
from molmo_ground_ros.evaluation.extremes import Extremes
from molmo_ground_ros.evaluation.judge import judge
from molmo_ground_ros.evaluation.predictions import unknown
from molmo_ground_ros.evaluation.result import Result, result_of
from molmo_ground_ros.evaluation.score import Rules
from molmo_ground_ros.evaluation.values import Answers, Outcome

OnBad = Callable[[BadRecord], None]
OnExample = Callable[[int], None]
Segmented = Callable[[Example, Outcome], Outcome]
"""Adds the scores of masks that a segmenter makes of an outcome's points."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was found."""

    results: tuple[Result, ...]  # one a model
    extremes: tuple[Extremes, ...]  # of each
    skipped: tuple[BadRecord, ...]  # records of the data that cannot be used


def evaluate(
    data: Data,
    models: Sequence[Answers],
    rules: Rules,
    processes: int = 1,
    on_bad: OnBad = lambda _: None,
    on_example: OnExample = lambda _: None,
    segmented: Segmented | None = None,
) -> Evaluation:
    """Score all models, in the order of the data.

    on_bad is called with every record and row that cannot be used, and may raise it; on_example
    with how many examples are done. A prediction for an example that there is not is only known
    where all of the data is read. Raises as `datasets.read` does, OSError.
    """
    skipped: list[BadRecord] = []

    def skip(bad: BadRecord) -> None:
        skipped.append(bad)
        on_bad(bad)

    outcomes: list[list[Outcome]] = [[] for _ in models]
    extremes = tuple(Extremes() for _ in models)
    done = 0
    for done, (example, found) in enumerate(
        judge(data.examples(skip), models, rules, processes), start=1
    ):
        for place, one in enumerate(found):
            judged = segmented(example, one) if segmented else one
            outcomes[place].append(judged)
            extremes[place].add(example, judged)
        on_example(done)
    results = []
    for model, found in zip(models, outcomes, strict=True):
        strangers = [] if data.limit else unknown(model, {one.id for one in found})
        for bad in strangers:
            on_bad(bad)
        results.append(result_of(model, found, [*model.bad, *strangers]))
    return Evaluation(tuple(results), extremes, tuple(skipped))


def not_asked(name: str) -> Answers:
    """A model that was not reached: the run was interrupted before."""
    return replace(Answers(name, {}), complete=False)
