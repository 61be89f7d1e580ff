# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What an evaluation asks, hears and finds. Values alone."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from molmo_ground_ros.errors import BadRecord

NO_PREDICTION = 'there is no prediction for it'
NOT_ASKED = 'the run was interrupted'

Scores = Mapping[str, float]  # by name of the metric, 0..1; what is undefined is not there


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer to one example."""

    text: str
    truncated: bool = False  # cut off by the limit of tokens


class AnswerState(enum.StrEnum):
    """What became of one example's question. ANSWERED and UNANSWERED are scored."""

    ANSWERED = 'answered'
    UNANSWERED = 'unanswered'  # no prediction, or the model failed: wrong in every metric
    MISSING = 'missing'  # its video is not there or cannot be read: left out
    NOT_ASKED = 'not asked'  # the run was interrupted: left out


@dataclass(frozen=True, slots=True)
class NoPrediction:
    """Why there is no answer to one example."""

    state: AnswerState  # any but ANSWERED
    why: str


@dataclass(frozen=True, slots=True)
class Predictions:
    """What one model said."""

    name: str  # of the row
    said: Mapping[str, Prediction]  # by id of the example
    failed: Mapping[str, str] = field(default_factory=dict)  # why, by id
    missing: Mapping[str, str] = field(default_factory=dict)  # why its video cannot be shown, by id
    complete: bool = True  # False: interrupted, what is in none of these was not asked
    file: str = ''  # where ready predictions were read
    rows: Mapping[str, int] = field(default_factory=dict)  # of that file, by id, from 1
    bad: tuple[BadRecord, ...] = ()  # rows of it that cannot be used

    def to(self, example: str) -> Prediction | NoPrediction:
        """What was said to an example, by its id."""
        if example in self.said:
            return self.said[example]
        if example in self.missing:
            return NoPrediction(AnswerState.MISSING, self.missing[example])
        if example in self.failed or self.complete:
            return NoPrediction(AnswerState.UNANSWERED, self.failed.get(example, NO_PREDICTION))
        return NoPrediction(AnswerState.NOT_ASKED, NOT_ASKED)


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """One example's result with one model."""

    id: str
    category: str
    state: AnswerState
    scores: Scores
    text: str = ''
    truncated: bool = False
    why: str = ''  # there is no answer, or no score
    count: int | None = None  # the true one, where it was asked for
