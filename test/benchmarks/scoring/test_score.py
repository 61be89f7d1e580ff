# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which metrics an example gets, from which numbers. The metrics themselves: test/metrics."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.evaluations import (
    POINTS_HALF,
    POINTS_RIGHT,
    TRACKS_RIGHT,
    count_example,
    image_example,
    point_example,
    track_example,
)

from molmo_ground_ros.benchmarks.datasets.examples import PointTruth, Tubelet
from molmo_ground_ros.benchmarks.scoring.predictions import AnswerState, NoPrediction, Prediction
from molmo_ground_ros.benchmarks.scoring.score import (
    Rules,
    example_result,
    rules_of,
    score,
    unanswered_scores,
)

DEFAULT, PARITY = Rules(), Rules(parity=True)
TRACK_METRICS = ('precision', 'recall', 'f1', 'hota', 'deta', 'assa')


@pytest.mark.parametrize('rules', [DEFAULT, PARITY], ids=['default', 'parity'])
def test_right_points_at_their_times_score_1(rules):
    found = score(point_example(), POINTS_RIGHT, rules)
    assert found == pytest.approx({'precision': 1, 'recall': 1, 'f1': 1})


def test_point_off_its_object_is_half_of_two():
    assert score(point_example(), POINTS_HALF, DEFAULT) == {
        'precision': 0.5, 'recall': 0.5, 'f1': 0.5,
    }  # fmt: skip


@pytest.mark.parametrize('rules', [DEFAULT, PARITY], ids=['default', 'parity'])
def test_right_tracks_score_1_in_every_metric(rules):
    # In parity recall is a share of all objects, of the hidden one too.
    found = score(track_example(), TRACKS_RIGHT, rules)
    assert set(found) == set(TRACK_METRICS)
    assert found['hota'] == pytest.approx(1)
    assert found['f1'] == pytest.approx(1 if rules is DEFAULT else (3 + 2 / 3) / 4)


def test_tracks_are_judged_once_a_second_whatever_the_clip_runs_at():
    at_all = TRACKS_RIGHT.replace(';1.0', ';0.5 1 001 001;1.0')
    assert score(track_example(fps=2.0), at_all, DEFAULT)['f1'] == 1
    parity = score(track_example(fps=2.0), at_all, PARITY)
    assert parity['precision'] == pytest.approx(4 / 5)


def test_ids_that_swap_cost_association_and_no_points():
    swapped = TRACKS_RIGHT.replace('3.0 1 125 208 2 625 417', '3.0 2 125 208 1 625 417')
    found = score(track_example(), swapped, DEFAULT)
    assert found['f1'] == 1
    assert found['assa'] < 0.8


def test_clip_slower_than_what_is_asked_is_judged_on_all_its_frames():
    slow = track_example(fps=0.5)
    text = TRACKS_RIGHT.replace('1.0 1', '2.0 1', 1)
    assert score(slow, text, DEFAULT)['recall'] < 1
    assert set(score(slow, text, DEFAULT)) == set(TRACK_METRICS)


@pytest.mark.parametrize('rules', [DEFAULT, PARITY], ids=['default', 'parity'])
@pytest.mark.parametrize(('text', 'worth'), [('There are none.', 1), (TRACKS_RIGHT, 0)])
def test_object_that_hides_whenever_it_is_asked_for_is_not_there(rules, text, worth):
    example = track_example()
    between = tuple(
        replace(one, points={3: (8.0, 10.0)}, masks={3: one.masks[3]})
        for one in example.truth.objects
    )
    hidden = replace(example, truth=replace(example.truth, objects=between))
    assert score(hidden, text, rules) == dict.fromkeys(TRACK_METRICS, worth)


@pytest.mark.parametrize(
    ('text', 'accuracy', 'close', 'failures'),
    [
        pytest.param('3', 1, 1, 0, id='right'),
        pytest.param('4', 0, 1, 0, id='one off'),
        pytest.param(POINTS_RIGHT.replace('2.', '9.'), 0, 0, 0, id='far off'),
        pytest.param('some', 0, 0, 1, id='no number'),
    ],
)
def test_counts(text, accuracy, close, failures):
    assert score(count_example(3), text, DEFAULT) == {
        'accuracy': accuracy, 'close_accuracy': close, 'parse_failures': failures,
    }  # fmt: skip


