# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

from support.evaluations import POINTS_HALF, POINTS_RIGHT, count_example, point_example

from molmo_ground_ros.benchmarks.scoring.predictions import Prediction, Predictions
from molmo_ground_ros.benchmarks.scoring.result import result_of, write_results
from molmo_ground_ros.benchmarks.scoring.result_tables import notes, tables
from molmo_ground_ros.benchmarks.scoring.score import Rules, example_result
from molmo_ground_ros.errors import BadRecord

SKIPPED = BadRecord('data.jsonl', 3, 'count = -1: is below 0')


def result(name, examples, *texts, complete=True, bad=(), **more_answers):
    given = {
        example.id: Prediction(text) for example, text in zip(examples, texts, strict=False)
    } | more_answers
    answers = Predictions(name, given, complete=complete)
    return result_of(
        answers,
        [example_result(example, answers.to(example.id), Rules()) for example in examples],
        bad,
    )


def points():
    categories = ('object', 'action_or_event', 'anomaly', 'object')
    return [point_example(name=f'e{k}', category=example) for k, example in enumerate(categories)]


def test_rows_are_models_and_columns_metrics_as_the_article_has_them():
    shown = tables('videopointeval', [
        result('good', points(), *[POINTS_RIGHT] * 4), result('half', points(), *[POINTS_HALF] * 4),
    ])  # fmt: skip
    first = shown[0]
    assert first.header == ('Model', 'n', 'F1', 'Recall', 'Precision')
    assert first.rows == (
        ('good', '4', *['100.0 [100.0, 100.0]'] * 3), ('half', '4', *['50.0 [50.0, 50.0]'] * 3),
    )  # fmt: skip
    text = first.text().splitlines()
    assert text[0] == 'videopointeval'
    assert text[3].startswith('good ')


def test_categories_stand_in_the_articles_order_under_its_names():
    _, categories = tables('x', [result('m', points(), POINTS_RIGHT, POINTS_HALF)])
    assert [row[:2] for row in categories.rows] == [
        ('Objects', '2'), ('Actions/Events', '1'), ('Visual artifacts/anomalies', '1'),
    ]  # fmt: skip


def test_true_counts_are_a_table_of_their_own():
    examples = [count_example(count, f'e{count}') for count in (0, 3, 7, 30)]
    shown = tables('x', [result('m', examples, '0', '3', '8', '9')])
    assert [row[:2] for row in shown[-1].rows] == [('0-5', '2'), ('5-10', '1'), ('25+', '1')]
    assert shown[0].header == ('Model', 'n', 'Acc.', 'Close Acc.', 'Parse failures')


def test_interval_holds_its_mean():
    examples = points()
    row = tables('x', [result('m', examples, POINTS_RIGHT, POINTS_HALF, POINTS_RIGHT, '')])[0].rows[
        0
    ]
    mean, rest = row[2].split(' [')
    low, high = map(float, rest.removesuffix(']').split(', '))
    assert low < float(mean) < high
    assert float(mean) == 62.5


def test_table_as_markdown_escapes_what_would_end_a_cell():
    text = tables('x', [result('a|b\nc', points(), POINTS_RIGHT)])[0].markdown()
    assert '| a\\|b c | 4 |' in text
    assert '| --- | --- |' in text


def test_notes_name_the_rules_and_what_is_left_out():
    examples = points()
    answers = Predictions(
        'm',
        {'e0': Prediction(POINTS_RIGHT, True)},
        failed={'e1': 'why'},
        missing={'e2': 'no'},
        complete=False,
    )
    found = result_of(
        answers,
        [example_result(example, answers.to(example.id), Rules()) for example in examples],
        [SKIPPED],
    )
    lines = notes([found], [SKIPPED], Rules())
    assert 'default rules' in lines[0]
    assert '--parity' in notes([found], [], Rules(parity=True))[0]
    assert lines[1:] == [
        '1 broken records of the data were skipped',
        'm: 1 unanswered, and counted as wrong: why (1)',
        'm: 1 cut off by the limit of tokens',
        'm: 1 left out: the video is missing or cannot be read: no (1)',
        'm: 1 not asked: the run was interrupted',
        'm: 1 rows of predictions that cannot be used',
    ]
    assert found.numbers(1) | {
        'examples': 2,
        'skipped': 1,
        'f1': 0.5,
        'unanswered': 1,
    } == found.numbers(1)


def test_notes_tell_the_commonest_reasons_first_and_not_all_of_them():
    examples = [point_example(name=f'e{k}') for k in range(6)]
    reasons = ('gone', 'late', 'gone', 'lost', 'x' * 900, 'late')
    failed = {example.id: why for example, why in zip(examples, reasons, strict=True)}
    answers = Predictions('m', {}, failed=failed)
    found = result_of(
        answers,
        [example_result(example, answers.to(example.id), Rules()) for example in examples],
        [],
    )
    line = notes([found], [], Rules())[1]
    assert line.endswith('counted as wrong: gone (2); late (2); lost (1); ...')


def test_results_hold_every_example_and_no_nan(tmp_path):
    examples = [*points(), count_example(name='c')]
    found = result('m', examples, POINTS_RIGHT, POINTS_HALF, bad=[SKIPPED])
    write_results([found], [SKIPPED], {'format': 'x'}, tmp_path / 'r.json')
    record = json.loads((tmp_path / 'r.json').read_text(), parse_constant=lambda _: 1 / 0)
    model = record['models']['m']
    assert [example['state'] for example in model['examples']] == ['answered'] * 2 + [
        'unanswered'
    ] * 3
    assert model['examples'][1]['scores'] == {'precision': 0.5, 'recall': 0.5, 'f1': 0.5}
    assert model['metrics']['examples'] == 5
    assert model['categories']['Objects']['examples'] == 3
    assert record['skipped'] == [{'file': 'data.jsonl', 'row': 3, 'why': 'count = -1: is below 0'}]
