# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from support.evaluations import (
    POINTS_HALF,
    POINTS_RIGHT,
    count_example,
    point_example,
    track_example,
)

from molmo_ground_ros.benchmarks.scoring import parallel_scoring
from molmo_ground_ros.benchmarks.scoring.parallel_scoring import score_all
from molmo_ground_ros.benchmarks.scoring.predictions import (
    AnswerState,
    NoPrediction,
    Prediction,
    Predictions,
)
from molmo_ground_ros.benchmarks.scoring.score import Rules, example_result
from molmo_ground_ros.benchmarks.scoring.worst_and_best import WorstAndBest

MAKE = (point_example, count_example, track_example)


def examples(count):
    return [MAKE[k % 3](name=f'e{k}') for k in range(count)]


def answers(count):
    texts = (POINTS_RIGHT, POINTS_HALF, '3', 'There are none.')
    return Predictions('m', {f'e{k}': Prediction(texts[k % 4]) for k in range(count) if k % 5})


def test_processes_give_the_same_in_the_same_order(monkeypatch):
    monkeypatch.setattr(parallel_scoring, 'FEW', 3)
    models = [answers(60), Predictions('none', {})]
    alone = list(score_all(examples(60), models, Rules()))
    spread = list(score_all(examples(60), models, Rules(), processes=2))
    assert spread == alone
    assert [example.id for example, _ in spread] == [f'e{k}' for k in range(60)]
    assert {result.state for _, (result, _) in spread} == {
        AnswerState.ANSWERED,
        AnswerState.UNANSWERED,
    }


def test_only_a_few_examples_are_read_ahead(monkeypatch):
    monkeypatch.setattr(parallel_scoring, 'FEW', 2)
    monkeypatch.setattr(parallel_scoring, '_BATCH', 2)
    read_ahead = 0

    def stream():
        nonlocal read_ahead
        for example in examples(60):
            read_ahead += 1
            yield example

    judged = score_all(stream(), [answers(60)], Rules(), processes=1)
    next(judged)
    assert read_ahead == 1
    judged = score_all(stream(), [answers(60)], Rules(), processes=2)
    read_ahead = 0
    for _ in range(3):
        next(judged)
    assert read_ahead <= 2 + 2 * 2 * 3
    judged.close()


def test_few_examples_start_no_process(monkeypatch):
    monkeypatch.setattr(parallel_scoring, 'ProcessPoolExecutor', None)
    assert len(list(score_all(examples(9), [answers(9)], Rules(), processes=2))) == 9


def held(*texts):
    extremes = WorstAndBest(each=2)
    for k, text in enumerate(texts):
        example = point_example(name=f'e{k}')
        prediction = (
            NoPrediction(AnswerState.UNANSWERED, 'why') if text is None else Prediction(text)
        )
        extremes.add(example, example_result(example, prediction, Rules()))
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
