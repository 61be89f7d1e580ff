# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from evaluations import POINTS_HALF, POINTS_RIGHT, count_example, point_example, track_example

from molmo_ground_ros.evaluation import judge as judging
from molmo_ground_ros.evaluation.extremes import Extremes
from molmo_ground_ros.evaluation.judge import judge
from molmo_ground_ros.evaluation.score import Rules, outcome
from molmo_ground_ros.evaluation.values import Answers, Said, Silence, State

MAKE = (point_example, count_example, track_example)


def examples(count):
    return [MAKE[k % 3](name=f'e{k}') for k in range(count)]


def answers(count):
    texts = (POINTS_RIGHT, POINTS_HALF, '3', 'There are none.')
    return Answers('m', {f'e{k}': Said(texts[k % 4]) for k in range(count) if k % 5})


def test_processes_give_the_same_in_the_same_order(monkeypatch):
    monkeypatch.setattr(judging, 'FEW', 3)
    models = [answers(60), Answers('none', {})]
    alone = list(judge(examples(60), models, Rules()))
    spread = list(judge(examples(60), models, Rules(), processes=2))
    assert spread == alone
    assert [example.id for example, _ in spread] == [f'e{k}' for k in range(60)]
    assert {one.state for _, (one, _) in spread} == {State.ANSWERED, State.UNANSWERED}


def test_only_a_few_examples_are_read_ahead(monkeypatch):
    monkeypatch.setattr(judging, 'FEW', 2)
    monkeypatch.setattr(judging, '_BATCH', 2)
    taken = 0

    def stream():
        nonlocal taken
        for example in examples(60):
            taken += 1
            yield example

    judged = judge(stream(), [answers(60)], Rules(), processes=1)
    next(judged)
    assert taken == 1
    judged = judge(stream(), [answers(60)], Rules(), processes=2)
    taken = 0
    for _ in range(3):
        next(judged)
    assert taken <= 2 + 2 * 2 * 3
    judged.close()


def test_few_examples_start_no_process(monkeypatch):
    monkeypatch.setattr(judging, 'ProcessPoolExecutor', None)
    assert len(list(judge(examples(9), [answers(9)], Rules(), processes=2))) == 9


def held(*texts):
    extremes = Extremes(each=2)
    for k, text in enumerate(texts):
        example = point_example(name=f'e{k}')
        heard = Silence(State.UNANSWERED, 'why') if text is None else Said(text)
        extremes.add(example, outcome(example, heard, Rules()))
    worst = [example.id for example, _ in extremes.worst()]
    return worst, [example.id for example, _ in extremes.best()]


@pytest.mark.parametrize(
    ('texts', 'worst', 'best'),
    [
        pytest.param((), [], [], id='none'),
        pytest.param((POINTS_HALF,), ['e0'], [], id='one is no best'),
        pytest.param((POINTS_RIGHT, POINTS_HALF, ''), ['e2', 'e1'], ['e0'], id='three'),
        pytest.param(
            (POINTS_RIGHT, '', POINTS_HALF, '', POINTS_RIGHT, '', POINTS_RIGHT),
            ['e1', 'e3'], ['e0', 'e4'], id='of equals the first',
        ),
        pytest.param((None, '', POINTS_RIGHT, POINTS_RIGHT, POINTS_RIGHT), ['e1', 'e0'],
                     ['e2', 'e3'], id='answers before silence'),
    ],
)  # fmt: skip
def test_worst_and_best(texts, worst, best):
    assert held(*texts) == (worst, best)
