# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores to probabilities, from a file in the model's folder."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from support.clips import make_clip

from molmo_ground_ros.backends.replay import RecordedAnswer, ReplayBackend
from molmo_ground_ros.errors import BadModel
from molmo_ground_ros.grounding.calibration import (
    FILE,
    Calibration,
    read_calibration,
    write_calibration,
)
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Query, Task

CURVE = Calibration({Task.POINT: ((0.2, 0.1), (0.6, 0.5), (0.9, 0.7))})


@pytest.mark.parametrize(
    ('score', 'probability'),
    [(0.2, 0.1), (0.4, 0.3), (0.75, 0.6), (0.0, 0.1), (1.0, 0.7)],
)
def test_curve_is_linear_between_its_knots_and_level_outside(
    score: float, probability: float
) -> None:
    assert CURVE.probability(Task.POINT, score) == pytest.approx(probability)


def test_task_without_a_curve_and_unknown_scores_stay_as_they_are() -> None:
    assert CURVE.probability(Task.TRACK, 0.4) == 0.4
    assert math.isnan(CURVE.probability(Task.POINT, math.nan))


@pytest.mark.parametrize(
    ('text', 'words', 'task'),
    [
        ('<points coords="0.5 1 500 250">x</points>', 'Point to the block.', Task.POINT),
        ('<tracks coords="0.5 1 500 250">x</tracks>', 'Track the block.', Task.TRACK),
    ],
)
def test_answers_carry_probabilities(text: str, words: str, task: Task) -> None:
    def score(calibration: Calibration | None) -> float:
        backend = ReplayBackend([RecordedAnswer(text, logprobs=(-0.1,))])
        answer = Grounder(backend, calibration=calibration).ground(make_clip(), Query(words))
        assert answer.task is task
        points = [*answer.points, *(p for track in answer.tracks for p in track.points)]
        (point,) = points
        return point.score

    raw = score(None)
    assert 0 < raw < 1
    curve = Calibration({task: ((0.0, 0.0), (1.0, 0.5))})
    assert score(curve) == pytest.approx(raw / 2)


def test_written_curve_is_read_back(tmp_path: Path) -> None:
    write_calibration(tmp_path, CURVE, {'clips': 7})
    assert json.loads((tmp_path / FILE).read_text())['clips'] == 7
    read = read_calibration(str(tmp_path))
    assert read is not None
    assert read.probability(Task.POINT, 0.4) == pytest.approx(0.3)


@pytest.mark.parametrize('model', ['owner/name', 'http://host:1/v1#name', '/no/such/folder'])
def test_model_without_the_file_has_no_calibration(model: str) -> None:
    assert read_calibration(model) is None


@pytest.mark.parametrize(
    'text',
    [
        '{',
        '[]',
        '{"knots": {"shout": [[0, 0]]}}',
        '{"knots": {"point": []}}',
        '{"knots": {"point": [[0.5, 0.4], [0.5, 0.6]]}}',
        '{"knots": {"point": [[0.2, 0.4], [0.5, 0.3]]}}',
        '{"knots": {"point": [[0.2, 0.4], [0.5, 1.3]]}}',
        '{"knots": {"point": [[0.2, NaN]]}}',
    ],
)
def test_file_that_is_no_curve_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BadModel, match=f'{FILE} cannot be used'):
        read_calibration(str(tmp_path))
