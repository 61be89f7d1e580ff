# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries of the parameter are read, and a bad one is named with its number and text."""

from __future__ import annotations

import json

import pytest

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.grounding.standing import StandingRequest, read_request
from molmo_ground_ros.types import Task


def test_plain_words_are_the_question() -> None:
    assert read_request(1, '  How many cups? ') == StandingRequest('How many cups?')


def test_an_object_names_the_rest() -> None:
    fields = {
        'query': 'How many cups?',
        'id': 'cups',
        'task': 'Count',
        'cameras': ['front', 'rear'],
        'period': 2.5,
        'window': 20,
        'priority': -1,
    }
    assert read_request(1, json.dumps(fields)) == StandingRequest(
        'How many cups?', Task.COUNT, 'cups', ('front', 'rear'), 2_500_000_000, 20_000_000_000, -1
    )


@pytest.mark.parametrize(
    ('entry', 'words'),
    [
        pytest.param('{"query": "x"', 'it is no JSON', id='cut off'),
        pytest.param('{}', "it has no 'query'", id='no question'),
        pytest.param('{"query": "x", "perod": 5}', "no such field: 'perod'", id='unknown field'),
        pytest.param('{"query": 5}', 'query must be a text', id='a number for a text'),
        pytest.param('{"query": "x", "task": "jump"}', "unknown task 'jump'", id='unknown task'),
        pytest.param('{"query": "x", "period": "5 s"}', 'a number of seconds', id='a text'),
        pytest.param('{"query": "x", "period": true}', 'a number of seconds', id='true'),
        pytest.param('{"query": "x", "period": NaN}', 'must be finite', id='nan'),
        pytest.param('{"query": "x", "window": Infinity}', 'must be finite', id='infinite'),
        pytest.param('{"query": "x", "cameras": "front"}', 'a list of texts', id='no list'),
        pytest.param('{"query": "x", "cameras": [1]}', 'a list of texts', id='a list of numbers'),
        pytest.param('{"query": "x", "priority": 1.5}', 'a whole number', id='half a priority'),
    ],
)
def test_a_bad_entry_is_named(entry: str, words: str) -> None:
    with pytest.raises(BadSetting, match='standing_queries, entry 3') as caught:
        read_request(3, entry)
    assert words in str(caught.value) and repr(entry) in str(caught.value)
