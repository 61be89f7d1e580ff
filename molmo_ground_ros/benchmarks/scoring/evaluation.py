# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What models said, against a data set: one pass over it for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from molmo_ground_ros.benchmarks.datasets.examples import Example
from molmo_ground_ros.benchmarks.scoring.evaluation_data import EvaluationData
from molmo_ground_ros.benchmarks.scoring.parallel_scoring import score_all
from molmo_ground_ros.benchmarks.scoring.prediction_files import without_example
from molmo_ground_ros.benchmarks.scoring.predictions import ExampleResult, Predictions
from molmo_ground_ros.benchmarks.scoring.result import Result, result_of
from molmo_ground_ros.benchmarks.scoring.score import Rules
from molmo_ground_ros.benchmarks.scoring.worst_and_best import WorstAndBest
from molmo_ground_ros.errors import BadRecord

OnBad = Callable[[BadRecord], None]
OnExample = Callable[[int], None]
AddMaskScores = Callable[[Example, ExampleResult], ExampleResult]
"""Adds the scores of masks that a segmenter makes of an outcome's points."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was found."""

    results: tuple[Result, ...]  # one a model
    extremes: tuple[WorstAndBest, ...]  # of each
    skipped: tuple[BadRecord, ...]  # records of the data that cannot be used


def evaluate(
    data: EvaluationData,
    models: Sequence[Predictions],
    rules: Rules,
    processes: int = 1,
    on_bad: OnBad = lambda _: None,
    on_example: OnExample = lambda _: None,
    segmented: AddMaskScores | None = None,
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

    outcomes: list[list[ExampleResult]] = [[] for _ in models]
    extremes = tuple(WorstAndBest() for _ in models)
    done = 0
    for done, (example, found) in enumerate(
        score_all(data.examples(skip), models, rules, processes), start=1
    ):
        for place, one in enumerate(found):
            judged = segmented(example, one) if segmented else one
            outcomes[place].append(judged)
            extremes[place].add(example, judged)
        on_example(done)
    results = []
    for model, found in zip(models, outcomes, strict=True):
        strangers = [] if data.limit else without_example(model, {one.id for one in found})
        for bad in strangers:
            on_bad(bad)
        results.append(result_of(model, found, [*model.bad, *strangers]))
    return Evaluation(tuple(results), extremes, tuple(skipped))


def unreached(name: str) -> Predictions:
    """A model that was not reached: the run was interrupted before."""
    return replace(Predictions(name, {}), complete=False)
