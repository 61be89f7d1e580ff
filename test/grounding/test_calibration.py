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
from molmo_ground_ros.errors import BadModel, BadSetting
from molmo_ground_ros.grounding.calibration import (
    FILE,
    WITHHELD,
    Calibration,
    read_calibration,
    write_calibration,
)
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Answer, Point, Query, Task

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
def test_answers_carry_probabilities_beside_scores(text: str, words: str, task: Task) -> None:
    def only_point(calibration: Calibration | None) -> Point:
        backend = ReplayBackend([RecordedAnswer(text, logprobs=(-0.1,))])
        answer = Grounder(backend, calibration=calibration).ground(make_clip(), Query(words))
        assert answer.task is task
        (point,) = [*answer.points, *(p for track in answer.tracks for p in track.points)]
        return point

    raw = only_point(None)
    assert 0 < raw.score < 1
    assert math.isnan(raw.probability)
    curve = Calibration({task: ((0.0, 0.0), (1.0, 0.5))})
    judged = only_point(curve)
    assert judged.score == raw.score
    assert judged.probability == pytest.approx(raw.score / 2)


TWO = '<points coords="0.5 1 500 250;1.0 2 100 100">cup</points>'
TRACKS = '<tracks coords="0.5 1 500 250;1.0 1 510 250 2 100 100">cup</tracks>'


@pytest.mark.parametrize(
    ('text', 'words', 'task', 'withheld'),
    [
        (TWO, 'Point to the cup.', Task.POINT, ['#1', '#2']),
        (TRACKS, 'Track the cup.', Task.TRACK, ['#1', '#1', '#2']),
    ],
)
def test_unsure_points_are_withheld_and_told(text, words, task, withheld) -> None:
    curve = Calibration({task: ((0.0, 0.0), (1.0, 0.5))}, {task: 0.9})

    def ask(*, abstain: bool) -> Answer:
        backend = ReplayBackend([RecordedAnswer(text, logprobs=(-0.1,))])
        grounder = Grounder(backend, calibration=curve, abstain=abstain)
        return grounder.ground(make_clip(), Query(words))

    answer = ask(abstain=True)
    assert (answer.points, answer.tracks, answer.text) == ((), (), text)
    assert {rejection.reason for rejection in answer.rejected} == {WITHHELD}
    assert [rejection.text.split()[0] for rejection in answer.rejected] == withheld
    assert 'and 0.45 is the least' in answer.rejected[0].text
    assert not ask(abstain=False).rejected


def test_points_over_the_threshold_and_of_other_tasks_stay() -> None:
    curve = Calibration({}, {Task.POINT: 0.5})
    point = Point(1, 1, 2.0, 3.0, score=0.5)
    assert not curve.withholds(Task.POINT, point)
    assert not curve.withholds(Task.POINT, Point(1, 1, 2.0, 3.0))
    assert curve.withholds(Task.POINT, Point(1, 1, 2.0, 3.0, score=0.49))
    assert not curve.withholds(Task.TRACK, Point(1, 1, 2.0, 3.0, score=0.49))


def test_named_file_comes_before_that_of_the_model(tmp_path: Path) -> None:
    write_calibration(tmp_path, CURVE, {})
    named = tmp_path / 'mine.json'
    write_calibration(named, Calibration(CURVE.knots, {Task.POINT: 0.25}), {})
    read = read_calibration(str(tmp_path), str(named))
    assert read is not None
    assert read.thresholds == {Task.POINT: 0.25}
    with pytest.raises(BadSetting, match=r"calibration = '.*none.json': it cannot be read"):
        read_calibration(str(tmp_path), str(tmp_path / 'none.json'))


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
        '{"knots": {}, "thresholds": {"point": 1.5}}',
        '{"knots": {}, "thresholds": {"point": "much"}}',
    ],
)
def test_file_that_is_no_curve_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BadModel, match=f'{FILE} cannot be used'):
        read_calibration(str(tmp_path))
