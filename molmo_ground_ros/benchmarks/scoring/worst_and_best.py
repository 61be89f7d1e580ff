# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The worst and the best examples of a stream, to be looked at; no others are held."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping

from molmo_ground_ros.benchmarks.datasets.examples import Example
from molmo_ground_ros.benchmarks.scoring.predictions import AnswerState, ExampleResult

JudgedExample = tuple[Example, ExampleResult]
_Key = tuple[float, bool, int]  # score, not answered, place in the stream
_Held = tuple[_Key, JudgedExample]

EACH = 4  # of the worst, and of the best
MAIN = ('f1', 'j_and_f', 'accuracy')  # what examples are compared by: the first that there is


def main_score(scores: Mapping[str, float]) -> float | None:
    """The score that says most, 0..1; None where there is none."""
    return next((scores[name] for name in MAIN if name in scores), None)


class WorstAndBest:
    """Of one model: `add` every example, then ask for `worst` and `best`."""

    def __init__(self, each: int = EACH) -> None:
        self._each = each
        self._low: list[_Held] = []  # ascending
        self._high: list[_Held] = []
        self._seen = 0

    def add(self, example: Example, outcome: ExampleResult) -> None:
        """Hold it, if it is among the worst or the best so far. Of equals the first ones are."""
        score = main_score(outcome.scores)
        self._seen += 1
        if score is None:
            return
        silent = outcome.state is not AnswerState.ANSWERED
        insort(self._low, ((score, silent, self._seen), (example, outcome)), key=_key)
        insort(self._high, ((score, not silent, -self._seen), (example, outcome)), key=_key)
        del self._low[self._each :]
        del self._high[: -self._each]

    def worst(self) -> list[JudgedExample]:
        """From the worst on; no example is in both lists."""
        return self._parted()[0]

    def best(self) -> list[JudgedExample]:
        """From the best on."""
        return self._parted()[1]

    def _parted(self) -> tuple[list[JudgedExample], list[JudgedExample]]:
        low = [shown for _, shown in self._low]
        taken = {example.id for example, _ in low}
        high = [shown for _, shown in reversed(self._high)]
        both = low + [shown for shown in reversed(high) if shown[0].id not in taken]
        half = (len(both) + 1) // 2
        return both[:half], both[: half - 1 : -1] if half else []


def _key(held: _Held) -> _Key:
    return held[0]
