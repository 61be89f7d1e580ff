# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Unseen clips for the evaluation: 640x480 JPEG frames, as a camera gives them, and their truth."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.tabletop.plan import scene_from_seed
from tools.tabletop.render import Stage, photograph
from tools.tabletop.shards import CLEARLY, STEP_S, visible_share
from tools.tabletop.world import COLOURS, HEIGHT, WIDTH, Scene, state_at

FIRST_SEED = 20_000_000  # training seeds end below 3 000 000
DURATION_S = 26.0


@dataclass(frozen=True)
class Footage:
    """F frames of one episode. Times are seconds from the first frame."""

    seed: int
    times: NDArray[np.float64]  # (F,) ascending, time 0 first
    jpegs: tuple[bytes, ...]
    masks: NDArray[np.uint8]  # (F, 480, 640) labels as render.Shot gives them
    clear: NDArray[np.bool_]  # (F, 6) the colour's block is clearly visible
    present: NDArray[np.bool_]  # (6,)
    grasps: tuple[tuple[float, int], ...]  # (lift instant, colour) of each grasp, ascending


def film(seed: int, number: int, stage: Stage, frames: tuple[int, int] = (8, 32)) -> Footage:
    """Clip `number` of an evaluation seed: 8 to 32 frames, half of them with an off-grid newest."""
    rng = np.random.default_rng((seed, number, 3))
    scene = scene_from_seed(FIRST_SEED + seed * 100_000 + number, DURATION_S)
    count = int(rng.integers(frames[0], frames[1] + 1))
    times = STEP_S * np.arange(count, dtype=np.float64)
    if rng.random() < 0.5:
        times[-1] -= rng.integers(1, 5) / 10.0
    start = float(rng.uniform(0.0, DURATION_S - times[-1]))
    return film_scene(scene, start, times, stage, rng)


def film_scene(
    scene: Scene, start: float, times: NDArray[np.float64], stage: Stage, rng: np.random.Generator
) -> Footage:
    """A scene from second `start` on. times: (F,) ascending from 0; rng: of the camera's noise."""
    shots = [stage.shoot(scene, float(start + time_s), WIDTH, HEIGHT) for time_s in times]
    clear = np.zeros((len(times), len(COLOURS)), bool)
    for row, (time_s, shot) in enumerate(zip(times, shots, strict=True)):
        state = state_at(scene, float(start + time_s))
        for index, block in enumerate(scene.blocks):
            share = visible_share(scene, index, state, shot)
            clear[row, COLOURS.index(block.colour)] = share >= CLEARLY
    return Footage(
        seed=scene.seed,
        times=times.astype(np.float64),
        jpegs=tuple(_jpeg(photograph(shot.image, scene.look, rng), scene) for shot in shots),
        masks=np.stack([shot.labels for shot in shots]),
        clear=clear,
        present=np.isin(COLOURS, [block.colour for block in scene.blocks]),
        grasps=_grasps(scene, start, start + float(times[-1])),
    )


def _grasps(scene: Scene, start_s: float, end_s: float) -> tuple[tuple[float, int], ...]:
    return tuple(
        (hold.lift_s - start_s, COLOURS.index(scene.blocks[hold.block].colour))
        for hold in scene.holds
        if start_s < hold.lift_s <= end_s
    )


def _jpeg(image: NDArray[np.uint8], scene: Scene) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, scene.look.jpeg_quality]
    return bytes(cv2.imencode('.jpg', image[..., ::-1], quality)[1])
