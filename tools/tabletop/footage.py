# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Unseen clips to measure a model on: 640x480 JPEG frames as a camera gives, and their truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.tabletop.looks import jpeg
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.record import STEP_S, expose, truth_of, truth_row
from tools.tabletop.render import Stage
from tools.tabletop.shards import SECOND_VIEW
from tools.tabletop.truth import Truth
from tools.tabletop.world import HEIGHT, WIDTH, Scene

FIRST_SEED = 20_000_000  # seeds to train on end below it
SHORTEST_S, LONGEST_S = 8.0, 63.0
LATEST_START_S = 6.0  # the clip begins so long after its episode at most


@dataclass(frozen=True)
class Footage:
    """F frames of one episode. The truth's times are the episode's."""

    truth: Truth
    jpegs: tuple[bytes, ...]
    labels: NDArray[np.uint8]  # (F, 480, 640) a thing's index, CELL_GRIPPER or CELL_EMPTY

    def mask(self, frame: int, thing: int) -> NDArray[np.bool_]:
        """(480, 640) where a frame shows a thing, or the gripper for CELL_GRIPPER."""
        pixels: NDArray[np.bool_] = self.labels[frame] == thing
        return pixels


def camera_stage() -> Stage:
    """A stage of the size of the camera's pictures."""
    return Stage(WIDTH, HEIGHT, oversize=1)


def film(
    seed: int,
    number: int,
    stage: Stage,
    seconds: tuple[float, float] = (SHORTEST_S, LONGEST_S),
    view: int | None = None,
    extra: bool = True,
) -> Footage:
    """Clip `number` of an evaluation's seed: half of the clips end off the grid of 0.5 s.

    seconds: the shortest and longest clip; lengths are spread so that short ones are as frequent as
    long ones on a logarithmic scale. view: 0 or 1, else one clip in four is of the second camera.
    extra: whether clips may end off the grid; those that would end one frame earlier without.
    """
    rng = np.random.default_rng((seed, number, 3))
    length = float(np.exp(rng.uniform(*np.log(seconds))))
    times = np.arange(0.0, length + 1e-6, STEP_S)
    on_grid = np.ones(len(times), bool)
    if rng.random() < 0.5 and len(times) > 2:
        times[-1] -= rng.integers(1, 5) / 10.0
        on_grid[-1] = False
    if not extra:
        times, on_grid = times[on_grid], on_grid[on_grid]
    start = float(rng.uniform(0.0, LATEST_START_S))
    scene = scene_from_seed(FIRST_SEED + seed * 100_000 + number, start + float(times[-1]) + 0.1)
    drawn = int(rng.random() < SECOND_VIEW)
    return film_scene(scene, stage, drawn if view is None else view, start + times, on_grid, rng)


def film_scene(
    scene: Scene,
    stage: Stage,
    view: int,
    times: NDArray[np.float64],
    on_grid: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Footage:
    """A scene at these times. rng: of the camera's noise."""
    jpegs, labels, rows = [], [], []
    for exposure in expose(scene, stage, view, times, rng):
        jpegs.append(jpeg(exposure.image, scene.look.jpeg_quality))
        labels.append(exposure.shot.labels)
        rows.append(truth_row(scene, view, exposure))
    truth = truth_of(scene, view, times, on_grid, rows)
    return Footage(truth, tuple(jpegs), np.stack(labels))
