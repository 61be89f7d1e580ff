# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which tokens may follow; `test_released.py` holds the whole to the released code."""

from __future__ import annotations

import pytest

from molmo_ground_ros.backends.molmo_point.rules import Allowed, GroundingBounds, Turn, next_allowed

# Patches 100 .. 103, "no more" 104, subpatches 105 .. 108, locations 109 .. 117.
BOUNDS = GroundingBounds(100, 4, 4)
WORD = 7


def after(*tokens):
    grounding = [(i, token) for i, token in enumerate(tokens) if token >= BOUNDS.first]
    return next_allowed(grounding, len(tokens), BOUNDS)


@pytest.mark.parametrize(
    ('tokens', 'allowed'),
    [
        pytest.param((WORD,), Allowed(Turn.TEXT_OR_PATCH), id='any patch is the first'),
        pytest.param((WORD, 102), Allowed(Turn.SUBPATCH), id='a subpatch follows a patch'),
        pytest.param((102, 106), Allowed(Turn.LOCATION), id='a location follows a subpatch'),
        pytest.param(
            (102, 106, 117), Allowed(Turn.TEXT_OR_PATCH, 2), id='no patch lies before the last'
        ),
        pytest.param(
            (102, 106, 117, WORD, 102), Allowed(Turn.SUBPATCH, 2), id='of one patch only later ones'
        ),
        pytest.param(
            (102, 106, 117, WORD, 103), Allowed(Turn.SUBPATCH), id='of a later patch any subpatch'
        ),
        pytest.param(
            (102, 108, 117, WORD), Allowed(Turn.TEXT_OR_PATCH, 3), id='a spent patch is left out'
        ),
        pytest.param((102, 106, 117, 104), Allowed(Turn.TEXT), id='no more is the end'),
        pytest.param((104, WORD, WORD), Allowed(Turn.TEXT), id='no more stays the end'),
        # parity: the newest subpatch counts from the second token after it on.
        pytest.param(
            (102, 108, 117), Allowed(Turn.TEXT_OR_PATCH, 2), id='a point without an id counts late'
        ),
    ],
)
def test_what_may_follow(tokens, allowed):
    assert after(*tokens) == allowed


def test_each_grounding_token_is_of_one_kind():
    kinds = [BOUNDS.is_patch, BOUNDS.is_subpatch, BOUNDS.is_location]
    assert [sum(kind(token) for kind in kinds) for token in range(99, 119)] == [0, *[1] * 18, 0]
    assert BOUNDS.is_patch(BOUNDS.no_more)
