# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The curves of a calibration as one HTML page: reliability, and risk by coverage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from molmo_ground_ros.benchmarks.feedback.calibrating import Checked, TaskCurve
from molmo_ground_ros.reports.html import write_html

SIZE = 320  # units of a plot's side
MOST_STEPS = 400  # of a curve that is drawn


def write_risk_page(
    curves: Sequence[TaskCurve], checked: Mapping[str, Checked], path: Path
) -> None:
    """Write the page. Raises OSError, MissingPackage."""
    write_html(
        path,
        'calibration.html',
        'page.css',
        title='Calibration',
        curves=curves,
        checked=checked,
        size=SIZE,
        risk_line=risk_line,
        top_risk=top_risk,
        stated_and_right=stated_and_right,
    )


def top_risk(curve: TaskCurve) -> float:
    """The risk at the top of the plot: a round number above all of the curve from 5 % on."""
    highest = max(step.risk for step in curve.curve if step.share >= 0.05)
    return next(top for top in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if highest <= top)


def risk_line(curve: TaskCurve) -> str:
    """The curve as the points of an SVG polyline: coverage to the right, risk upwards."""
    step = -(-len(curve.curve) // MOST_STEPS)
    drawn = [*curve.curve[::step], curve.curve[-1]]
    top = top_risk(curve)
    return _points((each.share, min(1.0, each.risk / top)) for each in drawn)


def stated_and_right(curve: TaskCurve) -> str:
    """The mean probability and the share that is right of each bin, as an SVG polyline."""
    return _points((row.stated, row.right) for row in curve.bins if row.points)


def _points(shares: Iterable[tuple[float, float]]) -> str:
    return ' '.join(f'{x * SIZE:.1f},{(1 - y) * SIZE:.1f}' for x, y in shares)
