# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""JSON as models write it: values keep their names, and those without one are kept too."""

from __future__ import annotations

import pytest

from molmo_ground_ros.language.grammar.loose_json import Leaf, find_json


def values(text):
    """(name, value) of each entry of the only object or list."""
    (root,) = find_json(text).roots
    return [(name, leaf.value) for name, leaf in root.items if isinstance(leaf, Leaf)]


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('{"a": 1, "B ": 2}', [('a', 1.0), ('b', 2.0)]),
        ('{"a": 1, 5}', [('a', 1.0), ('', 5.0)]),
        ('{5, "a": 1}', [('', 5.0), ('a', 1.0)]),
        ('[1, "two"]', [('', 1.0), ('', 'two')]),
    ],
)
def test_values_are_kept_with_or_without_a_name(text, expected):
    assert values(text) == expected


@pytest.mark.parametrize(('text', 'sound'), [('{"a": 1}', True), ('{"a": 1, 5}', False)])
def test_object_with_a_value_that_has_no_name_is_not_sound(text, sound):
    (root,) = find_json(text).roots
    assert root.sound is sound
