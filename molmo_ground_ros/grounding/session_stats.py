# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a session says about itself, for diagnostics."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from molmo_ground_ros.grounding.job import Job


class ModelState(enum.Enum):
    """Where the model stands."""

    LOADING = 'loading'
    READY = 'ready'
    # It ended, and questions are refused until it is there again.
    RESTARTING = 'restarting'
    FAILED = 'failed'
    CLOSED = 'closed'


@dataclass(frozen=True, slots=True)
class RunningJob:
    """What the worker is at."""

    question: str
    camera: str
    stage: str  # of `grounder.Progress`
    tokens: int  # that the model has written


@dataclass(frozen=True, slots=True)
class SessionStats:
    """What the session has done since it began."""

    state: ModelState
    # Why the model cannot be used: loading failed, or the worker ended.
    load_error: str
    # How often the model was started again, and why it had ended the last time.
    restarts: int
    restart_reason: str
    # Why questions are refused while the model does not come back; '' if it does.
    stuck: str
    # In the queue, without the one being answered.
    waiting: int
    # How long the worker has been at its present job; 0 when idle.
    running_s: float
    running: RunningJob | None
    # How long it has been at encoding one frame ahead; 0 when it is not.
    preparing_s: float
    outcomes: dict[str, int]  # by name of ErrorCode
    # Outcomes that came after the job had been resolved, and were dropped.
    late: int
    # Of the last answers, from asking to answer; nan before the first.
    latency_p50_s: float
    latency_p95_s: float
    # Frames encoded as they arrived.
    prepared: int
    # Frames that the backend failed to encode ahead.
    unprepared: int
    prepare_error: str  # of the last of them
    # Of the newest question that reached the model; '' if it was answered.
    backend_error: str
    last_error: str
    # Points that the calibration withheld.
    withheld: int


def running_job(job: Job | None) -> RunningJob | None:
    """What there is to say about a job that the worker is at; None where it is at none."""
    if job is None:
        return None
    progress = job.progress
    return RunningJob(job.question.query.text, job.window.camera, progress.stage, progress.tokens)


def quantiles(values: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 95th percentile; nan for no values."""
    if not values:
        return float('nan'), float('nan')
    if len(values) == 1:
        return values[0], values[0]
    cuts = statistics.quantiles(values, n=20, method='inclusive')
    return cuts[9], cuts[18]
