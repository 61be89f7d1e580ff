# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One accepted question and its outcome, which is set exactly once. Safe for several threads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import (
    BackendError,
    Canceled,
    GroundError,
    ImageError,
    describe,
    traceback_text,
)
from molmo_ground_ros.frames.pinned_window import PinnedWindow
from molmo_ground_ros.grounding.grounder import Grounder, Progress
from molmo_ground_ros.types import Answer, EncodedImage, Query, Question

_log = logging.getLogger(__name__)

# Questions whose newest frames are this close share their frames.
TOGETHER_NS = 100_000_000


class WorkerEnded(BackendError):
    """The thread that asks the model has ended, so that the node must be started again."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f'the thread that asks the model has ended ({why}): restart the node')


class Job:
    """One accepted question. Made by `Session.submit`; safe to use from any thread."""

    def __init__(self, question: Question, window: PinnedWindow, timeout_ns: int) -> None:
        """Start the clock; the session resolves the job later."""
        self.question = question
        self.window = window
        self.timeout_ns = timeout_ns
        self.deadline_ns = time.monotonic_ns() + timeout_ns
        # The worker replaces the value, and any thread may read it.
        self.progress = Progress('queued')
        self._lock = threading.Lock()
        self._done = threading.Event()
        # When the outcome was set, by the steady clock.
        self.resolved_ns = 0
        # Guarded by _lock, and set once.
        self._outcome: Answer | GroundError | None = None

    @classmethod
    def answered(cls, question: Question, answer: Answer, timeout_ns: int) -> Job:
        """A job that needs no model: it has its answer, and a window of no frames."""
        span_ns = answer.start_ns, answer.end_ns
        window = PinnedWindow(answer.camera, (), *span_ns, 0, _no_image, lambda *_: None)
        job = cls(question, window, timeout_ns)
        job.resolve(answer)
        return job

    @property
    def done(self) -> bool:
        """Whether there is an outcome."""
        return self._done.is_set()

    def resolve(self, outcome: Answer | GroundError) -> bool:
        """Set the outcome unless there is one already; returns whether this call set it."""
        with self._lock:
            if self._outcome is not None:
                return False
            self._outcome = outcome
            self.resolved_ns = time.monotonic_ns()
            self._done.set()
            return True

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until there is an outcome; False if there is none within `timeout_s` seconds."""
        return self._done.wait(timeout_s)

    def result(self) -> Answer:
        """Wait for the outcome: return the answer or raise its GroundError."""
        self._done.wait()
        with self._lock:
            outcome = self._outcome
        if isinstance(outcome, Answer):
            return outcome
        assert outcome is not None
        raise outcome

    @property
    def outcome(self) -> Answer | GroundError | None:
        """The outcome; None before there is one."""
        with self._lock:
            return self._outcome

    def advance(self, progress: Progress) -> bool:
        """Note how far the work has come; False once nobody waits for it any more."""
        self.progress = progress
        return not self.done


def _no_image(_: EncodedImage) -> NDArray[np.uint8]:
    raise ImageError('it was answered without an image')


def shared(window: PinnedWindow, query: Query, jobs: Iterable[Job]) -> PinnedWindow:
    """The window of an open question that was asked together with this one, or its own.

    query: of the window. jobs: those that are open.
    """
    if query.start_ns or query.end_ns:
        return window
    for job in jobs:
        has_no_span = not job.question.query.start_ns and not job.question.query.end_ns
        is_near = 0 <= window.end_ns - job.window.end_ns <= TOGETHER_NS
        if has_no_span and is_near and job.window.camera == window.camera and not job.done:
            return job.window
    return window


def run_job(grounder: Grounder, job: Job) -> Answer | GroundError:
    """Decode the window of a job and ask about it; every failure is returned as an error."""
    try:
        if not job.advance(Progress('decoding')):
            # It was resolved while it was taken from the queue.
            return Canceled('queued')
        clip = job.window.decode(lambda: not job.done, grounder.sampling(job.question))
        job.advance(Progress('generating'))
        (answer,) = grounder.ground_all(clip, [job.question], job.advance)
    except GroundError as error:
        if isinstance(error, BackendError) and error.__cause__ is not None:
            _log.error('the backend failed: %s', traceback_text(error))
        return error
    except BaseException as error:  # noqa: BLE001 - an image decoder may raise anything, too
        _log.error('the question failed: %s', traceback_text(error))
        return BackendError(describe(error))
    return answer
