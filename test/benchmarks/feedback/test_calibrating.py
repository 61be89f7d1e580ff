# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip('scipy', reason="needs scipy: pip install 'molmo_ground_ros[eval]'")

from molmo_ground_ros.benchmarks.feedback.calibrating import (
    Judged,
    ThresholdChoice,
    check,
    fit,
    judge,
)
from molmo_ground_ros.benchmarks.feedback.labels import LabelRow, QuestionKey, Verdict
from molmo_ground_ros.errors import BadArgument

KEEP = ThresholdChoice(keep=0.8)


def overconfident(seed: int, count: int = 2000, task: str = 'count') -> list[Judged]:
    """Points that are right as often as the square of their score says."""
    chance = np.random.default_rng(seed)
    scores = chance.uniform(0, 1, count)
    right = chance.random(count) < scores**2
    return [
        Judged(task, float(score), bool(is_right), ('bag', '/image', number // 4))
        for number, (score, is_right) in enumerate(zip(scores, right, strict=True))
    ]


@pytest.mark.parametrize(('method', 'count'), [('isotonic', 2000), ('platt', 400)])
def test_probabilities_hold_on_other_points_and_kept_ones_are_right_more_often(method, count):
    (curve,) = fit(overconfident(1, count), method, KEEP)
    assert (curve.task, curve.method, curve.points) == ('count', method, count)
    assert curve.error_before > 0.12
    # Measured on few points a bin, so with more noise than below.
    assert curve.error_after < 0.08
    held_out = check(overconfident(2), [curve])
    assert set(held_out) == {'count', 'all'}
    figures = held_out['count']
    assert figures.error_after < 0.05 < figures.error_before
    assert figures.kept_share == pytest.approx(0.8, abs=0.03)
    assert figures.kept_right_share > figures.right_share + 0.05


def test_method_goes_by_the_number_of_points():
    points = [*overconfident(1, 199), *overconfident(2, 200, 'track')]
    assert [curve.method for curve in fit(points, 'auto', KEEP)] == ['platt', 'isotonic']


@pytest.mark.parametrize(
    ('choice', 'share', 'risk'),
    [
        pytest.param(ThresholdChoice(keep=1.0), 1.0, 2 / 3, id='all'),
        pytest.param(ThresholdChoice(keep=0.5), 0.5, 0.5, id='half'),
        pytest.param(ThresholdChoice(risk=0.3), 0.3, 0.3, id='few wrong ones'),
        pytest.param(ThresholdChoice(risk=0.0), 0.0, 0.0, id='none wrong'),
    ],
)
def test_threshold_is_chosen_on_the_curve(choice, share, risk):
    (curve,) = fit(overconfident(1, 4000), 'isotonic', choice)
    assert curve.at_threshold.share == pytest.approx(share, abs=0.12)
    assert curve.at_threshold.risk == pytest.approx(risk, abs=0.1)
    assert (curve.threshold == 0) == (choice.keep == 1)


def test_too_few_points_of_a_task_are_named():
    with pytest.raises(BadArgument, match=r'points of task count = 20: .*25 points or more'):
        fit(overconfident(1, 20), 'auto', KEEP)


def row(verdict: Verdict, x: float = 100.0, stamp_ns: int = 5) -> LabelRow:
    question = QuestionKey('bag', '/image', 0, 'event')
    return LabelRow(
        question, 'How many?', 'count', stamp_ns, 1, 'cup', x, 50.0, 640, 480, 0, 9, False, verdict
    )


@pytest.mark.parametrize(
    ('labelled', 'right'),
    [
        pytest.param(row(Verdict.RIGHT), True, id='confirmed'),
        pytest.param(row(Verdict.WRONG), False, id='wrong'),
        pytest.param(row(Verdict.RIGHT, x=107.0), True, id='hardly moved'),
        pytest.param(row(Verdict.RIGHT, x=109.0), False, id='moved'),
        pytest.param(row(Verdict.RIGHT, stamp_ns=6), False, id='moved in time'),
    ],
)
def test_point_is_judged_as_the_model_gave_it(labelled, right):
    judged = judge(labelled, 0.5, (100.0, 50.0), 5)
    assert judged == Judged('count', 0.5, right, ('bag', '/image', 0))


def test_points_without_a_verdict_or_a_score_are_left_out():
    assert judge(row(Verdict.UNSEEN), 0.5, (100.0, 50.0), 5) is None
    assert judge(row(Verdict.RIGHT), float('nan'), (100.0, 50.0), 5) is None
