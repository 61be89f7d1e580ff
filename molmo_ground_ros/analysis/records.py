# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Events and track points as JSON records, one a line. The one place that names their keys."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from molmo_ground_ros.analysis.findings import Analysis, Finding
from molmo_ground_ros.grounding.stitch import Mark, Sighting
from molmo_ground_ros.storage.atomic import atomic_file
from molmo_ground_ros.types import Point, Position, PositionStatus

Record = dict[str, Any]

EVENT = 'event'
TRACK_POINT = 'track_point'

KEYS = (
    # EVENT or TRACK_POINT.
    'type',
    # Its place among the questions, from 0.
    'question',
    # The words of the query.
    'query',
    # The task of the question, in small letters.
    'task',
    'camera',  # topic
    'stamp_ns',  # header stamp of the very frame
    'seconds',  # from the span's start
    # The id of the event or track, from 1 for each question and camera.
    'id',
    'label',
    # Source pixels right of the left edge.
    'x',
    # Source pixels below the top edge.
    'y',
    # The model's own probability, null if unknown.
    'score',
    # The share of points with such a score that are right, null without a calibration.
    'probability',
    # Whether there is a position, and why not: names of types.PositionStatus, in small letters.
    'position_status',
    # Metres in `target_frame`; null unless position_status is 'ok'.
    'position_x',
    'position_y',
    'position_z',
    # How far the depth around the pixel spreads, metres; null likewise.
    'depth_spread',
    'target_frame',
    # Why there is no position, in words.
    'position_reason',
    # Of track points, metres a second; null if unknown.
    'speed',
    'image_width',  # pixels
    'image_height',
    # The window that the sighting is from, counted from 0 for each camera.
    'window',
    'window_start_ns',
    'window_end_ns',
    # A value of stitch.WindowState: 'truncated' if its answer was cut off.
    'window_state',
    # What could not be decided: values of stitch.Mark.
    'marks',
    # The window's words.
    'text',
    # null. A person may write 'confirmed', 'wrong', or the right place: 'x y' or 'x y stamp_ns'.
    'verdict',
)


def records(analysis: Analysis) -> Iterator[Record]:
    """All events and track points by their stamps. The keys of each are KEYS, in that order.

    Those of one stamp are in the order of the findings.
    """
    questions = list(dict.fromkeys(finding.question for finding in analysis.findings))
    entries = [
        (sighting.point.stamp_ns, finding, kind, identity, sighting, marks, speed)
        for finding in analysis.findings
        for kind, identity, sighting, marks, speed in _sightings(finding)
    ]
    for _, finding, kind, identity, sighting, marks, speed in sorted(
        entries, key=lambda entry: entry[0]
    ):
        window = finding.windows[sighting.window]
        point = sighting.point
        values = (
            kind,
            questions.index(finding.question),
            finding.question.query.text,
            finding.question.task.name.lower(),
            finding.camera,
            point.stamp_ns,
            (point.stamp_ns - analysis.span_ns[0]) / 1e9,
            identity,
            sighting.label,
            point.x,
            point.y,
            *map(_number, (point.score, point.probability)),
            *_position_values(point),
            _number(speed),
            window.image_width,
            window.image_height,
            window.index,
            window.start_ns,
            window.end_ns,
            window.state.value,
            [mark.value for mark in marks],
            window.text,
            None,
        )
        yield dict(zip(KEYS, values, strict=True))


def write_jsonl(analysis: Analysis, path: str | Path) -> None:
    """Write `records` to a file, one a line. Raises OSError, and leaves an older file as it was."""
    with atomic_file(Path(path)) as partial, partial.open('w', encoding='utf-8') as file:
        for record in records(analysis):
            file.write(json.dumps(record) + '\n')


def _sightings(finding: Finding) -> Iterator[tuple[str, int, Sighting, Sequence[Mark], float]]:
    """Type, id, sighting, marks and speed of each event and track point."""
    for event in finding.events:
        yield EVENT, event.id, event.sighting, event.marks, math.nan
    for track in finding.tracks:
        speeds = track.speeds or (math.nan,) * len(track.points)
        for sighting, speed in zip(track.points, speeds, strict=True):
            yield TRACK_POINT, track.id, sighting, track.marks, speed


def _position_values(point: Point) -> tuple[object, ...]:
    """The values of the keys from position_status to position_reason."""
    position = point.position or Position(PositionStatus.NONE)
    metres = (position.x, position.y, position.z, position.spread_m)
    name = position.status.name.lower()
    return name, *map(_number, metres), position.frame_id, position.reason


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
