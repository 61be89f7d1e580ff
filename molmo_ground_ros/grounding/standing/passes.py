# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All questions that are due on one camera, asked about one window at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from molmo_ground_ros.errors import BackendError, Canceled, GroundError, describe, traceback_text
from molmo_ground_ros.frames.pinned_window import PinnedWindow
from molmo_ground_ros.grounding.grounder import Grounder, Progress
from molmo_ground_ros.grounding.job import Job
from molmo_ground_ros.grounding.standing.course import Course
from molmo_ground_ros.types import Answer, Question

_log = logging.getLogger(__name__)

Outcome = Answer | GroundError


class GaveWay(Canceled):
    """A standing question was stopped for a caller's, and is asked again after it."""


@dataclass(frozen=True, slots=True)
class StandingPass:
    """One turn of several questions. Its job has the deadline, and is resolved like any other."""

    window: PinnedWindow
    courses: tuple[Course, ...]
    # As they were when the pass was made.
    questions: tuple[Question, ...]
    job: Job
    # Set once a caller's question waits that this pass gives way to.
    caller_waits: threading.Event = field(default_factory=threading.Event)

    def give_way(self) -> None:
        """Stop for a caller's question, once for each turn. From any thread."""
        if not any(course.turns.gave_way for course in self.courses):
            self.caller_waits.set()

    def advance(self, progress: Progress) -> bool:
        """Note how far the work has come; False once it must stop.

        A model that reads the prompt is not stopped for a caller: reading cannot be broken off, and
        a process that did not come back would be ended.
        """
        is_reading = progress.stage == 'generating' and not progress.tokens
        if self.caller_waits.is_set() and not is_reading:
            self.job.resolve(GaveWay(progress.stage))
        return self.job.advance(progress)


def run_pass(grounder: Grounder, due: StandingPass) -> Sequence[Outcome]:
    """The outcome of each question, in their order; every failure is returned as an error."""
    job, questions = due.job, due.questions
    try:
        outcomes = _ask(grounder, due)
    except GroundError as error:
        outcomes = [error] * len(questions)
    except BaseException as error:  # noqa: BLE001 - an image decoder may raise anything
        _log.error('standing questions failed: %s', traceback_text(error))
        outcomes = [BackendError(describe(error))] * len(questions)
    if not job.resolve(next((o for o in outcomes if isinstance(o, Answer)), outcomes[0])):
        # It was resolved before: it took too long, or the session ended.
        why = job.outcome
        if isinstance(why, GroundError):
            outcomes = [why if isinstance(o, Canceled) else o for o in outcomes]
    return outcomes


def _ask(grounder: Grounder, due: StandingPass) -> list[Outcome]:
    if not due.advance(Progress('decoding')):
        raise Canceled('queued')
    outcomes: dict[int, Outcome] = {}
    for tracks, places in grounder.by_sampling(due.questions).items():
        clip = due.window.decode(tracks=tracks)
        # Once more, before the model has begun.
        if not due.advance(Progress('decoding')):
            raise Canceled('decoding')
        due.advance(Progress('generating'))
        questions = [due.questions[place] for place in places]
        for place, outcome in zip(
            places, grounder.ground_each(clip, questions, due.advance), strict=True
        ):
            if not isinstance(outcome, Answer | GroundError):
                outcome = BackendError(describe(outcome))
            outcomes[place] = outcome
    return [outcomes[place] for place in range(len(due.questions))]
