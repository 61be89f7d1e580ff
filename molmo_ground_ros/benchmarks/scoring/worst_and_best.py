# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Collects the worst and the best examples of a stream; others are not held in memory."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping

from molmo_ground_ros.benchmarks.datasets.examples import Example
from molmo_ground_ros.benchmarks.scoring.predictions import AnswerState, ExampleResult

JudgedExample = tuple[Example, ExampleResult]
_SortKey = tuple[float, bool, int]  # score, not answered, position in the stream
_Candidate = tuple[_SortKey, JudgedExample]

EACH = 4  # of the worst, and of the best
# Metrics by which examples are compared: the first of these that an example has.
MAIN = ('f1', 'j_and_f', 'accuracy')


def main_score(scores: Mapping[str, float]) -> float | None:
    """The score by which examples are compared, in [0, 1]; None if there is none."""
    return next((scores[name] for name in MAIN if name in scores), None)


class WorstAndBest:
    """The extreme examples of one model: `add` every example, then call `worst` and `best`."""

    def __init__(self, each: int = EACH) -> None:
        """each: how many of the worst, and of the best, are held."""
        self._each = each
        self._low: list[_Candidate] = []  # ascending
        self._high: list[_Candidate] = []  # ascending
        self._count = 0  # of the examples so far

    def add(self, example: Example, outcome: ExampleResult) -> None:
        """Hold the example if it is among the worst or best so far. Earlier ones win ties."""
        score = main_score(outcome.scores)
        self._count += 1
        if score is None:
            return
        is_silent = outcome.state is not AnswerState.ANSWERED
        low_key = score, is_silent, self._count
        high_key = score, not is_silent, -self._count
        insort(self._low, (low_key, (example, outcome)), key=_sort_key)
        insort(self._high, (high_key, (example, outcome)), key=_sort_key)
        del self._low[self._each :]
        del self._high[: -self._each]

    def worst(self) -> list[JudgedExample]:
        """The worst examples, worst first. No example is in both lists."""
        return self._split()[0]

    def best(self) -> list[JudgedExample]:
        """The best examples, best first. No example is in both lists."""
        return self._split()[1]

    def _split(self) -> tuple[list[JudgedExample], list[JudgedExample]]:
        """(worst, best). Of few examples half are called worst."""
        low = [judged for _, judged in self._low]
        low_ids = {example.id for example, _ in low}
        ascending = low + [judged for _, judged in self._high if judged[0].id not in low_ids]
        half = (len(ascending) + 1) // 2
        return ascending[:half], ascending[: half - 1 : -1] if half else []


def _sort_key(candidate: _Candidate) -> _SortKey:
    return candidate[0]
