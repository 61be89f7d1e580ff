# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fits curves from scores to probabilities and chooses thresholds, from labelled points.

A point is right as it was given, or it is not: one that a person moved is wrong, unless it was
moved by less than the score speaks of. Errors are measured on points that the curve was not fitted
on: the windows of each task are dealt to FOLDS parts, and each part is judged by a curve of the
others. Knows no files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from molmo_ground_ros.benchmarks.feedback.labels import LabelRow, Verdict
from molmo_ground_ros.benchmarks.metrics.reliability import (
    LEAST_POINTS,
    Bin,
    Coverage,
    calibration_error,
    fitted_knots,
    platt_knots,
    reliability,
    risk_coverage,
)
from molmo_ground_ros.errors import BadArgument

FOLDS = 5
# Of points, from which isotonic regression is better than two parameters.
ISOTONIC_POINTS = 8 * LEAST_POINTS
# A score speaks of a place to 1 % of the image, so a smaller correction is none.
_NEAR = 0.01

Knots = list[tuple[float, float]]
Fit = Callable[[Sequence[float], Sequence[bool]], Knots]


@dataclass(frozen=True, slots=True)
class Judged:
    """A point with a score that a person or a simulator has judged."""

    task: str  # small letters
    score: float  # the model's own, in [0, 1]
    right: bool
    # What it shares with points that are right and wrong together: recording, camera and window.
    group: tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class TaskCurve:
    """What was fitted for a task, and how good it is on points that it was not fitted on."""

    task: str
    method: str  # 'isotonic' or 'platt'
    points: int
    right: int
    knots: Knots
    threshold: float  # the least score to give; 0 withholds nothing
    error_before: float  # expected calibration error of the scores
    error_after: float  # of the probabilities
    bins: tuple[Bin, ...]  # of the probabilities
    curve: tuple[Coverage, ...]
    at_threshold: Coverage  # what the threshold keeps


@dataclass(frozen=True, slots=True)
class Checked:
    """How a calibration does on other points."""

    points: int
    right_share: float
    error_before: float
    error_after: float
    kept_share: float
    kept_right_share: float  # NaN if nothing is kept


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """How a threshold is chosen: by the share to keep, or by the share of wrong ones among those.

    Exactly one is set.
    """

    keep: float | None = None
    risk: float | None = None


def judge(row: LabelRow, score: float, place: tuple[float, float], stamp_ns: int) -> Judged | None:
    """A labelled row as a judged point; None without a verdict or a score.

    score, place, stamp_ns: as the model gave them; NaN for an unknown score.
    """
    if row.verdict is Verdict.UNSEEN or math.isnan(score):
        return None
    moved = math.hypot(row.x - place[0], row.y - place[1]) / math.hypot(row.width, row.height)
    right = row.verdict is Verdict.RIGHT and moved <= _NEAR and row.stamp_ns == stamp_ns
    group = row.question.source, row.question.camera, row.start_ns
    return Judged(row.task, score, right, group)


def fit(points: Sequence[Judged], method: str, choice: ThresholdChoice) -> list[TaskCurve]:
    """A curve for each task, by name.

    method: 'isotonic', 'platt', or 'auto', which is isotonic for ISOTONIC_POINTS and more. Raises
    BadArgument for a task with too few points or windows, and for a score outside of [0, 1];
    MissingPackage without scipy.
    """
    tasks = sorted({point.task for point in points})
    return [
        _fit_task(task, [p for p in points if p.task == task], method, choice) for task in tasks
    ]


def check(points: Sequence[Judged], curves: Sequence[TaskCurve]) -> dict[str, Checked]:
    """How curves do on points that they were not fitted on, by task, and 'all' of them."""
    by_task = {curve.task: curve for curve in curves}
    fitted = [point for point in points if point.task in by_task]
    groups = {task: [p for p in fitted if p.task == task] for task in by_task}
    return {
        name: _check(group, by_task) for name, group in {**groups, 'all': fitted}.items() if group
    }


def _check(points: Sequence[Judged], curves: Mapping[str, TaskCurve]) -> Checked:
    right = [point.right for point in points]
    probabilities = [_probability(curves[point.task].knots, point.score) for point in points]
    sure = [point.right for point in points if point.score >= curves[point.task].threshold]
    return Checked(
        points=len(points),
        right_share=sum(right) / len(right),
        error_before=calibration_error([point.score for point in points], right),
        error_after=calibration_error(probabilities, right),
        kept_share=len(sure) / len(points),
        kept_right_share=sum(sure) / len(sure) if sure else math.nan,
    )


def _fit_task(
    task: str, points: Sequence[Judged], method: str, choice: ThresholdChoice
) -> TaskCurve:
    name = method
    if method == 'auto':
        name = 'isotonic' if len(points) >= ISOTONIC_POINTS else 'platt'
    fitter: Fit = fitted_knots if name == 'isotonic' else platt_knots
    scores, right = [p.score for p in points], [p.right for p in points]
    try:
        probabilities = _held_out(points, fitter)
        knots = fitter(scores, right)
    except BadArgument as err:
        raise BadArgument(f'points of task {task}', len(points), err.args[0]) from err
    curve = risk_coverage(scores, right)
    chosen = _chosen(curve, choice)
    return TaskCurve(
        task=task,
        method=name,
        points=len(points),
        right=sum(right),
        knots=knots,
        threshold=0.0 if chosen.share == 1 else chosen.threshold,
        error_before=calibration_error(scores, right),
        error_after=calibration_error(probabilities, right),
        bins=tuple(reliability(probabilities, right)),
        curve=tuple(curve),
        at_threshold=chosen,
    )


def _held_out(points: Sequence[Judged], fitter: Fit) -> list[float]:
    """The probability of each point, by a curve of the other parts."""
    groups = sorted({point.group for point in points})
    part = {group: number % FOLDS for number, group in enumerate(groups)}
    probabilities = [0.0] * len(points)
    for fold in range(FOLDS):
        others = [point for point in points if part[point.group] != fold]
        knots = fitter([p.score for p in others], [p.right for p in others])
        for place, point in enumerate(points):
            if part[point.group] == fold:
                probabilities[place] = _probability(knots, point.score)
    return probabilities


def _probability(knots: Knots, score: float) -> float:
    scores, probabilities = zip(*knots, strict=True)
    return float(np.interp(score, scores, probabilities))


def _chosen(curve: Sequence[Coverage], choice: ThresholdChoice) -> Coverage:
    """The step of a curve that keeps the share, or the last one whose risk is low enough.

    If no step is, the one with the lowest risk.
    """
    if choice.keep is not None:
        return next(step for step in curve if step.share >= choice.keep - 1e-9)
    least = choice.risk or 0.0
    low_enough = [step for step in curve if step.risk <= least]
    return low_enough[-1] if low_enough else min(curve, key=lambda step: (step.risk, -step.share))
