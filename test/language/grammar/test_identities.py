# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ids of the objects of several blocks."""

from __future__ import annotations

import pytest

from molmo_ground_ros.language.grammar import AnswerIds, parse


@pytest.mark.parametrize(
    ('blocks', 'expected'),
    [
        pytest.param([[1, 2]], [{1: 1, 2: 2}], id='one block keeps its ids'),
        pytest.param([[1, 3]], [{1: 1, 3: 3}], id='also where they have a hole'),
        pytest.param([[0, 1]], [{0: 1, 1: 2}], id='an id below 1 moves them all'),
        pytest.param([[1, 2], [1]], [{1: 1, 2: 2}, {1: 3}], id='the same id is another object'),
        pytest.param([[1], [2, 3]], [{1: 1}, {2: 2, 3: 3}], id='ids above the earlier ones stay'),
        pytest.param([[3], [4, 1]], [{3: 3}, {1: 4, 4: 5}], id='one too low moves them all'),
        pytest.param([[2], [], [1]], [{2: 2}, {}, {1: 3}], id='a block without points'),
    ],
)
def test_objects_of_different_blocks_get_different_ids(blocks, expected):
    text = ' and '.join(
        '<points coords="0.5 {}">cup</points>'.format(' '.join(f'{i} 100 100' for i in ids))
        if ids
        else '<points coords="">cup</points>'
        for ids in blocks
    )
    ids = AnswerIds()
    assert [ids.of_block(block) for block in parse(text).blocks] == expected
