# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Times, numbers and ids as models write them in JSON."""

from __future__ import annotations

import pytest

from molmo_ground_ros.language.grammar.json_fields import key_of, natural_of, seconds_of
from molmo_ground_ros.language.grammar.loose_json import Leaf


@pytest.mark.parametrize(
    ('value', 'seconds'),
    [
        pytest.param(2.5, 2.5, id='number'),
        pytest.param('2.5 s', 2.5, id='with a unit'),
        pytest.param('01:02', 62.0, id='minutes'),
        pytest.param('1:02:03.5', 3723.5, id='hours'),
        pytest.param('<3 seconds>', 3.0, id='in brackets'),
        pytest.param(-1.0, None, id='below 0'),
        pytest.param(1e9, None, id='above every time'),
        pytest.param('soon', None, id='no time'),
        pytest.param('1:2:3:4', None, id='too many parts'),
    ],
)
def test_times_are_read_as_seconds(value, seconds):
    assert seconds_of(Leaf(value, 0, 1)) == seconds


@pytest.mark.parametrize(
    ('value', 'number'), [(3.0, 3), (3.5, None), (-1.0, None), (' 12 ', 12), ('1.5', None)]
)
def test_whole_numbers_are_read_also_as_text(value, number):
    assert natural_of(Leaf(value, 0, 1)) == number


@pytest.mark.parametrize(
    ('value', 'key'), [(2.0, 2), ('7', 7), ('object_12', 12), ('red cup', 'red cup')]
)
def test_an_id_is_its_number_or_else_its_text(value, key):
    assert key_of(Leaf(value, 0, 1)) == key


def test_what_is_missing_stays_missing():
    assert seconds_of(None) is None
    assert key_of(None) is None
