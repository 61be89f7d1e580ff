# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Receives TensorRT's log lines and progress, for error messages and for progress reports."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

_LOG = logging.getLogger(__name__)
_MOST_LINES = 8  # of an error's message
_ERROR = 1  # severity; 0 is an internal error, 2 a warning
_LONGEST = 300  # characters of a line


class BuildLog:
    """TensorRT's last errors.

    TensorRT logs from threads of its own; a deque may be appended to from any thread.
    """

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)

    def add(self, severity: int, text: str) -> None:
        """Remember the line if it is an error, and write every line to this package's log."""
        _LOG.debug('%s', text)
        if severity <= _ERROR:
            self._lines.append(' '.join(text.split())[:_LONGEST])

    def take(self) -> str:
        """The errors since the last call, joined to one line."""
        lines = list(self._lines)
        self._lines.clear()
        return '; '.join(lines) or 'it does not say why'


def make_logger(module: Any, lines: BuildLog) -> Any:
    """A TensorRT ILogger that writes to `lines`. It must outlive every object made with it."""

    def log(_self: Any, severity: Any, text: str) -> None:
        lines.add(int(severity), text)

    return _derived(module.ILogger, {'log': log})


class BuildProgress:
    """Reports the progress of a build's outermost phase; stops the build if the callback raises.

    `raised` is the callback's error, to be raised when TensorRT has returned.
    """

    def __init__(self, on_step: Callable[[int, int], None]) -> None:
        self._on_step = on_step
        self._phase = ''
        self._total = 1
        self.raised: BaseException | None = None

    def monitor(self, module: Any) -> Any:
        """A TensorRT IProgressMonitor; None if this version has none.

        TensorRT may call it from any thread.
        """
        if not hasattr(module, 'IProgressMonitor'):
            return None

        def phase_start(_self: Any, phase: str, parent: str | None, steps: int) -> None:
            if parent is None:
                self._phase, self._total = phase, steps
                self._report(0)

        def step_complete(_self: Any, phase: str, step: int) -> bool:
            if phase == self._phase:
                self._report(step + 1)
            return self.raised is None

        def phase_finish(_self: Any, phase: str) -> None:
            if phase == self._phase:
                self._report(self._total)

        named: dict[str, Callable[..., Any]] = {
            'phase_start': phase_start,
            'step_complete': step_complete,
            'phase_finish': phase_finish,
        }
        return _derived(module.IProgressMonitor, named)

    def _report(self, done: int) -> None:
        if self.raised is not None:
            return
        try:
            self._on_step(min(done, self._total), self._total)
        # An exception must not pass through TensorRT's C++ code.
        except BaseException as err:  # noqa: BLE001
            self.raised = err


def _derived(base: Any, methods: dict[str, Callable[..., Any]]) -> Any:
    """An object of a new subclass of a TensorRT class, whose own __init__ must be called."""

    def __init__(self: Any) -> None:  # noqa: N807
        base.__init__(self)

    return type('Ours', (base,), {'__init__': __init__, **methods})()
