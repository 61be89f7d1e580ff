# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Counts: the reference's reading and ours side by side, and how near is near."""

from __future__ import annotations

import math

import pytest

from molmo_ground_ros.benchmarks.metrics.counting import (
    CountScore,
    count_score,
    stated_count,
)
from molmo_ground_ros.errors import BadArgument

WRONG = CountScore(0, 0, 0)


@pytest.mark.parametrize(
    ('text', 'parity', 'default'),
    [
        pytest.param('There are none.', None, 0, id='none: a pattern of backspaces never matches'),
        pytest.param('none', None, 0, id='none alone'),
        pytest.param('\x08none\x08', 0, None, id='none between backspaces'),
        pytest.param(
            'There are 3 <points coords="1 1 100 200 2 300 400 3 500 600">cups</points>.',
            *(None, 3),
            id='count then point',
        ),
        pytest.param(
            'Counting the <points coords="0.5 1 345 678;4.0 2 123 456">grasp of the red block'
            '</points> shows a total of 2.',
            *(2, 2),
            id='point then count',
        ),
        pytest.param(
            'Counting the <points coords="1 1 900 400 2 911 800">aasdf</points> shows a total '
            'of 5.',
            *(5, 5),
            id='what is stated, not how many points there are',
        ),
        pytest.param('<points coords="2.5 1 412 630">cup</points>', None, None, id='points alone'),
        pytest.param('7', 7, 7, id='a number'),
        pytest.param('7.', 7, 7, id='a number and a full stop'),
        pytest.param('A TOTAL OF 12', 12, 12, id='capitals'),
        pytest.param('The total number of red cups is: 4.', 4, 4, id='total number'),
        pytest.param('a total of 3, then a total of 4', 3, 3, id='the first of two'),
        pytest.param('-2', -2, None, id='below 0'),
        pytest.param('1_000', 1000, None, id='a number as Python writes it'),
        pytest.param('a total of ' + '9' * 5000, None, None, id='a number without end'),
        pytest.param("Sorry, I can't count cups.", None, None, id='refused'),
        pytest.param('two', None, None, id='a word'),
        pytest.param('', None, None, id='nothing'),
    ],
)
def test_an_answer_is_read_as_the_reference_does_and_as_it_says(text, parity, default):
    assert stated_count(text, parity=True) == parity
    assert stated_count(text) == default


def test_there_are_none_is_right_by_default_and_wrong_under_parity():
    text = 'There are none.'

    assert count_score(0, stated_count(text)) == CountScore(1, 1, 1)
    assert count_score(0, stated_count(text, parity=True)) == WRONG


@pytest.mark.parametrize(
    ('truth', 'margin'),
    [(0, 1), (1, 1), (19, 1), (20, 2), (39, 2), (40, 3), (60, 4), (100, 6)],
)
def test_close_is_one_and_one_more_for_every_twenty(truth, margin):
    assert count_score(truth, truth) == CountScore(1, 1, 1)
    for side in (-1, 1):
        assert count_score(truth, truth + side * margin) == CountScore(0, 1, 1)
        assert count_score(truth, truth + side * (margin + 1)) == CountScore(0, 0, 1)


def test_the_margin_is_the_references_for_every_count():
    for truth in range(3000):
        margin = 1 + math.floor(0.05 * truth)
        assert count_score(truth, truth + margin).close == 1
        assert count_score(truth, truth + margin + 1).close == 0


def test_what_states_no_count_is_a_parse_failure():
    assert count_score(3, None) == WRONG
    assert count_score(3, None).metrics() == {
        'accuracy': 0,
        'close_accuracy': 0,
        'parse_failures': 1,
    }
    assert count_score(3, 4).metrics() == {
        'accuracy': 0,
        'close_accuracy': 1,
        'parse_failures': 0,
    }


def test_a_true_count_is_not_below_0():
    with pytest.raises(BadArgument, match='count = -1'):
        count_score(-1, 1)
