# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores a stream of examples, in processes of its own where there are many. Holds few at a time.

The results are the same in one process and in several, and in the order of the examples.
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
    NoPrediction,
    Prediction,
    Predictions,
)
from molmo_ground_ros.benchmarks.scoring.score import Rules, example_result

ScoredExample = tuple[Example, list[ExampleResult]]  # an outcome a model
_Task = tuple[Example, list[Prediction | NoPrediction]]

FEW = 200  # examples that are done before another process would have begun
_BATCH = 16  # examples that go to a process at once
_AHEAD = 3  # batches for each process, done or waiting


def score_all(
    examples: Iterable[Example], models: Sequence[Predictions], rules: Rules, processes: int = 1
) -> Iterator[ScoredExample]:
    """Score what each model said to each example.

    processes: besides this one, from the FEW-th example on; 1 or less: none.
    """
    tasks: Iterator[_Task] = (
        (example, [model.to(example.id) for model in models]) for example in examples
    )
    for task in tasks if processes < 2 else islice(tasks, FEW):
        yield task[0], _outcomes(task, rules)
    if processes > 1:
        yield from _spread(tasks, rules, processes)


def _spread(tasks: Iterator[_Task], rules: Rules, processes: int) -> Iterator[ScoredExample]:
    first = list(islice(tasks, _BATCH))
    if not first:
        return
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(processes, context, _leave_interrupts) as pool:
        waiting: deque[tuple[list[_Task], Future[list[list[ExampleResult]]]]] = deque()
        batch = first
        try:
            while batch or waiting:
                if batch:
                    waiting.append((batch, pool.submit(_batch, batch, rules)))
                if not batch or len(waiting) >= processes * _AHEAD:
                    done, found = waiting.popleft()
                    for task, outcomes in zip(done, found.result(), strict=True):
                        yield task[0], outcomes
                batch = list(islice(tasks, _BATCH)) if batch else []
        finally:
            pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C is for the process that waits for this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _batch(tasks: Sequence[_Task], rules: Rules) -> list[list[ExampleResult]]:
    return [_outcomes(task, rules) for task in tasks]


def _outcomes(task: _Task, rules: Rules) -> list[ExampleResult]:
    example, heard = task
    return [example_result(example, one, rules) for one in heard]
