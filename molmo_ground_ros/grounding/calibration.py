# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A model's own scores of points to probabilities that were measured for that model.

A model is more sure of itself than it is right, or less. Where its folder holds calibration.json,
made from answers about clips with a known truth, each score is replaced by the share of points with
such a score that were right. It is a monotone curve, so the order of points by score stays.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ground_ros.errors import BadModel
from molmo_ground_ros.storage.atomic import atomic_file
from molmo_ground_ros.types import Answer, Point, Task

FILE = 'calibration.json'
Knots = Sequence[tuple[float, float]]
"""(score, probability), both ascending and in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A curve for each task, linear between its knots; a task without one keeps its scores."""

    knots: Mapping[Task, Knots]

    def probability(self, task: Task, score: float) -> float:
        """What a score of a task's point means, in [0, 1]; NaN stays NaN."""
        knots = self.knots.get(task)
        if not knots or math.isnan(score):
            return score
        scores, probabilities = zip(*knots, strict=True)
        return float(np.interp(score, scores, probabilities))

    def applied(self, answer: Answer) -> Answer:
        """The answer with the scores of all its points replaced."""
        if answer.task not in self.knots:
            return answer
        tracks = tuple(
            replace(track, points=self._points(answer.task, track.points))
            for track in answer.tracks
        )
        return replace(answer, points=self._points(answer.task, answer.points), tracks=tracks)

    def _points(self, task: Task, points: Sequence[Point]) -> tuple[Point, ...]:
        return tuple(replace(p, score=self.probability(task, p.score)) for p in points)


def read_calibration(model: str) -> Calibration | None:
    """The calibration in a model's folder, or None where there is none.

    model: as in the settings; what is no local folder has none. Raises BadModel for a file that
    cannot be used: scores that are called probabilities must not be wrong silently.
    """
    path = Path(model).expanduser() / FILE
    try:
        text = path.read_text()
    except OSError:
        return None
    try:
        return Calibration(
            {Task[name.upper()]: _knots(rows) for name, rows in json.loads(text)['knots'].items()}
        )
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise BadModel(model, f'{FILE} cannot be used: {err!r}') from err


def write_calibration(folder: Path, calibration: Calibration, notes: Mapping[str, Any]) -> None:
    """Write calibration.json. notes: how it was made, for people."""
    knots = {
        task.name.lower(): [[round(value, 6) for value in knot] for knot in rows]
        for task, rows in calibration.knots.items()
    }
    with atomic_file(folder / FILE) as path:
        path.write_text(json.dumps({**notes, 'knots': knots}, indent=1) + '\n')


def _knots(rows: list[list[float]]) -> Knots:
    """Knots as they were read. Raises ValueError for a curve that is none."""
    knots = [(float(score), float(probability)) for score, probability in rows]
    values = np.array(knots, dtype=np.float64).reshape(-1, 2)
    ascending = (np.diff(values[:, 0]) > 0).all() and (np.diff(values[:, 1]) >= 0).all()
    # `not (low <= value)` also refuses nan.
    if not knots or not ascending or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f'{rows} is no ascending curve from 0 to 1')
    return knots
