# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A backend as the worker sees it: every failure is a GroundError, and calls are timed."""

from __future__ import annotations

import enum
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from molmo_ground_ros.backends.base import (
    Backend,
    Bounded,
    GenerateOptions,
    Generation,
    OnText,
    Restarting,
    Restarts,
)
from molmo_ground_ros.errors import BackendError, GroundError, ModelStuck, describe, traceback_text
from molmo_ground_ros.frames.windows import MAX_FRAMES
from molmo_ground_ros.types import Clip, Frame

_log = logging.getLogger(__name__)


class Purpose(enum.Enum):
    """What a backend was called for, in words for messages."""

    ANSWER = 'answering a question'
    PREPARE = 'preparing a frame'
    CLOSE = 'closing'


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the backend has not come back from yet."""

    purpose: Purpose
    # Steady clock.
    began_ns: int
    # The backend itself ends a model that hangs.
    may_restart: bool = False


def stuck(call: Call | None, resolved_ns: int | None, limit_ns: int) -> ModelStuck | None:
    """The error for questions while the model does not come back from a call; None if it may.

    resolved_ns: when the job that it answers was resolved, by the steady clock; None if it is open.
    limit_ns: how long it may go on then, or prepare one frame.
    """
    if call is None or call.purpose is Purpose.CLOSE or call.may_restart:
        return None
    free_ns = call.began_ns
    if call.purpose is Purpose.ANSWER:
        if resolved_ns is None:
            return None
        free_ns = max(resolved_ns, call.began_ns)
    overdue_ns = time.monotonic_ns() - free_ns
    return ModelStuck(call.purpose.value, overdue_ns, limit_ns) if overdue_ns > limit_ns else None


class GuardedBackend:
    """Wraps a backend for the worker's thread; `call` may be read by any thread.

    A backend runs code that is not ours, which may raise anything. SystemExit and KeyboardInterrupt
    would end the worker's thread, so they become BackendError like every other exception.
    """

    def __init__(self, backend: Backend) -> None:
        """Take a backend, which `close` closes."""
        self._backend = backend
        self._restarting = backend if isinstance(backend, Restarting) else None
        # Replaced by the worker alone.
        self.call: Call | None = None

    @property
    def model(self) -> str:
        """The model's name."""
        return self._backend.model

    def restarts(self) -> Restarts:
        """How often the model was started again. For any thread."""
        return self._restarting.restarts() if self._restarting else Restarts()

    def end(self) -> bool:
        """End the model at once, and start it no more; False if it cannot be. From any thread."""
        if self._restarting is None:
            return False
        self._restarting.end()
        return True

    def generate(
        self, clip: Clip, prompts: Sequence[str], options: GenerateOptions, on_text: OnText
    ) -> list[Generation]:
        """As the backend does. Raises GroundError alone."""
        with self._guard(Purpose.ANSWER):
            return self._backend.generate(clip, prompts, options, on_text)

    def most_frames(self) -> int:
        """As in `Bounded`; of a backend that is not, those of the longest window."""
        if not isinstance(self._backend, Bounded):
            return MAX_FRAMES
        with self._guard(Purpose.ANSWER):
            return self._backend.most_frames()

    def prepare(self, camera: str, frame: Frame) -> None:
        """As the backend does. Raises GroundError alone."""
        with self._guard(Purpose.PREPARE):
            self._backend.prepare(camera, frame)

    def close(self) -> None:
        """Close the backend. A failure is only logged."""
        try:
            with self._guard(Purpose.CLOSE):
                self._backend.close()
        except GroundError as error:
            _log.error('the backend failed to close: %s', traceback_text(error))

    @contextmanager
    def _guard(self, purpose: Purpose) -> Iterator[None]:
        self.call = Call(purpose, time.monotonic_ns(), self._restarting is not None)
        try:
            yield
        except GroundError:
            raise
        except BaseException as error:
            raise BackendError(describe(error)) from error
        finally:
            self.call = None
