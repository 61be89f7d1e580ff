# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: make a model's scores probabilities, from its answers about clips with a known truth.

Half of the clips fit a curve for each task; the error is stated on the other half. The curve goes
to calibration.json in the model's folder, which the package applies from then on. The last line
printed is one JSON object. The clips are of a seed that neither training nor `evaluate` uses.
"""

import argparse
import json
import os
import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks.metrics.reliability import (
    BINS,
    calibration_error,
    fitted_knots,
    reliability,
)
from molmo_ground_ros.errors import BadArgument
from molmo_ground_ros.grounding.calibration import Calibration, write_calibration
from molmo_ground_ros.types import Task
from tools.tabletop.evaluate import MODEL, Answered, Course, answers, stamps_of
from tools.tabletop.footage import LONGEST_S, SHORTEST_S
from tools.tabletop.render import RendererMissingError
from tools.tabletop.scoring import right_points, score_tracks
from tools.tabletop.shares import shares

SEED = 77
Judged = tuple[Task, float, bool]
"""A point's task, its score, and whether it is right."""


def judged_points(answered: Answered) -> list[Judged]:
    """The points of one answer that the question asked for a frame of."""
    footage, clip, answer = answered.footage, answered.clip, answered.answer
    stamps = stamps_of(footage)
    if answered.asked.task == 'text':
        return []
    if answered.asked.task == 'track':
        scores = {
            (track.id, (stamps.index(p.stamp_ns), p.x, p.y)): p.score
            for track in answer.tracks
            for p in track.points
        }
        judged = score_tracks(footage, clip, answered.asked, scores).judged
        return [(answer.task, scores[point], right) for point, right in judged.items()]
    places = [(stamps.index(p.stamp_ns), p.x, p.y) for p in answer.points]
    right = right_points(footage, clip, answered.asked, places)
    scored = zip(answer.points, right, strict=True)
    return [(answer.task, point.score, is_right) for point, is_right in scored]


def collect(course: Course, numbers: range) -> list[tuple[int, list[Judged]]]:
    """By clip, the judged points of all its questions; one process's share."""
    points: dict[int, list[Judged]] = defaultdict(list)
    for answered in answers(course, numbers):
        points[answered.number] += judged_points(answered)
    return list(points.items())


def fitted(judged: list[Judged]) -> Calibration:
    """A curve for each task that has points enough."""
    knots = {}
    for task in {task for task, _, _ in judged}:
        scores, right = zip(*((s, r) for t, s, r in judged if t is task), strict=True)
        try:
            knots[task] = fitted_knots(scores, right)
        except BadArgument as error:
            print(f'{task.name.lower()}: {error}')
    return Calibration(knots)


def errors_of(judged: list[Judged], calibration: Calibration) -> dict[str, Any]:
    """The calibration error of points before and after, and the curve after it."""
    right = [is_right for _, _, is_right in judged]
    raw = [score for _, score, _ in judged]
    probable = [calibration.probability(task, score) for task, score, _ in judged]
    return {
        'points': len(judged),
        'error_before': round(calibration_error(raw, right), 4),
        'error_after': round(calibration_error(probable, right), 4),
        'curve': [
            [round(row.stated, 3), round(row.right, 3), row.points]
            for row in reliability(probable, right)
            if row.points
        ],
    }


def calibrate(by_clip: Mapping[int, list[Judged]]) -> tuple[Calibration, dict[str, Any]]:
    """Fit on clips with an even number, measure on the others; then fit on all."""
    even = [point for number, points in by_clip.items() if number % 2 == 0 for point in points]
    odd = [point for number, points in by_clip.items() if number % 2 for point in points]
    notes = errors_of(odd, fitted(even))
    return fitted(even + odd), {'clips': len(by_clip), 'bins': BINS, **notes}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--model', type=Path, default=MODEL, help='a folder, written to')
    parser.add_argument('--backend', default='onnx')
    parser.add_argument('--seed', type=int, default=SEED)
    parser.add_argument('--clips', type=int, default=200)
    parser.add_argument('--processes', type=int, default=os.cpu_count() or 1)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 2 with one line on stderr where the renderer is missing."""
    options = _parser().parse_args(arguments)
    course = Course(str(options.model), options.backend, options.seed, (SHORTEST_S, LONGEST_S))
    try:
        found = shares(partial(collect, course), options.clips, options.processes)
    except RendererMissingError as err:
        print(err, file=sys.stderr)
        return 2
    by_clip = {number: points for part in found for number, points in part}
    calibration, notes = calibrate(by_clip)
    write_calibration(options.model, calibration, {'seed': options.seed, **notes})
    print(json.dumps(notes))
    return 0


if __name__ == '__main__':
    sys.exit(main())
