# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks a backend about examples. Holds its answers, and one clip at a time.

The words are sent verbatim, as the data has them: nothing is made of what looks like a label. An
example that fails is unanswered with its reason, one without its video is missing, and the rest
goes on. Neighbours on one clip are asked together: a backend may read its frames once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice

from molmo_ground_ros.benchmarks.datasets.examples import Example, Media, TrackTruth
from molmo_ground_ros.benchmarks.scoring.answer_store import AnswerStore
from molmo_ground_ros.benchmarks.scoring.predictions import Prediction, Predictions
from molmo_ground_ros.errors import BackendError, GroundError
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Answer, Clip, Query, Question

TOGETHER = 8  # questions asked at once: an interrupt loses no more

Cut = Callable[[Example], Clip]
"""The clip an example is about. Raises GroundError or OSError where there is none."""

OnExample = Callable[[int], None]
"""Called with how many examples are done, those that were kept from before included."""

_log = logging.getLogger(__name__)


def predict(
    name: str,
    examples: Iterable[Example],
    grounder: Grounder,
    cut: Cut,
    kept: AnswerStore | None = None,
    on_example: OnExample = lambda _: None,
) -> Predictions:
    """Ask about every example, under the name of a row. Ctrl-C ends the asking.

    What `kept` holds is not asked again, and what is answered is added to it. Raises the first
    example's error where the model gave no answer at all, OSError (a full disk).
    """
    run = _Run(grounder, cut, kept)
    complete, done = True, 0
    try:
        for group in _groups(examples, grounder):
            run.ask(group)
            done += len(group)
            on_example(done)
    except KeyboardInterrupt:
        complete = False
    if run.first_error is not None and not run.said:
        raise run.first_error
    return Predictions(name, run.said, run.failed, run.missing, complete)


def _groups(examples: Iterable[Example], grounder: Grounder) -> Iterator[list[Example]]:
    """Neighbours on one clip with one limit of tokens, at most TOGETHER at once."""

    def key(example: Example) -> tuple[Media, type, tuple[float, float], int]:
        truth = example.truth
        rates = (truth.fps, truth.query_fps) if isinstance(truth, TrackTruth) else (0.0, 0.0)
        return example.media, type(truth), rates, _question(example, grounder).max_new_tokens

    for _, same in groupby(examples, key=key):
        while group := list(islice(same, TOGETHER)):
            yield group


def _question(example: Example, grounder: Grounder) -> Question:
    """The data's own words, with what another answer format than Molmo2's asks for."""
    return grounder.question(Query(example.query, example.task), verbatim=True)


@dataclass(slots=True)
class _Run:
    """What was found so far."""

    grounder: Grounder
    cut: Cut
    kept: AnswerStore | None
    said: dict[str, Prediction] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    first_error: GroundError | None = None

    def ask(self, group: Sequence[Example]) -> None:
        """Take what was finished before, and ask the others about their clip."""
        left = []
        for example in group:
            before = self.kept.get(example) if self.kept else None
            if before is not None:
                self.said[example.id] = before
            else:
                left.append(example)
        if not left:
            return
        try:
            clip = self.cut(left[0])
        except (GroundError, OSError) as err:
            self.missing.update({example.id: str(err) for example in left})
            return
        questions = [_question(example, self.grounder) for example in left]
        outcomes = self.grounder.ground_each(clip, questions)
        for example, outcome in zip(left, outcomes, strict=True):
            if isinstance(outcome, Answer):
                prediction = Prediction(outcome.text, outcome.truncated)
                if self.kept:
                    self.kept.add(example, prediction)
                self.said[example.id] = prediction
            else:
                self._fail(example, outcome)

    def _fail(self, example: Example, error: Exception) -> None:
        if not isinstance(error, GroundError):
            _log.error('example %s failed', example.id, exc_info=error)
            error = BackendError(f'{type(error).__name__}: {error}')
        self.failed[example.id] = str(error)
        self.first_error = self.first_error or error
