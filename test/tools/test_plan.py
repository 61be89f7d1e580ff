# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The scripted gripper's truth, at a millisecond's resolution, from the states alone."""

from itertools import pairwise

import numpy as np
import pytest

from tools.tabletop.plan import scene_from_seed
from tools.tabletop.world import CLEAR_M, COLOURS, HEIGHT, WIDTH, Scene, state_at

SEEDS = range(40, 52)


def heights(scene: Scene, block: int, times: np.ndarray) -> np.ndarray:
    """Height of a block's bottom above the table, m."""
    half = scene.blocks[block].size_m / 2
    return np.array([state_at(scene, float(t)).blocks[block][2] - half for t in times])


def test_same_seed_gives_the_same_episode() -> None:
    one, two = scene_from_seed(7), scene_from_seed(7)
    assert one.actions == two.actions
    assert np.array_equal(one.path, two.path)
    assert one.look == two.look


@pytest.mark.parametrize('seed', SEEDS)
def test_lift_instant_is_when_the_closed_gripper_first_raises_the_block(seed: int) -> None:
    scene = scene_from_seed(seed)
    for hold in scene.holds:
        around = np.array([hold.lift_s - 2e-3, hold.lift_s + 2e-3])
        before, after = heights(scene, hold.block, around)
        assert before < CLEAR_M < after
        closed = state_at(scene, hold.lift_s).opening_m
        assert closed == pytest.approx(scene.blocks[hold.block].size_m)
        earlier = np.linspace(hold.close_s, hold.lift_s - 2e-3, 20)
        assert (heights(scene, hold.block, earlier) < CLEAR_M).all()


@pytest.mark.parametrize('kind', ['miss', 'touch', 'idle'])
def test_what_is_no_grasp_moves_no_block(kind: str) -> None:
    seen = 0
    for seed in SEEDS:
        scene = scene_from_seed(seed)
        for action in scene.actions:
            if action.kind == kind:
                seen += 1
                times = np.linspace(action.start_s, action.end_s, 15)
                places = np.array([state_at(scene, float(t)).blocks for t in times])
                assert np.allclose(places, places[0])
                assert not any(action.start_s < h.lift_s < action.end_s for h in scene.holds)
    assert seen


def test_every_grasp_action_is_one_hold() -> None:
    for seed in SEEDS:
        scene = scene_from_seed(seed)
        grasps = [action for action in scene.actions if action.kind == 'grasp']
        assert [hold.block for hold in scene.holds] == [action.block for action in grasps]
        for action, hold in zip(grasps, scene.holds, strict=True):
            assert action.start_s < hold.close_s < hold.lift_s < hold.place_s < hold.release_s
            assert hold.release_s < action.end_s


def test_a_block_is_down_for_a_second_between_two_grasps_of_it() -> None:
    """Else the 2 fps frames could not tell two grasps from one."""
    for seed in SEEDS:
        scene = scene_from_seed(seed)
        for index in range(len(scene.blocks)):
            holds = [hold for hold in scene.holds if hold.block == index]
            pauses = [b.lift_s - a.place_s for a, b in pairwise(holds)]
            assert all(pause > 1.0 for pause in pauses)


def test_blocks_have_distinct_colours_and_stay_in_the_picture() -> None:
    for seed in SEEDS:
        scene = scene_from_seed(seed)
        colours = [block.colour for block in scene.blocks]
        assert 2 <= len(colours) == len(set(colours)) <= 5
        assert set(colours) <= set(COLOURS)
        for time_s in np.linspace(0.0, scene.duration_s, 40):
            state = state_at(scene, float(time_s))
            rests = [i for i in range(len(colours)) if i != state.held]
            share = scene.camera.project(state.blocks[rests]) / (WIDTH, HEIGHT)
            assert share.min() > 0.05
            assert share.max() < 0.95
