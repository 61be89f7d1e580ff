# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is written into a LeRobot data set: events, subtask spans and traces, frame by frame.

An event ends a span of the episode, which is called by the event's label. After the last event the
span is AFTER_LAST; an episode without an event is NO_EVENT. Only the events of the first camera
that was asked make spans: several cameras see the same events.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AFTER_LAST, NO_EVENT, NOT_ASKED = 'after the last event', 'no event', 'not asked'


@dataclass(frozen=True, slots=True)
class EventNote:
    """An event of an episode."""

    column: int  # of the counts: the question and camera
    camera: str  # a feature
    label: str
    stamp_ns: int  # from the start of the episode
    x: float  # pixels of the image
    y: float


@dataclass(frozen=True, slots=True)
class TraceNote:
    """Where an object is, in pixels of a camera of an episode."""

    camera: str
    label: str
    points: tuple[tuple[int, float, float], ...]  # (stamp, ns; x; y), ascending


@dataclass(frozen=True, slots=True)
class EpisodeNotes:
    """What was answered about one episode."""

    events: tuple[EventNote, ...] = ()
    traces: tuple[TraceNote, ...] = ()
    span_camera: str = ''  # whose events make spans


Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class FrameNotes:
    """The annotations of the frames of one episode; of each frame one entry."""

    counts: NDArray[np.int64]  # (N, columns) how many events
    spans: tuple[tuple[int, str], ...]  # (first frame, name), ascending; () where nothing was asked
    events: Mapping[int, list[Row]]  # rows of lerobot's column language_events, by frame
    traces: Mapping[int, str]  # JSON, by the first frame of the traces


def frame_notes(notes: EpisodeNotes | None, stamps: NDArray[np.int64], columns: int) -> FrameNotes:
    """Put the notes of an episode on its frames. stamps: (N,) ns from its start, ascending."""
    counts = np.zeros((len(stamps), columns), np.int64)
    if notes is None or not len(stamps):
        return FrameNotes(counts, (), {}, {})
    rows: dict[int, list[Row]] = {}
    pointed = set[tuple[int, str]]()
    for event in notes.events:
        frame = _nearest(stamps, event.stamp_ns)
        counts[frame, event.column] += 1
        # lerobot takes one question of a camera at a frame.
        if (frame, event.camera) not in pointed:
            pointed.add((frame, event.camera))
            rows.setdefault(frame, []).extend(_point_rows(event))
    traces = {(frame, camera): text for frame, camera, text in _traces(notes.traces, stamps)}
    for (frame, camera), text in traces.items():
        rows.setdefault(frame, []).append(_row('assistant', text, 'trace', camera))
    by_frame: dict[int, list[str]] = {}
    for (frame, _), text in traces.items():
        by_frame.setdefault(frame, []).append(text)
    texts = {frame: f'[{", ".join(parts)}]' for frame, parts in by_frame.items()}
    return FrameNotes(counts, tuple(_spans(notes, stamps)), rows, texts)


def _spans(notes: EpisodeNotes, stamps: NDArray[np.int64]) -> Iterator[tuple[int, str]]:
    labels: dict[int, list[str]] = {}
    for event in notes.events:
        if event.camera == notes.span_camera:
            labels.setdefault(_nearest(stamps, event.stamp_ns), []).append(event.label)
    start = 0
    for frame in sorted(labels):
        yield start, ' and '.join(dict.fromkeys(labels[frame]))
        start = frame + 1
    if start < len(stamps):
        yield start, AFTER_LAST if labels else NO_EVENT


def _point_rows(event: EventNote) -> list[Row]:
    """A question and its answer, in the form of lerobot's annotation pipeline."""
    answer = {
        'label': event.label,
        'point_format': 'xy',
        'point': [round(event.x, 1), round(event.y, 1)],
    }
    return [
        _row('user', f'Where is this seen: {event.label}?', 'vqa', event.camera),
        _row('assistant', json.dumps(answer), 'vqa', event.camera),
    ]


def _traces(
    traces: Sequence[TraceNote], stamps: NDArray[np.int64]
) -> Iterator[tuple[int, str, str]]:
    """(first frame, camera, JSON) of the traces that begin at a frame."""
    starting: dict[tuple[int, str], list[dict[str, object]]] = {}
    for trace in traces:
        if trace.points:
            points = [
                [round(stamp_ns / 1e9, 6), round(x, 1), round(y, 1)]
                for stamp_ns, x, y in trace.points
            ]
            content: dict[str, object] = {
                'label': trace.label,
                'point_format': 'txy',
                'points': points,
            }
            place = _nearest(stamps, trace.points[0][0]), trace.camera
            starting.setdefault(place, []).append(content)
    for (frame, camera), parts in starting.items():
        yield frame, camera, json.dumps({'camera': camera, 'traces': parts})


def _row(role: str, content: str, style: str, camera: str) -> Row:
    return {'role': role, 'content': content, 'style': style, 'camera': camera, 'tool_calls': None}


def _nearest(stamps: NDArray[np.int64], stamp_ns: int) -> int:
    return int(np.abs(stamps - stamp_ns).argmin())
