# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Windows overlap with those before them, leave no hole if they can, and suit several questions."""

from __future__ import annotations

import pytest
from support.recordings import CAMERA, QUESTION, make_answer

from molmo_ground_ros.grounding.standing.reach import Reach, common_start, reach
from molmo_ground_ros.grounding.stitch import RunningStitcher
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.types import Query

S = 1_000_000_000


def stitched(*windows: tuple[int, int], since: int = 100) -> RunningStitcher:
    stitcher = RunningStitcher(CAMERA, question_of(Query(QUESTION)))
    stitcher.covered.begin(since * S)
    for begin, end in windows:
        stitcher.add(make_answer((begin * S, end * S)))
    return stitcher


@pytest.mark.parametrize(
    ('windows', 'held', 'start'),
    [
        pytest.param([], (90, 105), 100, id='the first begins when the question was set'),
        pytest.param([], (103, 110), 103, id='or with the oldest image'),
        pytest.param([(100, 120)], (90, 125), 105, id='it has the length that is set'),
        pytest.param([(100, 105)], (90, 110), 100.5, id='it begins after the one before it'),
        pytest.param([(100, 120)], (110, 139), 115, id='it overlaps, though it is longer then'),
        pytest.param([(100, 120)], (130, 155), 130, id='it begins with the oldest image'),
        pytest.param([(100, 120)], (110, 180), 117, id='it is no longer than 63 s'),
    ],
)  # fmt: skip
def test_next_window_of_20_s_begins(windows, held, start) -> None:
    limits = reach(stitched(*windows), (held[0] * S, held[1] * S), 20 * S)
    assert limits.start_ns == start * S


def test_no_window_is_too_short_to_follow_the_one_before_it() -> None:
    limits = reach(stitched((100, 120), (120, 121)), (110 * S, 120_900_000_000), 20 * S)
    assert limits.earliest_ns > limits.latest_ns


def test_several_questions_share_a_start_that_leaves_none_a_hole() -> None:
    leader, other = Reach(10, 50, 40), Reach(20, 30, 25)
    assert common_start(leader, [other]) == 25
    assert common_start(leader, [Reach(45, 60, 50)]) == 45
    assert common_start(leader, []) == 40


def test_the_leader_has_its_way_where_none_suits_all() -> None:
    assert common_start(Reach(10, 20, 15), [Reach(30, 40, 35)]) == 15
