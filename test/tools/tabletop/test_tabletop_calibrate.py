# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A curve from judged points, fitted on half of the clips and measured on the other half."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molmo_ground_ros.grounding.calibration import FILE
from molmo_ground_ros.types import Task
from tools.tabletop.calibrate import Judged, calibrate, main
from tools.tabletop.render import RendererMissingError


def clips(seed: int, points: int) -> dict[int, list[Judged]]:
    """Points of a model that is far too sure of its points, and not of its tracks."""
    rng = np.random.default_rng(seed)
    by_clip: dict[int, list[Judged]] = {}
    for number in range(40):
        scores = rng.random(points)
        right = rng.random(points) < scores**3
        judged = [(Task.POINT, float(s), bool(r)) for s, r in zip(scores, right, strict=True)]
        followed = rng.random(points)
        right = rng.random(points) < followed
        judged += [(Task.TRACK, float(s), bool(r)) for s, r in zip(followed, right, strict=True)]
        by_clip[number] = judged
    return by_clip


def test_curve_brings_the_error_on_other_clips_down() -> None:
    calibration, notes = calibrate(clips(1, 80))
    assert notes['clips'] == 40
    assert notes['points'] == 40 * 80
    assert notes['error_before'] > 0.1
    assert notes['error_after'] < 0.03
    assert calibration.probability(Task.POINT, 0.5) == pytest.approx(0.125, abs=0.06)
    assert calibration.probability(Task.TRACK, 0.5) == pytest.approx(0.5, abs=0.08)


def test_task_with_too_few_points_keeps_its_scores(capsys: pytest.CaptureFixture[str]) -> None:
    calibration, notes = calibrate(clips(2, 1))
    assert calibration.knots == {}
    assert notes['error_after'] == notes['error_before']
    assert 'a curve needs' in capsys.readouterr().out


def test_command_that_fails_keeps_the_calibration_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_arguments: Any) -> None:
        raise RendererMissingError('no renderer')

    monkeypatch.setattr('tools.tabletop.calibrate.shares', missing)
    (tmp_path / FILE).write_text('{}')
    assert main(['--model', str(tmp_path)]) == 2
    assert 'no renderer' in capsys.readouterr().err
    assert (tmp_path / FILE).read_text() == '{}'
