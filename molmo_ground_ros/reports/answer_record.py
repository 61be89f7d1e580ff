# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An answer as one JSON object, for programs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from molmo_ground_ros.types import Answer, Point


def point_record(point: Point, camera: str) -> dict[str, Any]:
    """A point as a JSON object. An unknown score is null, because JSON has no NaN."""
    return {
        'stamp_ns': point.stamp_ns,
        'camera': camera,
        'frame_id': point.frame_id,
        'id': point.id,
        'x': round(point.x, 3),
        'y': round(point.y, 3),
        'score': None if math.isnan(point.score) else round(point.score, 6),
    }


def answer_record(answer: Answer) -> dict[str, Any]:
    """An answer as one JSON object. `count` is null where the model states no total."""
    camera = answer.camera
    return {
        'query': answer.query.text,
        'task': answer.task.name.lower(),
        'text': answer.text,
        'count': answer.count,
        'points': [point_record(point, camera) for point in answer.points],
        'tracks': [
            {
                'id': track.id,
                'label': track.label,
                'points': [point_record(point, camera) for point in track.points],
            }
            for track in answer.tracks
        ],
        'frames_used': answer.frames_used,
        'frames_expected': answer.frames_expected,
        'truncated': answer.truncated,
        'model': answer.model,
        'refused': answer.refused,
        'rejected': [dataclasses.asdict(rejection) for rejection in answer.rejected],
    }
