# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores a stream of examples, in several processes if there are many. Holds few at a time.

One process and several give the same results, in the order of the examples.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice

from molmo_ground_ros.benchmarks.datasets.examples import Example
from molmo_ground_ros.benchmarks.scoring.predictions import (
    ExampleResult,
    MaskPrediction,
    NoPrediction,
    Prediction,
    Predictions,
)
from molmo_ground_ros.benchmarks.scoring.score import Rules, example_result
from molmo_ground_ros.benchmarks.scoring.worker_process import end_with_parent

ScoredExample = tuple[Example, list[ExampleResult]]  # one result for each model
_Task = tuple[Example, list[Prediction | MaskPrediction | NoPrediction]]

# The first examples are scored in this process. Starting another takes as long as scoring these.
FEW = 200
_BATCH = 16  # examples that are sent to a process at once
_BATCHES_AHEAD = 3  # batches of each process that are waiting, running or done


def score_all(
    examples: Iterable[Example], models: Sequence[Predictions], rules: Rules, processes: int = 1
) -> Iterator[ScoredExample]:
    """Score the answer of each model to each example.

    processes: how many are started after the first FEW examples; with 1 or less none is.
    """
    tasks: Iterator[_Task] = (
        (example, [model.to(example.id) for model in models]) for example in examples
    )
    for task in tasks if processes < 2 else islice(tasks, FEW):
        yield task[0], _results(task, rules)
    if processes > 1:
        yield from _score_in_processes(tasks, rules, processes)


def _score_in_processes(
    tasks: Iterator[_Task], rules: Rules, processes: int
) -> Iterator[ScoredExample]:
    first = list(islice(tasks, _BATCH))
    if not first:
        return
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(processes, context, _begin) as pool:
        waiting: deque[tuple[list[_Task], Future[list[list[ExampleResult]]]]] = deque()
        batch = first
        try:
            while batch or waiting:
                if batch:
                    waiting.append((batch, pool.submit(_batch_results, batch, rules)))
                if not batch or len(waiting) >= processes * _BATCHES_AHEAD:
                    done, future = waiting.popleft()
                    for task, results in zip(done, future.result(), strict=True):
                        yield task[0], results
                batch = list(islice(tasks, _BATCH)) if batch else []
        finally:
            pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Leave Ctrl-C to the parent process, which waits for this one, and end with it."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _batch_results(tasks: Sequence[_Task], rules: Rules) -> list[list[ExampleResult]]:
    return [_results(task, rules) for task in tasks]


def _results(task: _Task, rules: Rules) -> list[ExampleResult]:
    example, predictions = task
    return [example_result(example, prediction, rules) for prediction in predictions]
