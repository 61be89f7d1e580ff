# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What TensorRT says while it works: lines for an error's message, and how far a build has come."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

_LOG = logging.getLogger(__name__)
_KEPT = 8  # lines of an error's message
_ERROR = 1  # severity: 0 is an internal error, 2 a warning
_LONGEST = 300  # characters of a line


class BuildLog:
    """The last errors. TensorRT logs from threads of its own; a deque's append is safe there."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT)

    def add(self, severity: int, text: str) -> None:
        """Keep an error, and pass every line on to this package's log."""
        _LOG.debug('%s', text)
        if severity <= _ERROR:
            self._lines.append(' '.join(text.split())[:_LONGEST])

    def take(self) -> str:
        """The errors since the last call, as one line."""
        lines = list(self._lines)
        self._lines.clear()
        return '; '.join(lines) or 'it does not say why'


def make_logger(module: Any, lines: BuildLog) -> Any:
    """An ILogger of this TensorRT. It must live as long as what is made with it."""

    def log(_self: Any, severity: Any, text: str) -> None:
        lines.add(int(severity), text)

    return _derived(module.ILogger, {'log': log})


class BuildProgress:
    """How far the builder has come in its outermost phase; stops it where the callback raises."""

    def __init__(self, on_step: Callable[[int, int], None]) -> None:
        self._on_step = on_step
        self._phase = ''
        self._total = 1
        self.raised: BaseException | None = None  # by the callback, to be raised after the build

    def monitor(self, module: Any) -> Any:
        """An IProgressMonitor, None where this TensorRT has none. It may call from any thread."""
        if not hasattr(module, 'IProgressMonitor'):
            return None

        def phase_start(_self: Any, phase: str, parent: str | None, steps: int) -> None:
            if parent is None:
                self._phase, self._total = phase, steps
                self._tell(0)

        def step_complete(_self: Any, phase: str, step: int) -> bool:
            if phase == self._phase:
                self._tell(step + 1)
            return self.raised is None

        def phase_finish(_self: Any, phase: str) -> None:
            if phase == self._phase:
                self._tell(self._total)

        named: dict[str, Callable[..., Any]] = {
            'phase_start': phase_start,
            'step_complete': step_complete,
            'phase_finish': phase_finish,
        }
        return _derived(module.IProgressMonitor, named)

    def _tell(self, done: int) -> None:
        if self.raised is not None:
            return
        try:
            self._on_step(min(done, self._total), self._total)
        except BaseException as err:  # noqa: BLE001  it must not unwind through C++
            self.raised = err


def _derived(base: Any, methods: dict[str, Callable[..., Any]]) -> Any:
    """An instance of a new class over a foreign base, which wants its own __init__ called."""

    def __init__(self: Any) -> None:  # noqa: N807
        base.__init__(self)

    return type('Ours', (base,), {'__init__': __init__, **methods})()
