# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks a backend about examples. Holds all answers, but only one clip at a time.

Prompts are sent as the data has them, also if they look like a label. An example that fails is
unanswered, with the reason. An example without its video is missing. The run goes on after both.
Neighbours on one clip are asked together, because a backend may then read the frames once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Protocol

from molmo_ground_ros.benchmarks.datasets.examples import Example, Media, TrackTruth
from molmo_ground_ros.benchmarks.scoring.answer_store import AnswerStore
from molmo_ground_ros.benchmarks.scoring.predictions import Prediction, Predictions
from molmo_ground_ros.errors import BackendError, GroundError, describe, traceback_text
from molmo_ground_ros.types import Answer, Clip, Query, Question

# Questions that are asked at once. An interrupt loses the answers to these at most.
TOGETHER = 8

Cut = Callable[[Example], Clip]
"""Returns the clip of an example. Raises GroundError or OSError if there is none."""

OnExample = Callable[[int], None]
"""Called with the number of examples that are done, including those from an earlier run."""

_log = logging.getLogger(__name__)


class Asker(Protocol):
    """What examples are asked through: a `grounding.Grounder`, or a stand-in for one."""

    def question(self, query: Query, *, verbatim: bool = False) -> Question:
        """The question that a query is for this model."""
        ...

    def ground_each(
        self, clip: Clip, questions: Sequence[Question]
    ) -> Iterator[Answer | Exception]:
        """The answer to each question, or the error that it failed with, in their order."""
        ...


def predict(
    name: str,
    examples: Iterable[Example],
    grounder: Asker,
    cut: Cut,
    store: AnswerStore | None = None,
    on_example: OnExample = lambda _: None,
) -> Predictions:
    """Ask about every example. Ctrl-C ends the run, and the answers so far are returned.

    name: of the row in the table. store: examples with an answer in it are not asked again, and
    new answers are added to it. Raises the error of the first failed example if the model gave no
    answer at all, and OSError, e.g. if the disk is full.
    """
    run = _Run(grounder, cut, store)
    complete, done = True, 0
    try:
        for group in _groups(examples, grounder):
            run.ask(group)
            done += len(group)
            on_example(done)
    except KeyboardInterrupt:
        complete = False
    if run.first_error is not None and not run.answers:
        raise run.first_error
    return Predictions(name, run.answers, run.failed, run.missing, complete)


def _groups(examples: Iterable[Example], grounder: Asker) -> Iterator[list[Example]]:
    """Groups of neighbours with the same clip and limit of tokens, at most TOGETHER in each."""

    def key(example: Example) -> tuple[Media, type, tuple[float, float], int]:
        truth = example.truth
        rates = (truth.fps, truth.query_fps) if isinstance(truth, TrackTruth) else (0.0, 0.0)
        return example.media, type(truth), rates, _question(example, grounder).max_new_tokens

    for _, same in groupby(examples, key=key):
        while group := list(islice(same, TOGETHER)):
            yield group


def _question(example: Example, grounder: Asker) -> Question:
    """The question with the data's own prompt, and the words that another answer format needs."""
    return grounder.question(Query(example.query, example.task), verbatim=True)


@dataclass(slots=True)
class _Run:
    """The answers, failures and missing videos so far."""

    grounder: Asker
    cut: Cut
    store: AnswerStore | None
    answers: dict[str, Prediction] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    first_error: GroundError | None = None

    def ask(self, group: Sequence[Example]) -> None:
        """Take stored answers, and ask the other examples of the group about their clip."""
        unanswered = []
        for example in group:
            stored = self.store.get(example) if self.store else None
            if stored is not None:
                self.answers[example.id] = stored
            else:
                unanswered.append(example)
        if not unanswered:
            return
        try:
            clip = self.cut(unanswered[0])
        except (GroundError, OSError) as err:
            self.missing.update({example.id: str(err) for example in unanswered})
            return
        questions = [_question(example, self.grounder) for example in unanswered]
        outcomes = self.grounder.ground_each(clip, questions)
        for example, outcome in zip(unanswered, outcomes, strict=True):
            if isinstance(outcome, Answer):
                prediction = Prediction(outcome.text, outcome.truncated)
                if self.store:
                    self.store.add(example, prediction)
                self.answers[example.id] = prediction
            else:
                self._fail(example, outcome)

    def _fail(self, example: Example, error: Exception) -> None:
        if not isinstance(error, GroundError):
            _log.error('example %s failed: %s', example.id, traceback_text(error))
            error = BackendError(describe(error))
        self.failed[example.id] = str(error)
        self.first_error = self.first_error or error
