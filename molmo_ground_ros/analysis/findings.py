# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What an analysis of recordings gives. Knows nothing of how it was made or is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Who shows findings imports their parts from here.
from molmo_ground_ros.grounding.stitch import (
    SAMPLE_PERIOD_NS,
    AnsweredWindow,
    Event,
    Finding,
    Mark,
    Sighting,
    Trajectory,
    WindowState,
)
from molmo_ground_ros.types import Frame

__all__ = [
    'SAMPLE_PERIOD_NS',
    'Analysis',
    'AnsweredWindow',
    'Event',
    'Finding',
    'FrameReader',
    'Mark',
    'Sighting',
    'Trajectory',
    'WindowState',
]

FrameReader = Callable[[str, int], Frame]
"""(camera, stamp_ns) -> the decoded frame. Raises ImageError."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """All questions' answers about all cameras of a recording."""

    sources: tuple[str, ...]  # paths, as they were given
    cameras: tuple[str, ...]  # topics
    span_ns: tuple[int, int]  # stamps, both ends in it
    findings: tuple[Finding, ...]  # by camera, then by question
    # What is missing of the recording; each is a line for a person.
    losses: tuple[str, ...]
    settings: Mapping[str, str]
    model: str
    timing_s: Mapping[str, float]  # seconds by what they were spent on
    # How many frames were decoded for the model; each counts once.
    frames: int
    # Whether every window was asked; if not, those that were left out are gaps.
    complete: bool
