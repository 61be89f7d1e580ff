# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a session says about itself, for diagnostics."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


class ModelState(enum.Enum):
    """Where the model stands."""

    LOADING = 'loading'
    READY = 'ready'
    FAILED = 'failed'
    CLOSED = 'closed'


@dataclass(frozen=True, slots=True)
class SessionStats:
    """What the session has done since it began."""

    state: ModelState
    load_error: str  # why the model cannot be used: loading failed, or the worker ended
    stuck: str  # why questions are refused while the model does not come back; '' if it does
    waiting: int  # in the queue, without the one being answered
    running_s: float  # how long the worker has been at its present job; 0 when idle
    preparing_s: float  # how long it has been at encoding one frame ahead; 0 when it is not
    outcomes: dict[str, int]  # by name of ErrorCode
    late: int  # outcomes that came after the job had been resolved, and were dropped
    latency_p50_s: float  # of the last answers, from asking to answer; nan before the first
    latency_p95_s: float
    prepared: int  # frames encoded as they arrived
    unprepared: int  # frames that the backend failed to encode ahead
    prepare_error: str  # of the last of them
    backend_error: str  # of the newest question that reached the model; '' if it was answered
    last_error: str


def quantiles(values: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 95th percentile; nan for no values."""
    if not values:
        return float('nan'), float('nan')
    if len(values) == 1:
        return values[0], values[0]
    cuts = statistics.quantiles(values, n=20, method='inclusive')
    return cuts[9], cuts[18]
