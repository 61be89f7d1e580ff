# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores the predictions of all models in one pass over a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from molmo_ground_ros.benchmarks.datasets.examples import Example
from molmo_ground_ros.benchmarks.scoring.evaluation_data import EvaluationData
from molmo_ground_ros.benchmarks.scoring.outcome_file import OutcomeFile
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
"""Adds the scores of the masks that a segmenter makes of an answer's points."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The results of all models."""

    results: tuple[Result, ...]  # one for each model
    extremes: tuple[WorstAndBest, ...]  # one for each model
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

    on_bad: called with every record and row that cannot be used; it may raise it. on_example:
    called with the number of examples that are done. A prediction without an example is only
    reported if all of the data is read. Raises as `datasets.read` does, OSError.
    """
    skipped: list[BadRecord] = []

    def skip(bad: BadRecord) -> None:
        skipped.append(bad)
        on_bad(bad)

    outcomes = [OutcomeFile() for _ in models]
    strangers = [set(model.rows) for model in models]  # ids of predictions without an example
    extremes = tuple(WorstAndBest() for _ in models)
    scored = score_all(data.examples(skip), models, rules, processes)
    for done, (example, of_models) in enumerate(scored, start=1):
        for place, outcome in enumerate(of_models):
            judged = segmented(example, outcome) if segmented else outcome
            outcomes[place].add(judged)
            strangers[place].discard(example.id)
            extremes[place].add(example, judged)
        on_example(done)
    results = []
    for model, of_model, ids in zip(models, outcomes, strangers, strict=True):
        without = [] if data.limit or data.videos else without_example(model, ids)
        for bad in without:
            on_bad(bad)
        results.append(result_of(model, of_model, [*model.bad, *without]))
    return Evaluation(tuple(results), extremes, tuple(skipped))


def unreached(name: str) -> Predictions:
    """The predictions of a model that was not asked, because the run was interrupted before."""
    return replace(Predictions(name, {}), complete=False)
