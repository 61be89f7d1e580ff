# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One worker thread that answers questions one at a time, and the queue in front of it.

While no question waits, the worker asks standing questions that are due (`standing`), and prepares
frames that have arrived (`ahead.FramePreparer`).

Every job is resolved exactly once, by whoever comes first: the worker (with an answer or a
failure), the watchdog (at the deadline, even while a backend hangs), the caller (cancel) or
`close`. Knows nothing of ROS. Deadlines run on the steady clock: a paused simulation stops none.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from molmo_ground_ros.backends.base import Backend, Restarts
from molmo_ground_ros.errors import (
    BackendError,
    BadSpan,
    BadTimeout,
    Busy,
    Canceled,
    GroundError,
    ModelLoading,
    ModelStuck,
    NoFrames,
    ShuttingDown,
    TimedOut,
    UnknownCamera,
    WindowNotCovered,
    describe,
    traceback_text,
)
from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.grounding.ahead import FramePreparer
from molmo_ground_ros.grounding.calibration import Calibration, read_calibration
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.guarded_backend import Call, GuardedBackend, Purpose, stuck
from molmo_ground_ros.grounding.job import Job, WorkerEnded, run_job, shared
from molmo_ground_ros.grounding.loader import track_rule_of
from molmo_ground_ros.grounding.session_settings import SessionSettings
from molmo_ground_ros.grounding.session_stats import ModelState, SessionStats, running_job
from molmo_ground_ros.grounding.standing import StandingPass, StandingQuestions, run_pass
from molmo_ground_ros.grounding.tally import Tally
from molmo_ground_ros.language import grammar
from molmo_ground_ros.types import Answer, Query

_log = logging.getLogger(__name__)

# How often an idle worker looks for frames to prepare.
IDLE_POLL_S = 0.25
# How long `close` waits for a worker that is inside a backend. The process ends within 2 s.
JOIN_TIMEOUT_S = 1.0
# How long it waits then, once the model's own process, if it has one, was ended.
END_TIMEOUT_S = 0.3


