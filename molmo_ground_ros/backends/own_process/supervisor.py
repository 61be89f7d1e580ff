# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the process of a model running: starts it again after it ended, with growing pauses."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from molmo_ground_ros.backends.base import Restarts
from molmo_ground_ros.backends.own_process.death import ModelProcessDied
from molmo_ground_ros.backends.own_process.model_process import POLL_S, ModelProcess
from molmo_ground_ros.errors import (
    BackendError,
    Canceled,
    GroundError,
    ShuttingDown,
    describe,
)

_log = logging.getLogger(__name__)

# Before the first restart, the second in a row, and so on; the last one stays.
PAUSES_S = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
# How long `close` waits for the backend to close. The node ends within 2 s.
_CLOSE_TIMEOUT_S = 0.7


class Supervisor:
    """Starts a process, waits for its end, and starts the next. For any thread."""

    def __init__(
        self,
        start: Callable[[], ModelProcess],
        load: Callable[[ModelProcess], str],
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        """Start the first process.

        start: starts a process. load: loads the model there and returns its name.
        """
        self._start, self._load, self._pauses_s = start, load, tuple(pauses_s)
        self._changed = threading.Condition()
        # Guarded by _changed, like all fields below.
        self._model = ''
        self._process: ModelProcess | None = None
        self._loaded = False
        # How many processes were loaded or have failed to be.
        self._attempts = 0
        # Why the newest process that ended did so.
        self._failure: GroundError | None = None
        self._failures_in_a_row = 0
        self._restarts = 0
        self._closed = False
        # A child ends with the thread that started it, so this one lives as long as a child may.
        self._thread = threading.Thread(target=self._run, name='model process', daemon=True)
        self._thread.start()

    @property
    def model(self) -> str:
        """The model's name; '' before it was loaded once."""
        with self._changed:
            return self._model

    def process(self, go_on: Callable[[], bool]) -> ModelProcess:
        """The process that is loaded. While it starts again, waits for one attempt.

        go_on: called meanwhile, ten times a second. Raises what the attempt failed with, Canceled
        (`go_on` returned False) and ShuttingDown.
        """
        with self._changed:
            attempts = self._attempts
        while True:
            with self._changed:
                if self._closed:
                    raise ShuttingDown
                if self._process is not None and self._is_ready():
                    return self._process
                if self._attempts > attempts and self._failure is not None:
                    raise self._failure
                self._changed.wait(POLL_S)
            if not go_on():
                raise Canceled('waiting for the model to start again')

    def note_answer(self) -> None:
        """Note that the model has answered: the next pause is the shortest again."""
        with self._changed:
            self._failures_in_a_row = 0

    def restarts(self) -> Restarts:
        """How often the process was started again, why, and whether that is going on."""
        with self._changed:
            return Restarts(self._restarts, str(self._failure or ''), not self._is_ready())

    def close(self) -> None:
        """Close the backend, end the process and this thread's work."""
        with self._changed:
            process = self._process if self._loaded else None
            self._closed = True
            self._changed.notify_all()
        if process is not None:
            process.close(_CLOSE_TIMEOUT_S)
        self.end()
        self._thread.join()

    def end(self) -> None:
        """End the process at once, and start no other."""
        with self._changed:
            self._closed = True
            if self._process is not None:
                self._process.end('was closed')
            self._changed.notify_all()

    def _is_ready(self) -> bool:
        # A process may have ended a moment before the thread that waits for that says so.
        return self._loaded and self._process is not None and not self._process.has_ended

    def wait_first_attempt(self) -> None:
        """Wait until the first process is loaded or has failed; raises its error.

        A process that died of its first load raises none: it is started again. Raises ShuttingDown
        if `end` was called meanwhile.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._attempts)
            failure, closed = self._failure, self._closed
        if closed:
            self._thread.join()
            raise ShuttingDown
        if failure is not None and not isinstance(failure, ModelProcessDied):
            self._thread.join()
            raise failure

    def _run(self) -> None:
        while True:
            error = self._run_process()
            with self._changed:
                if self._attempts == 1 and not isinstance(error, ModelProcessDied):
                    # The first load failed, and said why: the settings are to be mended.
                    return
                pause_s = self._pauses_s[min(self._failures_in_a_row, len(self._pauses_s) - 1)]
                self._failures_in_a_row += 1
                if self._closed:
                    return
            _log.error('%s; it is started again in %g s', error, pause_s)
            with self._changed:
                if self._changed.wait_for(lambda: self._closed, pause_s):
                    return
                self._restarts += 1

    def _run_process(self) -> GroundError:
        """Start a process, load the model and wait until it ends; says why it did."""
        try:
            process = self._start()
        except GroundError as error:
            self._note_end(error, is_attempt=True)
            return error
        with self._changed:
            self._process = process
            if self._closed:
                process.end('was closed')
        try:
            model = self._load(process)
        except Exception as error:  # noqa: BLE001 - the thread lives on: a child may send anything
            failure = error if isinstance(error, GroundError) else BackendError(describe(error))
            process.end('could not load the model')
            process.wait()
            self._note_end(failure, is_attempt=True)
            process.release()
            return failure
        self._note_loaded(model)
        death = process.wait()
        self._note_end(death, is_attempt=False)
        process.release()
        return death

    def _note_loaded(self, model: str) -> None:
        with self._changed:
            self._model, self._loaded = model, True
            self._attempts += 1
            self._changed.notify_all()

    def _note_end(self, why: GroundError, *, is_attempt: bool) -> None:
        with self._changed:
            self._process, self._loaded, self._failure = None, False, why
            self._attempts += is_attempt
            self._changed.notify_all()
