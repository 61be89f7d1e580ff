# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which of the due questions are asked now, and about which window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_NS, first_full_slot
from molmo_ground_ros.grounding.job import Job
from molmo_ground_ros.grounding.standing.course import Course
from molmo_ground_ros.grounding.standing.passes import StandingPass
from molmo_ground_ros.grounding.standing.reach import Reach, common_start


@dataclass(frozen=True, slots=True)
class Due:
    """A question that is due on one camera."""

    course: Course
    limits: Reach
    priority: int
    # The stamps of the oldest and the newest image that the camera's buffer holds.
    held_ns: tuple[int, int]

    @property
    def urgency(self) -> tuple[int, float]:
        """Of two questions the one with the greater urgency is asked first."""
        return self.priority, self.course.overdue(self.held_ns[1])


def choose(
    groups: Sequence[tuple[ClipBuffer, Sequence[Due]]],
) -> tuple[ClipBuffer, Sequence[Due]]:
    """The camera, with its due questions, that has the most urgent one. groups: not empty."""
    return max(groups, key=lambda group: max(item.urgency for item in group[1]))


def make_pass(buffer: ClipBuffer, due: Sequence[Due], timeout_ns: int) -> StandingPass:
    """One window for the most urgent question, and for all others that it suits; takes their turns.

    timeout_ns: for each question. Raises NoFrames, WindowNotCovered.
    """
    leader = max(due, key=lambda item: item.urgency)
    end_ns = leader.held_ns[1]
    start_ns = common_start(leader.limits, [item.limits for item in due if item is not leader])
    suited = [
        item
        for item in due
        if item is leader or item.limits.earliest_ns <= start_ns <= item.limits.latest_ns
    ]
    # At a slot of the sampling grid, so that its frames are those that were encoded ahead.
    earliest_ns = max(item.limits.earliest_ns for item in suited)
    slot_ns = first_full_slot(max(start_ns - SAMPLE_PERIOD_NS, earliest_ns), buffer.pin().anchor_ns)
    window = buffer.pin(slot_ns if slot_ns < end_ns else start_ns, end_ns)
    questions = tuple(
        replace(
            item.course.question,
            query=replace(
                item.course.question.query, start_ns=window.start_ns, end_ns=window.end_ns
            ),
        )
        for item in suited
    )
    for item in suited:
        item.course.take_turn(end_ns)
    courses = tuple(item.course for item in suited)
    return StandingPass(
        window, courses, questions, Job(questions[0], window, timeout_ns * len(suited))
    )
