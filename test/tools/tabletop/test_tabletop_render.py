# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures, masks and truth of the tabletop agree."""

from dataclasses import replace

import numpy as np
import pytest

from tools.tabletop.looks import photograph
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.record import record
from tools.tabletop.render import Shot, Stage
from tools.tabletop.truth import CELL_GRIPPER, CELLS, Event
from tools.tabletop.world import Scene

SEEDS = range(100, 112)
TIMES = np.arange(1.0, 20.0, 2.0)
GRID = np.ones(len(TIMES), bool)


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize('view', [0, 1])
def test_points_lie_in_masks_and_masks_agree_with_cells(stage: Stage, seed: int, view: int) -> None:
    scene = scene_from_seed(seed, 20.0)
    rng = np.random.default_rng(0)
    pictures, truth = record(scene, stage, view, TIMES, GRID, rng)
    assert pictures.shape == (len(TIMES), 168, 168, 3)
    for frame, time_s in enumerate(TIMES):
        labels = stage.shoot(scene, float(time_s), view).labels
        for thing in range(len(scene.items)):
            x, y = truth.point[frame, thing]
            assert np.isnan(x) == (truth.visible[frame, thing] < 0.05)
            if not np.isnan(x):
                assert labels[int(y * 168), int(x * 168)] == thing
        x, y = truth.gripper_point[frame]
        if not np.isnan(x):
            assert labels[int(y * 168), int(x * 168)] == CELL_GRIPPER
        side = 168 // CELLS
        middles = slice(side // 2, None, side)
        np.testing.assert_array_equal(truth.cells[frame], labels[middles, middles])


def test_an_unhidden_thing_is_seen_as_its_silhouette(stage: Stage) -> None:
    """Of every kind: the best seen one is seen nearly whole."""
    best: dict[str, float] = {}
    for seed in range(100, 140):
        scene = scene_from_seed(seed, 4.0)
        shot = stage.shoot(scene, 0.0)
        for thing, item in enumerate(scene.items):
            area = float((shot.labels == thing).mean())
            ratio = area / max(float(shot.silhouettes[thing]), 1e-6)
            best[item.kind] = max(best.get(item.kind, 0.0), ratio if area > 0.006 else 0.0)
    assert len(best) == 7
    assert all(0.9 < share < 1.1 for share in best.values()), best


def _difference(stage: Stage, scene: Scene, event: Event) -> tuple[float, float]:
    """Mean change of the picture where the thing is seen, and elsewhere, of 255."""
    before, now = (_quiet(stage, scene, event.moment_s + shift) for shift in (-0.01, 0.01))
    there = (before.labels == event.thing) | (now.labels == event.thing)
    changed = np.abs(before.image.astype(float) - now.image).mean(-1)
    return float(changed[there].mean()) if there.sum() > 40 else np.nan, changed[~there].mean()


def _quiet(stage: Stage, scene: Scene, time_s: float) -> Shot:
    return stage.shoot(scene, time_s)


def test_artefacts_are_seen_in_the_pictures_at_their_moment(stage: Stage) -> None:
    kinds = set()
    for seed in range(200, 280):
        scene = scene_from_seed(seed, 30.0)
        for event in scene.events:
            if event.kind in ('vanish', 'appear', 'jump', 'change_colour', 'change_shape'):
                change, elsewhere = _difference(stage, scene, event)
                if not np.isnan(change):
                    assert change > 8 * elsewhere or change > 40, (seed, event)
                    kinds.add(event.kind)
    assert len(kinds) == 5


def test_both_views_tell_of_the_same_events(stage: Stage) -> None:
    scene, rng = scene_from_seed(104, 20.0), np.random.default_rng(0)
    pictures, truths = zip(
        *(record(scene, stage, view, TIMES, GRID, rng) for view in (0, 1)), strict=True
    )
    first, second = truths
    assert first.events == second.events
    assert first.things == second.things
    np.testing.assert_array_equal(first.position_m, second.position_m)
    assert np.abs(pictures[0].astype(float) - pictures[1]).mean() > 10
    assert not np.allclose(first.point, second.point, equal_nan=True)


def test_the_same_seed_gives_the_same_pictures(stage: Stage) -> None:
    scenes = [scene_from_seed(103, 20.0) for _ in range(2)]
    first, again = (
        record(scene, stage, 0, TIMES[:3], GRID[:3], np.random.default_rng(1))[0]
        for scene in scenes
    )
    np.testing.assert_array_equal(first, again)


def test_small_pictures_look_like_shrunk_large_ones(stage: Stage) -> None:
    """So that shards, rendered small, look like what the package makes of 640x480."""
    import cv2

    large = Stage(640, 480)
    try:
        for seed in (101, 105):
            scene = scene_from_seed(seed, 10.0)
            shot = large.shoot(scene, 4.0)
            small = stage.shoot(scene, 4.0).image
            resized = cv2.resize(shot.image, (168, 168), interpolation=cv2.INTER_AREA)
            assert np.abs(small.astype(float) - resized).mean() < 4.0
    finally:
        large.close()


def test_depth_is_the_distance_along_the_optical_axis(stage: Stage) -> None:
    scene = scene_from_seed(102, 10.0, calm=True)
    shot = stage.shoot(scene, 1.0, depth=True)
    assert shot.depth is not None
    eye, rotation = scene.cameras[0].pose(1.0)
    middle = (rotation @ (0.0, 0.0, 1.0)) * float(shot.depth[84, 84]) + eye
    assert -0.01 < middle[2] < 0.35
    assert np.abs(middle[:2]).max() < 0.2


def test_a_photograph_adds_noise_but_keeps_colours() -> None:
    look = scene_from_seed(1).look
    look = replace(look, gain=(1.0, 1.0, 1.0), gamma=1.0, noise_std=4.0, blur=0.0, vignette=0.0)
    grey = np.full((50, 50, 3), 120, np.uint8)
    noisy = photograph(grey, look, np.random.default_rng(0))
    assert noisy.mean() == pytest.approx(120, abs=0.5)
    assert noisy.std() == pytest.approx(4.0, abs=0.3)
