# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A model's own scores of points to probabilities that were measured for that model.

A model is more sure of itself than it is right, or less. Where its folder holds calibration.json,
made from answers with a known truth, each point gets a probability beside its score: the share of
points with such a score that were right. It is a monotone curve. A calibration may also have a
threshold for a task: points with a lower score are withheld, and become rejections of the answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ground_ros.errors import BadModel, BadSetting
from molmo_ground_ros.storage.atomic import atomic_file
from molmo_ground_ros.types import Answer, Point, Rejection, Task

FILE = 'calibration.json'
Knots = Sequence[tuple[float, float]]
"""(score, probability), both ascending and in [0, 1]."""


# The reason of the rejections that stand for withheld points.
WITHHELD = 'withheld by the calibration'


@dataclass(frozen=True, slots=True)
class Calibration:
    """A curve for each task, linear between its knots, and the least score of points to give.

    A task without a curve has no probabilities; one without a threshold withholds nothing.
    """

    knots: Mapping[Task, Knots]
    thresholds: Mapping[Task, float] = field(default_factory=dict)

    def probability(self, task: Task, score: float) -> float:
        """What a score of a task's point means, in [0, 1]; NaN stays NaN.

        Of a task without a curve it is the score.
        """
        knots = self.knots.get(task)
        if not knots or math.isnan(score):
            return score
        scores, probabilities = zip(*knots, strict=True)
        return float(np.interp(score, scores, probabilities))

    def applied(self, answer: Answer) -> Answer:
        """The answer with a probability at each of its points."""
        if answer.task not in self.knots:
            return answer
        tracks = tuple(
            replace(track, points=self._points(answer.task, track.points))
            for track in answer.tracks
        )
        return replace(answer, points=self._points(answer.task, answer.points), tracks=tracks)

    def point(self, task: Task, point: Point) -> Point:
        """The point with its probability."""
        has_curve = task in self.knots
        value = self.probability(task, point.score) if has_curve else math.nan
        return replace(point, probability=value)

    def withholds(self, task: Task, point: Point) -> bool:
        """Whether a point's score is below the threshold. An unknown score is not."""
        return point.score < self.thresholds.get(task, 0.0)

    def rejection(self, task: Task, point: Point) -> Rejection:
        """What stands for a point that is withheld."""
        least = self.thresholds.get(task, 0.0)
        text = (
            f'#{point.id} at {point.stamp_ns} ns ({point.x:.0f}, {point.y:.0f}): probability '
            f'{self.probability(task, point.score):.2f}, and {self.probability(task, least):.2f} '
            f'is the least (score {point.score:.2f} of {least:.2f})'
        )
        return Rejection(WITHHELD, text)

    def without_unsure(self, answer: Answer) -> Answer:
        """The answer without the points that are withheld. Each is a rejection in their place.

        The count that the model states, and its words, stay as they are.
        """
        unsure = [
            point
            for points in (answer.points, *(track.points for track in answer.tracks))
            for point in points
            if self.withholds(answer.task, point)
        ]
        if not unsure:
            return answer
        tracks = [
            replace(track, points=self._sure(answer.task, track.points)) for track in answer.tracks
        ]
        return replace(
            answer,
            points=self._sure(answer.task, answer.points),
            tracks=tuple(track for track in tracks if track.points),
            rejected=(*answer.rejected, *(self.rejection(answer.task, p) for p in unsure)),
        )

    def _points(self, task: Task, points: Sequence[Point]) -> tuple[Point, ...]:
        return tuple(self.point(task, point) for point in points)

    def _sure(self, task: Task, points: Sequence[Point]) -> tuple[Point, ...]:
        return tuple(point for point in points if not self.withholds(task, point))


def read_calibration(model: str, file: str = '') -> Calibration | None:
    """The calibration in a file, or without one that in a model's folder; None if it has none.

    model: as in the settings; what is no local folder has none. Raises BadModel for a file that
    cannot be used: scores that are called probabilities must not be wrong silently. Raises
    BadSetting for a named file that cannot be read.
    """
    path = Path(file or Path(model, FILE)).expanduser()
    try:
        text = path.read_text()
    except OSError as err:
        if file:
            raise BadSetting('calibration', file, f'it cannot be read: {err}') from err
        return None
    try:
        entries = json.loads(text)
        return Calibration(
            {Task[name.upper()]: _knots(rows) for name, rows in entries['knots'].items()},
            {
                Task[name.upper()]: _share(value)
                for name, value in entries.get('thresholds', {}).items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise BadModel(file or model, f'{path.name} cannot be used: {err!r}') from err


def write_calibration(path: Path, calibration: Calibration, notes: Mapping[str, Any]) -> None:
    """Write a calibration. path: a file, or a model's folder. notes: how it was made, for people.

    Raises OSError, and leaves an older file as it was.
    """
    knots = {
        task.name.lower(): [[round(value, 6) for value in knot] for knot in rows]
        for task, rows in calibration.knots.items()
    }
    thresholds = {
        task.name.lower(): round(value, 6) for task, value in calibration.thresholds.items()
    }
    content = {**notes, 'thresholds': thresholds, 'knots': knots}
    with atomic_file(path / FILE if path.is_dir() else path) as unfinished:
        unfinished.write_text(json.dumps(content, indent=1) + '\n')


def _share(value: float) -> float:
    """A score as it was read. Raises ValueError for a value that is none."""
    if not 0 <= value <= 1:
        raise ValueError(f'{value} is not from 0 to 1')
    return float(value)


def _knots(rows: list[list[float]]) -> Knots:
    """Knots as they were read. Raises ValueError for a curve that is none."""
    knots = [(float(score), float(probability)) for score, probability in rows]
    values = np.array(knots, dtype=np.float64).reshape(-1, 2)
    ascending = (np.diff(values[:, 0]) > 0).all() and (np.diff(values[:, 1]) >= 0).all()
    # `not (low <= value)` also refuses nan.
    if not knots or not ascending or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f'{rows} is no ascending curve from 0 to 1')
    return knots
