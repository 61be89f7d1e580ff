# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The evaluation's measures on a clip whose masks are drawn by hand."""

import numpy as np
import pytest

from tools.tabletop.footage import Footage
from tools.tabletop.questions import ANY
from tools.tabletop.render import EMPTY
from tools.tabletop.scoring import Spot, Tally, score_grasps, score_points, score_track

RED, GREEN = 0, 1
ON_RED, ON_GREEN, BESIDE = (15.0, 15.0), (35.0, 15.0), (5.0, 5.0)


@pytest.fixture
def footage() -> Footage:
    """Six frames: red at x 10 to 20 throughout, green at x 30 to 40 from the third on.

    Red is lifted 0.4 s and 2.0 s in.
    """
    masks = np.full((6, 30, 50), EMPTY, np.uint8)
    masks[:, 10:20, 10:20] = RED
    masks[2:, 10:20, 30:40] = GREEN
    clear = np.zeros((6, 6), bool)
    clear[:, RED], clear[2:, GREEN] = True, True
    present = np.arange(6) < 2
    return Footage(1, 0.5 * np.arange(6), (), masks, clear, present, ((0.4, RED), (2.0, RED)))


@pytest.mark.parametrize(
    ('colour', 'spots', 'expected'),
    [
        pytest.param(RED, [(0, *ON_RED)], Tally(1, 1, 1), id='on the block'),
        pytest.param(RED, [(0, *BESIDE)], Tally(0, 1, 1), id='beside it'),
        pytest.param(RED, [(0, *ON_RED), (1, *ON_RED)], Tally(1, 2, 1), id='twice counts once'),
        pytest.param(GREEN, [(0, *ON_GREEN)], Tally(0, 1, 1), id='before it is there'),
        pytest.param(ANY, [(0, *ON_RED), (2, *ON_GREEN)], Tally(2, 2, 2), id='all blocks'),
        pytest.param(3, [], Tally(0, 0, 0), id='absent and not said'),
        pytest.param(3, [(0, *ON_RED)], Tally(0, 1, 0), id='absent but said'),
    ],
)
def test_points(footage: Footage, colour: int, spots: list[Spot], expected: Tally) -> None:
    assert score_points(footage, colour, spots) == expected


@pytest.mark.parametrize(
    ('spots', 'expected'),
    [
        pytest.param([(1, *ON_RED), (4, *ON_RED)], Tally(2, 2, 2), id='both'),
        pytest.param([(1, *ON_RED), (1, *ON_RED)], Tally(1, 2, 2), id='one lift, said twice'),
        pytest.param([(2, *ON_RED)], Tally(0, 1, 2), id='0.6 s late'),
        pytest.param([(1, *ON_GREEN)], Tally(0, 1, 2), id='right time, wrong place'),
        pytest.param([(5, *ON_RED)], Tally(1, 1, 2), id='0.5 s late is in time'),
        pytest.param([], Tally(0, 0, 2), id='none said'),
    ],
)
def test_grasps(footage: Footage, spots: list[Spot], expected: Tally) -> None:
    assert score_grasps(footage, RED, spots) == expected


def test_track_asks_for_every_clear_frame_and_no_other(footage: Footage) -> None:
    every = [(frame, *ON_GREEN) for frame in range(2, 6)]
    assert score_track(footage, GREEN, every).f1 == 1.0
    assert score_track(footage, GREEN, [(0, *ON_GREEN), *every]) == Tally(4, 5, 4)
    assert score_track(footage, GREEN, every[1:]) == Tally(3, 3, 4)
    assert score_track(footage, GREEN, [(2, *BESIDE), *every[1:]]) == Tally(3, 4, 4)


def test_barely_seen_block_may_be_tracked_or_left_out(footage: Footage) -> None:
    footage.clear[3, GREEN] = False
    every = [(frame, *ON_GREEN) for frame in range(2, 6)]
    assert score_track(footage, GREEN, every).f1 == 1.0
    assert score_track(footage, GREEN, [every[0], *every[2:]]).f1 == 1.0


def test_f1_is_of_the_sums() -> None:
    assert (Tally(1, 2, 1) + Tally(1, 1, 2)).f1 == pytest.approx(4 / 6)
    assert Tally(0, 0, 0).f1 == 1.0