class Session:
    """Admits questions, runs them one at a time on the backend, and always answers."""

    def __init__(
        self,
        load: Callable[[], Backend],
        buffers: Mapping[str, ClipBuffer],
        settings: SessionSettings,
        standing: StandingQuestions | None = None,
    ) -> None:
        """Start the worker, which calls `load` first. `buffers`: by camera name, in order.

        standing: asked while no job waits. Raises BadSetting for an answer format that there is
        not.
        """
        self._format = grammar.format_of(settings.answer_format)
        self._load = load
        self._standing = standing
        # Replaced by `set_buffers`, never changed.
        self._buffers = dict(buffers)
        # Replaced by `configure`.
        self._settings = settings
        self._changed = threading.Condition()
        # Guarded by _changed, like all fields below.
        self._state = ModelState.LOADING
        self._load_error: GroundError | None = None
        self._queue: deque[Job] = deque()
        # Stays until the worker is back, whether the job is resolved or not.
        self._running: Job | None = None
        self._running_since_ns = 0
        # What the running job is of, if it is no question of a caller.
        self._pass: StandingPass | None = None
        self._tally = Tally()
        # Set once, by the worker.
        self._backend: GuardedBackend | None = None
        self._preparer: FramePreparer | None = None
        self._calibration: Calibration | None = None
        self._tracks: TrackRule | None = None
        # Daemons: a backend that hangs must not keep the process from ending.
        self._worker = threading.Thread(target=self._work, name='inference', daemon=True)
        self._watchdog = threading.Thread(target=self._watch, name='deadlines', daemon=True)
        self._worker.start()
        self._watchdog.start()

    def configure(self, settings: SessionSettings) -> None:
        """Take other settings for queries to come: `timeout_seconds` and `max_new_tokens`."""
        self._settings = settings

    def set_buffers(self, buffers: Mapping[str, ClipBuffer]) -> None:
        """Answer about these cameras from now on. Accepted questions keep their frames."""
        with self._changed:
            self._buffers = dict(buffers)
            self._changed.notify_all()
        if self._standing is not None:
            self._standing.set_buffers(buffers)

    def wait_ready(self, timeout_s: float | None = None) -> bool:
        """Wait until the model is loaded; False on time-out. Raises what loading raised."""
        with self._changed:
            ready = self._changed.wait_for(lambda: self._state is not ModelState.LOADING, timeout_s)
            if self._state is ModelState.CLOSED:
                raise ShuttingDown
            if self._load_error is not None:
                raise self._load_error
        return ready

    def submit(self, query: Query, timeout_ns: int = 0) -> Job:
        """Accept a question or raise at once; 0 takes the setting's timeout.

        The window is fixed and its frames held now, whatever the camera sends later. One of the
        whole buffer is that of an open question of the same kind, if no more than 0.1 s of images
        came since: questions asked together share frames, and the work that is done on them. A span
        that the buffer does not hold is answered at once from the events of the same standing
        question, if there is one. Raises BadRequest and its kind, ModelLoading, BackendError
        (loading failed), WorkerEnded, ModelStuck, Busy, NoFrames, WindowNotCovered, ShuttingDown.
        """
        try:
            job = self._admit(query, timeout_ns)
        except GroundError as error:
            with self._changed:
                self._tally.count(error)
            raise
        return job

    def cancel(self, job: Job) -> None:
        """Withdraw a job: it is resolved now, and a running model stops at its next token."""
        self._finish(job, Canceled(job.progress.stage))
        with self._changed:
            if job in self._queue:
                self._queue.remove(job)

    def stats(self) -> SessionStats:
        """A snapshot for diagnostics."""
        with self._changed:
            now_ns = time.monotonic_ns()
            call, restarts = self._call(), self._restarts()
            restarting = restarts.going_on and self._state is ModelState.READY
            preparing = call is not None and call.purpose is Purpose.PREPARE
            return SessionStats(
                state=ModelState.RESTARTING if restarting else self._state,
                load_error=str(self._load_error or ''),
                restarts=restarts.count,
                restart_reason=restarts.reason,
                stuck=str(self._stuck() or ''),
                waiting=len(self._queue),
                running_s=(now_ns - self._running_since_ns) / 1e9 if self._running else 0.0,
                running=running_job(self._running),
                preparing_s=(now_ns - call.began_ns) / 1e9 if call and preparing else 0.0,
                prepared=self._preparer.prepared if self._preparer else 0,
                unprepared=self._preparer.failed if self._preparer else 0,
                prepare_error=self._preparer.last_error if self._preparer else '',
                **self._tally.values(),
            )

    def close(self) -> None:
        """Resolve what is open with ShuttingDown, end the threads, close the backend."""
        with self._changed:
            if self._state is ModelState.CLOSED:
                return
            self._state = ModelState.CLOSED
            jobs = self._open_jobs()
            self._queue.clear()
            self._changed.notify_all()
        for job in jobs:
            self._finish(job, ShuttingDown())
        # The watchdog is in no backend, so it ends at once.
        self._watchdog.join()
        self._worker.join(JOIN_TIMEOUT_S)
        if self._worker.is_alive() and self._backend is not None and self._backend.end():
            self._worker.join(END_TIMEOUT_S)
        if self._worker.is_alive():
            _log.warning('the backend did not come back within %g s', JOIN_TIMEOUT_S)

    def _admit(self, query: Query, timeout_ns: int) -> Job:
        if timeout_ns < 0:
            raise BadTimeout(timeout_ns)
        question = self._format.question(query, self._settings.max_new_tokens)
        buffer = self._buffer(query.camera)
        with self._changed:
            self._check_open()
        timeout_ns = timeout_ns or round(self._settings.timeout_seconds * 1e9)
        try:
            window = buffer.pin(query.start_ns, query.end_ns)
        except (BadSpan, NoFrames, WindowNotCovered):
            answer = self._standing.recall(query, question) if self._standing else None
            if answer is None:
                raise
            return Job.answered(question, answer, timeout_ns)
        with self._changed:
            self._check_open()
            job = Job(question, shared(window, query, self._open_jobs()), timeout_ns)
            self._queue.append(job)
            if self._pass is not None:
                self._pass.give_way()
            self._changed.notify_all()
        return job

    def _buffer(self, camera: str) -> ClipBuffer:
        buffers = self._buffers
        if not camera:
            return next(iter(buffers.values()))
        if camera not in buffers:
            raise UnknownCamera(camera, buffers)
        return buffers[camera]

    def _check_open(self) -> None:
        if self._state is ModelState.CLOSED:
            raise ShuttingDown
        if self._state is ModelState.LOADING:
            raise ModelLoading(self._settings.model)
        if self._load_error is not None:
            raise self._load_error
        restarts = self._restarts()
        if restarts.going_on:
            raise ModelLoading(self._settings.model, restarts.reason)
        if (stuck := self._stuck()) is not None:
            raise stuck
        # Standing questions take no place in the queue.
        open_jobs = len(self._queue) + (self._running is not None and self._pass is None)
        if open_jobs > self._settings.queue_size:
            raise Busy(open_jobs)

    def _open_jobs(self) -> list[Job]:
        """The jobs that wait, then the one that the worker is at."""
        return [*self._queue, *([self._running] if self._running else [])]

    def _call(self) -> Call | None:
        return self._backend.call if self._backend else None

    def _restarts(self) -> Restarts:
        return self._backend.restarts() if self._backend else Restarts()

    def _stuck(self) -> ModelStuck | None:
        """The error for a question while the model does not come back, or None if it may."""
        job, limit_ns = self._running, round(self._settings.stuck_seconds * 1e9)
        resolved_ns = job.resolved_ns if job and job.done else None
        return stuck(self._call(), resolved_ns, limit_ns)

    def _finish(self, job: Job, outcome: Answer | GroundError) -> None:
        # Who waits for the outcome finds it counted: statistics are read with the same lock.
        with self._changed:
            if job.resolve(outcome):
                began_ns = job.deadline_ns - job.timeout_ns
                self._tally.count(outcome, time.monotonic_ns() - began_ns)
            else:
                self._tally.count_late()

    def _watch(self) -> None:
        """Resolve jobs whose deadline has passed; sleeps until the next deadline."""
        while True:
            with self._changed:
                if self._state is ModelState.CLOSED:
                    return
                now_ns = time.monotonic_ns()
                live = [job for job in self._open_jobs() if not job.done]
                expired = [job for job in live if job.deadline_ns <= now_ns]
                for job in expired:
                    if job in self._queue:
                        self._queue.remove(job)
                if not expired:
                    next_ns = min((job.deadline_ns for job in live), default=None)
                    self._changed.wait(None if next_ns is None else (next_ns - now_ns) / 1e9)
            for job in expired:
                self._finish(job, TimedOut(job.timeout_ns, job.progress.stage))

    def _work(self) -> None:
        try:
            self._serve()
        except BaseException as error:  # noqa: BLE001 - the thread's last line
            _log.error('the worker has ended: %s', traceback_text(error))
            self._refuse_all(WorkerEnded(describe(error)))

    def _refuse_all(self, reason: GroundError) -> None:
        """Resolve what is open with an error that all later questions are refused with, too."""
        with self._changed:
            if self._state is not ModelState.CLOSED:
                self._state = ModelState.FAILED
            self._load_error = reason
            jobs = self._open_jobs()
            self._queue.clear()
            self._running = None
            self._changed.notify_all()
        for job in jobs:
            self._finish(job, reason)

    def _serve(self) -> None:
        if (backend := self._load_backend()) is None:
            return
        self._backend = backend
        grounder = Grounder(
            backend, answer_format=self._settings.answer_format, calibration=self._calibration,
            abstain=self._settings.abstain, tracks=self._tracks,
        )  # fmt: skip
        if self._settings.prepare:
            self._preparer = FramePreparer(backend, self._buffers)
        while self._run_next_job(grounder):
            pass
        backend.close()

    def _run_next_job(self, grounder: Grounder) -> bool:
        """Run the next job; False at the end. Holds no job, nor its frames, while it waits."""
        job = self._take()
        if job is None:
            return False
        due = self._pass
        outcome = self._run_pass(grounder, due) if due else run_job(grounder, job)
        with self._changed:
            self._running = self._pass = None
            self._tally.note_backend(outcome)
            if due is None:
                self._finish(job, outcome)
        return True

    def _load_backend(self) -> GuardedBackend | None:
        backend: GuardedBackend | None = None
        error: GroundError | None = None
        try:
            self._calibration = read_calibration(self._settings.model, self._settings.calibration)
            backend = GuardedBackend(self._load())
            self._tracks = track_rule_of(self._settings.model, self._settings.track_rate_hz)
        except GroundError as err:
            error = err
        except BaseException as err:  # noqa: BLE001 - loading runs code that is not ours
            _log.error('the model cannot be loaded: %s', traceback_text(err))
            error = BackendError(describe(err))
        with self._changed:
            self._load_error = error
            if self._state is ModelState.LOADING:
                self._state = ModelState.FAILED if error else ModelState.READY
            self._changed.notify_all()
        return backend

    def _take(self) -> Job | None:
        """The next job; None at the end.

        While no caller's waits, standing questions that are due make one. While none is due, frames
        are prepared, one at a time.
        """
        idle_s = None if self._preparer is None and self._standing is None else 0.0
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._queue or self._state is ModelState.CLOSED, idle_s
                )
                if self._state is ModelState.CLOSED:
                    return None
                if self._queue:
                    self._running = self._queue.popleft()
                    self._running_since_ns = time.monotonic_ns()
                    return self._running
                buffers = self._buffers
            due = self._standing.next_pass() if self._standing else None
            if due is not None:
                return self._take_pass(due)
            idle_s = IDLE_POLL_S
            if self._preparer is not None:
                self._preparer.use(buffers)
                idle_s = 0.0 if self._preparer.step() else IDLE_POLL_S

    def _take_pass(self, due: StandingPass) -> Job | None:
        with self._changed:
            if self._state is ModelState.CLOSED:
                return None
            self._running, self._pass = due.job, due
            self._running_since_ns = time.monotonic_ns()
            # The watchdog now waits for its deadline.
            self._changed.notify_all()
        return due.job

    def _run_pass(self, grounder: Grounder, due: StandingPass) -> Answer | GroundError:
        """Ask the standing questions of a pass; returns the outcome of the first."""
        outcomes = run_pass(grounder, due)
        if self._standing is not None:
            self._standing.deliver(due, outcomes)
        return outcomes[0]
