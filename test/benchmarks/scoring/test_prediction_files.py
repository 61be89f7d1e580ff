# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from molmo_ground_ros.benchmarks.scoring.prediction_files import (
    read_predictions,
    without_example,
    write_predictions,
)
from molmo_ground_ros.benchmarks.scoring.predictions import Prediction


def test_written_predictions_come_back(tmp_path):
    said = {'a': Prediction('There are none.'), '7': Prediction('\u4e2d\u2028"\ud800', True)}
    write_predictions(said.items(), tmp_path / 'said.jsonl')
    found = read_predictions(tmp_path / 'said.jsonl', 'x')
    assert (dict(found.answers), found.bad, found.name) == (said, (), 'x')


def test_whole_numbers_blank_lines_and_more_keys_are_taken(tmp_path):
    path = tmp_path / 'said.jsonl'
    path.write_text('\n{"id": 7, "text": "3", "latency": 2}\n\n')
    assert read_predictions(path, 'x').answers == {'7': Prediction('3')}


@pytest.mark.parametrize(
    ('line', 'why'),
    [
        pytest.param('{"id": "b"}', "'text' of 'b' is missing", id='no text'),
        pytest.param('{"id": "b", "text": 3}', 'no text: 3', id='text is a number'),
        pytest.param('{"text": "3"}', "'id' is missing", id='no id'),
        pytest.param('{"id": true, "text": "3"}', 'no id: True', id='id is true'),
        pytest.param('["b", "3"]', 'no JSON object', id='a list'),
        pytest.param('{"id": "b", "te', 'Unterminated string', id='torn'),
        pytest.param('[' * 100_000, 'recursion', id='deeply nested'),
        pytest.param('{"id": "a", "text": "4"}', "the id 'a' is there twice", id='twice'),
    ],
)  # fmt: skip
def test_bad_row_is_named_with_file_and_row_and_the_others_stay(tmp_path, line, why):
    path = tmp_path / 'said.jsonl'
    rows = ['{"id": "a", "text": "3"}', line, '{"id": "c", "text": "5"}']
    path.write_text('\n'.join(rows))
    found = read_predictions(path, 'x')
    assert found.answers == {'a': Prediction('3'), 'c': Prediction('5')}
    (bad,) = found.bad
    assert (bad.file, bad.row) == (str(path), 2)
    assert why in bad.why


def test_row_that_is_not_utf8_is_bad(tmp_path):
    path = tmp_path / 'said.jsonl'
    path.write_bytes(
        b'{"id": "a", "text": "\xff"}\n' + json.dumps({'id': 'b', 'text': ''}).encode()
    )
    found = read_predictions(path, 'x')
    assert [bad.row for bad in found.bad] == [1]
    assert found.answers == {'b': Prediction('')}


def test_prediction_for_no_example_is_named_with_its_row(tmp_path):
    path = tmp_path / 'said.jsonl'
    path.write_text('{"id": "a", "text": "3"}\n\n{"id": "z", "text": "3"}\n')
    (bad,) = without_example(read_predictions(path, 'x'), {'z'})
    assert (bad.file, bad.row) == (str(path), 3)
    assert "'z'" in str(bad)
