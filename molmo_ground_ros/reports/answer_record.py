# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A finding as one JSON object, for programs: what one query is answered with."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from molmo_ground_ros.analysis.findings import Finding
from molmo_ground_ros.types import Point, Position, PositionStatus


def point_record(point: Point, camera: str) -> dict[str, Any]:
    """A point as a JSON object. An unknown number is null, because JSON has no NaN."""
    return {
        'stamp_ns': point.stamp_ns,
        'camera': camera,
        'frame_id': point.frame_id,
        'id': point.id,
        'x': round(point.x, 3),
        'y': round(point.y, 3),
        'score': _rounded(point.score),
        'probability': _rounded(point.probability),
        'position': _position_record(point.position),
    }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def _position_record(position: Position | None) -> dict[str, Any] | None:
    """A position as a JSON object, metres; null if nobody asked for it."""
    if position is None:
        return None
    status = {'status': position.status.name.lower(), 'reason': position.reason}
    if position.status is not PositionStatus.OK:
        return status
    metres = {'x': position.x, 'y': position.y, 'z': position.z, 'spread': position.spread_m}
    rounded = {name: round(value, 5) for name, value in metres.items()}
    return {**status, 'frame_id': position.frame_id, **rounded}


def answer_record(finding: Finding, model: str) -> dict[str, Any]:
    """A finding as one JSON object. `count` is null where the model states no total."""
    camera = finding.camera
    return {
        'query': finding.question.query.text,
        'task': finding.question.task.name.lower(),
        'text': finding.text,
        'count': finding.total,
        'points': [point_record(event.point, camera) for event in finding.events],
        'tracks': [
            {
                'id': track.id,
                'label': track.label,
                'points': [point_record(point, camera) for point in track.path],
            }
            for track in finding.tracks
        ],
        'frames_used': finding.frames_used,
        'frames_expected': finding.frames_expected,
        'truncated': finding.truncated,
        'model': model,
        'refused': finding.refused,
        'rejected': [dataclasses.asdict(rejection) for rejection in finding.rejected],
    }