def test_none_is_0_and_in_parity_no_answer():
    nothing = count_example(0)
    assert score(nothing, 'There are none.', DEFAULT)['accuracy'] == 1
    assert score(nothing, 'There are none.', PARITY)['parse_failures'] == 1


def test_points_of_a_picture():
    found = score(image_example(), '<points coords="1 1 125 208 2 001 001">e</points>', DEFAULT)
    assert found == {'precision': 0.5, 'recall': 0.5, 'f1': 0.5}


@pytest.mark.parametrize(('rows', 'accuracy'), [('1 125 208', 1), ('1 125 208 2 001 001', 0)])
def test_pointbench_wants_every_point_in_the_mask(rows, accuracy):
    example = image_example()
    one = replace(example, truth=replace(example.truth, masks=example.truth.masks[:1]))
    text = f'<points coords="1 {rows}">e</points>'
    assert score(one, text, rules_of('pointbench')) == {'accuracy': accuracy}


def test_points_without_masks_are_scored_by_their_number():
    bare = PointTruth((Tubelet(((1.0, 5.0, 5.0),)),) * 2, 2)
    example = replace(point_example(), truth=bare)
    assert score(example, POINTS_RIGHT, rules_of('videopoint'))['accuracy'] == 1
    assert score(example, POINTS_RIGHT, rules_of('videopointeval')) == {}


@pytest.mark.parametrize(
    ('example', 'metrics'),
    [(point_example(), ('precision', 'recall', 'f1')), (track_example(), TRACK_METRICS)],
    ids=['points', 'tracks'],
)
def test_what_is_unanswered_is_wrong_in_every_metric(example, metrics):
    found = example_result(example, NoPrediction(AnswerState.UNANSWERED, 'why'), DEFAULT)
    assert found.scores == dict.fromkeys(metrics, 0.0)
    assert (found.state, found.why) == (AnswerState.UNANSWERED, 'why')


def test_unanswered_is_wrong_even_where_nothing_would_be_right():
    nothing = replace(point_example(), truth=PointTruth((), 0))
    assert score(nothing, '', DEFAULT)['f1'] == 1
    assert unanswered_scores(nothing, DEFAULT)['f1'] == 0
    assert unanswered_scores(count_example(), DEFAULT) == {
        'accuracy': 0, 'close_accuracy': 0, 'parse_failures': 1,
    }  # fmt: skip


@pytest.mark.parametrize('state', [AnswerState.MISSING, AnswerState.NOT_ASKED])
def test_what_is_not_the_models_fault_is_left_out(state):
    assert example_result(point_example(), NoPrediction(state, 'why'), DEFAULT).scores == {}


def test_truth_that_the_rules_cannot_use_is_told_and_not_scored():
    example = track_example()
    objects = tuple(replace(one, points={}) for one in example.truth.objects)
    bare = replace(example, truth=replace(example.truth, objects=objects))
    found = example_result(bare, Prediction(TRACKS_RIGHT), PARITY)
    assert found.scores == {}
    assert 'parity pairs by annotated points' in found.why
    assert example_result(bare, Prediction(TRACKS_RIGHT), DEFAULT).scores['hota'] == 1


def test_silence_about_a_truth_that_cannot_be_used_has_no_scores():
    example = track_example()
    objects = tuple(replace(one, points={}) for one in example.truth.objects)
    bare = replace(example, truth=replace(example.truth, objects=objects))
    assert example_result(bare, NoPrediction(AnswerState.UNANSWERED, 'why'), PARITY).scores == {}


@pytest.mark.parametrize(
    ('text', 'accuracy', 'failures'),
    [('{"count": 3, "points": []}', 1, 0), ('{"count": 4, "points": []}', 0, 0), ('hm', 0, 1)],
)
def test_counts_in_the_json_of_other_models(text, accuracy, failures):
    found = score(count_example(3), text, rules_of('videocounteval', answer_format='qwen3-vl'))
    assert (found['accuracy'], found['parse_failures']) == (accuracy, failures)


def test_outcome_keeps_the_words_and_the_true_count():
    found = example_result(count_example(3), Prediction('4', truncated=True), DEFAULT)
    assert (found.text, found.truncated, found.count) == ('4', True, 3)
    assert example_result(point_example(), Prediction(POINTS_RIGHT), DEFAULT).count is None
