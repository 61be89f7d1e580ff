# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A model's answers to the examples of a data set, and the result of one example."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from molmo_ground_ros.errors import BadRecord

NO_PREDICTION = 'there is no prediction for it'
NOT_ASKED = 'the run was interrupted'

Scores = Mapping[str, float]  # by name of the metric, in [0, 1]; an undefined one is missing


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer to one example."""

    text: str
    truncated: bool = False  # cut off by the limit of tokens


class AnswerState(enum.StrEnum):
    """What became of an example's question. ANSWERED and UNANSWERED are scored."""

    ANSWERED = 'answered'
    UNANSWERED = 'unanswered'  # no prediction, or the model failed: wrong in every metric
    MISSING = 'missing'  # its video is missing or unreadable: left out
    NOT_ASKED = 'not asked'  # the run was interrupted: left out


@dataclass(frozen=True, slots=True)
class MaskPrediction:
    """A model's answer to one example as masks, which lie in a folder."""

    folder: str  # of the masks of all examples


@dataclass(frozen=True, slots=True)
class NoPrediction:
    """The reason why an example has no answer."""

    state: AnswerState  # any but ANSWERED
    why: str


@dataclass(frozen=True, slots=True)
class Predictions:
    """All answers of one model."""

    name: str  # of the row in the table
    answers: Mapping[str, Prediction]  # by id of the example
    failed: Mapping[str, str] = field(default_factory=dict)  # reason, by id of the example
    missing: Mapping[str, str] = field(default_factory=dict)  # why the video cannot be used, by id
    complete: bool = True  # False: the run was interrupted, and the other examples were not asked
    file: str = ''  # that ready predictions were read from
    rows: Mapping[str, int] = field(default_factory=dict)  # of that file, by id, from 1
    bad: tuple[BadRecord, ...] = ()  # rows of that file that cannot be used
    masks: str = ''  # a folder of ready masks, which are all of its answers

    def to(self, example: str) -> Prediction | MaskPrediction | NoPrediction:
        """The answer to an example, or why there is none. example: its id."""
        if self.masks:
            return MaskPrediction(self.masks)
        if example in self.answers:
            return self.answers[example]
        if example in self.missing:
            return NoPrediction(AnswerState.MISSING, self.missing[example])
        if example in self.failed or self.complete:
            return NoPrediction(AnswerState.UNANSWERED, self.failed.get(example, NO_PREDICTION))
        return NoPrediction(AnswerState.NOT_ASKED, NOT_ASKED)


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """The result of one example with one model."""

    id: str
    category: str
    state: AnswerState
    scores: Scores
    text: str = ''
    truncated: bool = False
    why: str = ''  # there is no answer, or no score
    count: int | None = None  # the true count, if the example asks for one
