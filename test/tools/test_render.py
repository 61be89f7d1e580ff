# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures, masks and depth agree with the plan and the camera."""

import cv2
import numpy as np
import pytest

from tools.tabletop.plan import scene_from_seed
from tools.tabletop.render import EMPTY, GRIPPER, Stage, photograph, silhouette_area
from tools.tabletop.shards import SIDE, mask_point, visible_share
from tools.tabletop.world import COLOURS, HEIGHT, WIDTH, state_at

SEEDS = (3, 11)


@pytest.mark.parametrize('seed', SEEDS)
def test_projected_centre_lies_in_the_mask(stage: Stage, seed: int) -> None:
    scene = scene_from_seed(seed)
    shot = stage.shoot(scene, 0.0, WIDTH, HEIGHT)
    state, sure = state_at(scene, 0.0), 0
    for index, block in enumerate(scene.blocks):
        if visible_share(scene, index, state, shot) > 0.97:
            column, row = (int(v) for v in scene.camera.project(state.blocks[index]))
            assert shot.labels[row, column] == COLOURS.index(block.colour)
            sure += 1
    assert sure


@pytest.mark.parametrize('seed', SEEDS)
def test_silhouette_area_is_the_mask_of_an_unhidden_block(stage: Stage, seed: int) -> None:
    scene = scene_from_seed(seed)
    shot, state = stage.shoot(scene, 0.0, WIDTH, HEIGHT), state_at(scene, 0.0)
    ratios = [
        np.count_nonzero(shot.labels == COLOURS.index(block.colour))
        / silhouette_area(scene, index, state)
        for index, block in enumerate(scene.blocks)
    ]
    assert max(ratios) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize('seed', SEEDS)
def test_small_picture_is_the_resized_large_one(stage: Stage, seed: int) -> None:
    """So that shards, rendered small, look like what the package makes of 640x480."""
    scene = scene_from_seed(seed)
    large = stage.shoot(scene, 4.0, WIDTH, HEIGHT).image
    small = stage.shoot(scene, 4.0, SIDE, SIDE).image
    resized = cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    assert np.abs(small.astype(float) - resized).mean() < 1.5


def test_depth_is_the_distance_along_the_optical_axis(stage: Stage) -> None:
    scene = scene_from_seed(3)
    shot = stage.shoot(scene, 0.0, WIDTH, HEIGHT, depth=True)
    rows, columns = np.nonzero(shot.labels == EMPTY)
    pick = len(rows) // 2
    row, column = int(rows[pick]), int(columns[pick])
    camera = scene.camera
    assert shot.depth is not None
    ray = np.array([column + 0.5 - WIDTH / 2, row + 0.5 - HEIGHT / 2, camera.focal_px])
    metres = float(shot.depth[row, column])
    point = camera.position + camera.rotation @ (ray / camera.focal_px * metres)
    assert point[2] == pytest.approx(0.0, abs=0.005)  # on the table, or the 1 mm mat


def test_labels_hold_nothing_unknown(stage: Stage) -> None:
    shot = stage.shoot(scene_from_seed(11), 6.0, SIDE, SIDE)
    assert set(np.unique(shot.labels)) <= {*range(len(COLOURS)), GRIPPER, EMPTY}


def test_photograph_is_seeded_and_keeps_the_picture() -> None:
    scene = scene_from_seed(3)
    image = np.full((8, 8, 3), 128, np.uint8)
    one, two = (photograph(image, scene.look, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one, two)
    assert np.abs(one.astype(int) - 128).mean() < 40


def test_mask_point_is_in_the_mask_where_the_centre_is_hidden() -> None:
    labels = np.full((10, 10), EMPTY, np.uint8)
    labels[2:5, 1:9] = 0
    labels[2:5, 4:6] = GRIPPER
    x, y = mask_point(labels, 0, np.array((5.0, 3.5)))
    assert labels[int(y), int(x)] == 0
    assert np.array_equal(mask_point(labels, 0, np.array((2.2, 3.5))), (2.2, 3.5))
