# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A question about a span longer than the buffer, answered from a standing question's events."""

from __future__ import annotations

from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_NS
from molmo_ground_ros.grounding.standing.course import MOST_EVENTS, Course
from molmo_ground_ros.types import Answer, Query, Task

# What events answer. The points of tracks are not kept for so long.
TASKS = (Task.POINT, Task.COUNT)


def recall(course: Course, query: Query, start_ns: int, end_ns: int) -> Answer | None:
    """The events of a span, as an answer; None if no answer speaks for any part of it.

    Its `count` is the number of its points, whose ids are the events' numbers. `unseen` has the
    parts that no answer speaks for. Of `frames_expected` the share that is not unseen is said to
    be used. It has no words, since no model was asked.
    """
    source = course.source
    if source is None or course.question.task not in TASKS or end_ns < start_ns:
        return None
    unseen = _unseen(course, start_ns, end_ns)
    unseen_ns = sum(last - first for first, last in unseen)
    if unseen == ((start_ns, end_ns),):
        return None
    points = tuple(
        sorted(
            (point for point in course.events if start_ns <= point.stamp_ns <= end_ns),
            key=lambda point: (point.stamp_ns, point.id),
        )
    )
    return Answer(
        query=query,
        task=course.question.task,
        text='',
        count=len(points),
        label=source.label,
        points=points,
        tracks=(),
        camera=course.camera,
        start_ns=start_ns,
        end_ns=end_ns,
        newest_ns=min(end_ns, source.newest_ns),
        frame_id=source.frame_id,
        image_width=source.image_width,
        image_height=source.image_height,
        frames_used=(end_ns - start_ns - unseen_ns) // SAMPLE_PERIOD_NS + 1,
        frames_expected=(end_ns - start_ns) // SAMPLE_PERIOD_NS + 1,
        truncated=False,
        model=source.model,
        unseen=unseen,
    )


def _unseen(course: Course, start_ns: int, end_ns: int) -> tuple[tuple[int, int], ...]:
    """What events are not known of: they are not decided yet, forgotten, or in a gap."""
    covered = course.stitcher.covered
    from_ns, to_ns = start_ns, min(end_ns, course.stitcher.decided_ns)
    if len(course.events) == MOST_EVENTS:
        from_ns = max(from_ns, min(point.stamp_ns for point in course.events))
    if to_ns < from_ns:
        return ((start_ns, end_ns),)
    parts = list(covered.unseen(from_ns, to_ns))
    if from_ns > start_ns:
        parts.insert(0, (start_ns, from_ns))
    if end_ns > to_ns:
        parts.append((to_ns, end_ns))
    return _merged(parts)


def _merged(parts: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ascending spans, with those that touch made one."""
    merged: list[tuple[int, int]] = []
    for first_ns, last_ns in parts:
        if merged and first_ns <= merged[-1][1]:
            first_ns = merged.pop()[0]
        merged.append((first_ns, last_ns))
    return tuple(merged)
