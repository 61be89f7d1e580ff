# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground calibrate`: makes scores probabilities, from answers that somebody has judged.

It reads the labelled records that `molmo-ground export` reads. It writes the file of the setting
`calibration`, and a page with its curves beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks.feedback.calibrating import (
    Checked,
    Judged,
    TaskCurve,
    ThresholdChoice,
    check,
    fit,
    judge,
)
from molmo_ground_ros.benchmarks.feedback.risk_page import write_risk_page
from molmo_ground_ros.commands.export import Reading, sources
from molmo_ground_ros.errors import BadField, BadSetting
from molmo_ground_ros.grounding.calibration import Calibration, write_calibration
from molmo_ground_ros.reports.answer_table import text_table
from molmo_ground_ros.types import Task

# The share of points to give, where neither --keep nor --risk says otherwise.
KEEP = 0.8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    parser.add_argument(
        'records', nargs='+', metavar='RECORDS', help='.jsonl or .csv with its verdict column'
    )
    parser.add_argument(
        '--out', required=True, metavar='FILE',
        help="the calibration (.json); calibration.json in the model's folder is found by itself",
    )  # fmt: skip
    parser.add_argument(
        '--check', action='append', default=[], metavar='RECORDS',
        help='measure the result on these as well; they are not fitted on',
    )  # fmt: skip
    parser.add_argument(
        '--method', default='auto', choices=['auto', 'isotonic', 'platt'],
        help='auto: isotonic for 200 points of a task and more, else platt. Default: auto.',
    )  # fmt: skip
    threshold = parser.add_mutually_exclusive_group()
    threshold.add_argument(
        '--keep', type=float, default=None, metavar='SHARE',
        help=f'withhold the least sure, and keep this share; 1 withholds nothing. Default: {KEEP}.',
    )  # fmt: skip
    threshold.add_argument(
        '--risk', type=float, default=None, metavar='SHARE',
        help='withhold until no more than this share of what is kept is wrong',
    )  # fmt: skip
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def run(arguments: argparse.Namespace) -> int:
    """Fit, write the calibration and its page, and print how good it is."""
    choice = _choice(arguments)
    points = read_judged([Path(name) for name in arguments.records])
    held_out = read_judged([Path(name) for name in arguments.check])
    if not points:
        why = 'no point in them has both a score and a verdict'
        raise BadSetting('records', ', '.join(arguments.records), why)
    curves = fit(points, arguments.method, choice)
    checked = check(held_out, curves)
    out = Path(arguments.out)
    calibration = Calibration(
        {Task[curve.task.upper()]: curve.knots for curve in curves},
        {Task[curve.task.upper()]: curve.threshold for curve in curves if curve.threshold},
    )
    notes = {'tasks': {curve.task: _figures(curve) for curve in curves}}
    write_risk_page(curves, checked, out.with_suffix('.html'))
    write_calibration(out, calibration, notes)
    if arguments.json:
        print(json.dumps({**notes, 'check': {n: asdict(c) for n, c in checked.items()}}))
    else:
        _print(curves, checked, out)
    return 0


def read_judged(paths: Sequence[Path]) -> list[Judged]:
    """The judged points of files; what cannot be used is a line on stderr."""
    reading = _ScoredReading()
    for path, source in zip(paths, sources(paths), strict=True):
        reading.read(path, source)
    for complaint in reading.complaints:
        print(complaint, file=sys.stderr)
    return reading.judged


class _ScoredReading(Reading):
    """Reads what `export` reads, and the score, place and stamp that the model gave."""

    def __init__(self) -> None:
        super().__init__()
        self.judged: list[Judged] = []

    def _take(self, record: Any, source: str) -> None:
        super()._take(record, source)
        place = float(record['x']), float(record['y'])
        point = judge(self.rows[-1], _score(record), place, int(record['stamp_ns']))
        self.judged += [point] if point else []


def _score(record: Mapping[str, Any]) -> float:
    """The model's own score, NaN where it has none. Raises BadField."""
    value = record.get('score')
    if value in (None, ''):
        return math.nan
    try:
        score = float(str(value))
    except ValueError:
        score = math.nan
    # `not (0 <= score)` also refuses nan.
    if not 0 <= score <= 1:
        raise BadField('score', value, 'must be from 0 to 1')
    return score


def _choice(arguments: argparse.Namespace) -> ThresholdChoice:
    for name in ('keep', 'risk'):
        value = getattr(arguments, name)
        if value is not None and not (0 <= value <= 1 and (value or name == 'risk')):
            raise BadSetting(name, value, 'must be a share, from 0 to 1')
    if arguments.risk is not None:
        return ThresholdChoice(risk=arguments.risk)
    return ThresholdChoice(keep=KEEP if arguments.keep is None else arguments.keep)


def _figures(curve: TaskCurve) -> dict[str, Any]:
    """What is written of a curve for people; shares have four decimals."""
    figures = {
        'error_before': curve.error_before,
        'error_after': curve.error_after,
        'right_share': curve.right / curve.points,
        'kept_share': curve.at_threshold.share,
        'kept_right_share': 1 - curve.at_threshold.risk,
    }
    rounded = {name: round(value, 4) for name, value in figures.items()}
    return {'method': curve.method, 'points': curve.points, **rounded}


def _print(curves: Sequence[TaskCurve], checked: Mapping[str, Checked], out: Path) -> None:
    header = ['task', 'method', 'points', 'right', 'error', 'calibrated', 'keeps', 'of them right']
    rows = [
        [
            *(curve.task, curve.method, str(curve.points), f'{curve.right / curve.points:.1%}'),
            *(f'{curve.error_before:.3f}', f'{curve.error_after:.3f}'),
            *(f'{curve.at_threshold.share:.1%}', f'{1 - curve.at_threshold.risk:.1%}'),
        ]
        for curve in curves
    ]
    print(text_table(header, rows))
    if checked:
        print('\non the records of --check:')
        rows = [
            [
                *(name, '', str(c.points), f'{c.right_share:.1%}', f'{c.error_before:.3f}'),
                *(f'{c.error_after:.3f}', f'{c.kept_share:.1%}', f'{c.kept_right_share:.1%}'),
            ]
            for name, c in checked.items()
        ]
        print(text_table(header, rows))
    print(f'\n{out}, curves in {out.with_suffix(".html")}')
