# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Counts how the jobs of a session ended. Its caller holds a lock."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from molmo_ground_ros.errors import BackendError, ErrorCode, GroundError
from molmo_ground_ros.grounding.calibration import WITHHELD
from molmo_ground_ros.grounding.session_stats import quantiles
from molmo_ground_ros.types import Answer

# Latencies that the percentiles are of.
MOST_LATENCIES = 200


class Tally:
    """Outcomes by code, latencies of answers, and the newest errors."""

    def __init__(self) -> None:
        self._outcomes: Counter[str] = Counter()
        self._late = 0
        self._latencies_s: deque[float] = deque(maxlen=MOST_LATENCIES)
        self._last_error = ''
        self._backend_error = ''
        self._withheld = 0

    def count(self, outcome: Answer | GroundError, latency_ns: int | None = None) -> None:
        """Count an outcome. latency_ns: from asking to an answer, if a caller waited for it."""
        code = outcome.code if isinstance(outcome, GroundError) else ErrorCode.OK
        self._outcomes[code.name] += 1
        if isinstance(outcome, GroundError):
            self._last_error = str(outcome)
        elif latency_ns is not None:
            self._latencies_s.append(latency_ns / 1e9)

    def count_late(self) -> None:
        """Count an outcome that came after its job had been resolved."""
        self._late += 1

    def note_backend(self, outcome: Answer | GroundError) -> None:
        """Take note of how the newest question ended that reached the model."""
        if isinstance(outcome, Answer | BackendError):
            self._backend_error = '' if isinstance(outcome, Answer) else str(outcome)
        if isinstance(outcome, Answer):
            self._withheld += sum(rejection.reason == WITHHELD for rejection in outcome.rejected)

    def values(self) -> dict[str, Any]:
        """The fields of `SessionStats` that are counted here, by name."""
        p50_s, p95_s = quantiles(self._latencies_s)
        return {
            'outcomes': dict(self._outcomes),
            'late': self._late,
            'latency_p50_s': p50_s,
            'latency_p95_s': p95_s,
            'backend_error': self._backend_error,
            'withheld': self._withheld,
            'last_error': self._last_error,
        }
