# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers as agents read them: JSON objects that say where, how sure, and what was not seen.

A stamp is a text, seconds and nine decimals: a number of that size loses its last digits in every
program that reads JSON numbers as floats, and a stamp that is asked about again must be exact.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from molmo_ground_ros.analysis.findings import Finding
from molmo_ground_ros.errors import BadRequest
from molmo_ground_ros.reports.drawing import Image
from molmo_ground_ros.reports.words import doubts
from molmo_ground_ros.types import Answer, Point, PositionStatus, Task

Record = dict[str, Any]
OnProgress = Callable[[float, float | None, str], None]
"""Called with what is done, with all there is to do if that is known, and with what goes on."""

# Points of a track in a record; of more, evenly many, the first and the last among them.
MOST_TRACK_POINTS = 40
_STAMP = re.compile(r'(\d{1,10})(?:\.(\d{1,9}))?')
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class AgentQuestion:
    """What an agent asks. start, end: moments, as `moment_ns` reads them; '' is the first, last."""

    text: str
    task: Task = Task.AUTO
    camera: str = ''  # '' = the only or first one
    recording: str = ''  # '' = the running node, or the only recording
    start: str = ''
    end: str = ''
    timeout_s: float = 60.0
    # Set where the agent withdraws it.
    stop: threading.Event = field(default_factory=threading.Event)
    on_progress: OnProgress = lambda _done, _total, _message: None


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """An answer, and what it looks like. The functions raise GroundError."""

    record: Record
    # The frames of all its points side by side.
    sheet: Callable[[], Image]
    # The frame of the point, event or track with this id.
    frame: Callable[[int], Image]


def stamp_text(stamp_ns: int) -> str:
    """A stamp as seconds with nine decimals."""
    return f'{stamp_ns // _NS}.{stamp_ns % _NS:09d}'


def moment_ns(text: str, first_ns: int | None, default_ns: int) -> int:
    """The stamp that a text means: 'SECONDS.NANOSECONDS', or '+S' after the first image.

    first_ns: the stamp of the first image; None where there is none to count from. '' means
    `default_ns`. Raises BadRequest.
    """
    if not text:
        return default_ns
    match = _STAMP.fullmatch(text.removeprefix('+'))
    if match is None:
        raise BadRequest(f"'{text[:40]}': neither a stamp such as '17.250000000' nor '+S'")
    value_ns = int(match[1]) * _NS + int((match[2] or '').ljust(9, '0'))
    if not text.startswith('+'):
        return value_ns
    if first_ns is None:
        raise BadRequest(f"'{text}': only a recording has a first image to count from; give stamps")
    return first_ns + value_ns


def answer_of_clip(answer: Answer, summary: Record) -> Record:
    """One answer of a model about one span. summary: further entries, which come first."""
    not_seen = [_span(*span) for span in answer.unseen]
    return {
        **summary,
        **_head(answer.query.text, answer.task, answer.camera, (answer.start_ns, answer.end_ns)),
        'text': answer.text,
        'count': answer.count,
        'label': answer.label,
        'points': [point_entry(point, answer.start_ns) for point in answer.points],
        'tracks': [_track(t.id, t.label, t.points, answer.start_ns) for t in answer.tracks],
        'coverage': _coverage(answer.unseen, answer.start_ns, answer.end_ns),
        'not_seen': not_seen,
        'frames_used': answer.frames_used,
        'frames_expected': answer.frames_expected,
        'truncated': answer.truncated,
        'model': answer.model,
        'latency_s': round(answer.latency_ns / 1e9, 3),
    }


def answer_of_recording(
    finding: Finding, span_ns: tuple[int, int], model: str, summary: Record
) -> Record:
    """The merged answer of all windows of a span. summary: further entries, which come first."""
    start_ns, end_ns = span_ns
    events = [
        {**point_entry(event.point, start_ns), 'doubts': doubts(event)} for event in finding.events
    ]
    gaps = [(gap.start_ns, gap.end_ns) for gap in finding.gaps]
    return {
        **summary,
        **_head(finding.question.query.text, finding.question.task, finding.camera, span_ns),
        'text': finding.text,
        'count': finding.total,
        'count_least': finding.count_least,
        'count_most': finding.count_most,
        'points': events,
        'tracks': [
            {**_track(t.id, t.label, t.path, start_ns), 'doubts': doubts(t)} for t in finding.tracks
        ],
        'coverage': _coverage(gaps, start_ns, end_ns),
        'not_seen': [
            {**_span(gap.start_ns, gap.end_ns), 'reason': gap.reason} for gap in finding.gaps
        ],
        'frames_used': finding.frames_used,
        'frames_expected': finding.frames_expected,
        'truncated': finding.truncated,
        'refused': finding.refused,
        'model': model,
    }


def point_entry(point: Point, zero_ns: int) -> Record:
    """A point: stamp, seconds after `zero_ns`, pixel, place in metres.

    The score is the model's own, the probability the share of points with such a score that are
    right; each is null if unknown.
    """
    position, place, why = point.position, None, 'the camera has no depth'
    if position is not None and position.status is PositionStatus.OK:
        metres = {'x': position.x, 'y': position.y, 'z': position.z, 'spread': position.spread_m}
        rounded = {name: round(value, 4) for name, value in metres.items()}
        place, why = {**rounded, 'frame': position.frame_id}, ''
    elif position is not None:
        why = position.reason or position.status.name.lower().replace('_', ' ')
    return {
        'id': point.id,
        'stamp': stamp_text(point.stamp_ns),
        'seconds': round((point.stamp_ns - zero_ns) / 1e9, 3),
        'pixel': {'x': round(point.x, 2), 'y': round(point.y, 2)},
        'score': _share(point.score),
        'probability': _share(point.probability),
        'metres': place,
        **({'no_metres': why} if why else {}),
    }


def _share(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _head(text: str, task: Task, camera: str, span_ns: tuple[int, int]) -> Record:
    return {
        'question': text,
        'task': task.name.lower(),
        'camera': camera,
        **_span(*span_ns),
    }


def _track(number: int, label: str, points: Sequence[Point], zero_ns: int) -> Record:
    """A track, thinned where it is long."""
    left_out = max(0, len(points) - MOST_TRACK_POINTS)
    if left_out:
        last = len(points) - 1
        steps = MOST_TRACK_POINTS - 1
        points = [points[round(step * last / steps)] for step in range(MOST_TRACK_POINTS)]
    return {
        'id': number,
        'label': label,
        'points': [point_entry(point, zero_ns) for point in points],
        'points_left_out': left_out,
    }


def _span(start_ns: int, end_ns: int) -> Record:
    return {'start': stamp_text(start_ns), 'end': stamp_text(end_ns)}


def _coverage(unseen: Iterable[tuple[int, int]], start_ns: int, end_ns: int) -> float:
    """Share of a span that answers speak for, from 0 to 1."""
    missing_ns = sum(max(0, min(end, end_ns) - max(start, start_ns)) for start, end in unseen)
    length_ns = end_ns - start_ns
    if length_ns <= 0:
        return 0.0 if missing_ns else 1.0
    return round(1 - missing_ns / length_ns, 4)
