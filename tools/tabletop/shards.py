# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training shards: sampled frames of many episodes with everything that is true of each frame.

A shard is NAME.frames.npy, (E, F, 126, 126, 3) uint8 RGB, beside NAME.labels.npz, whose arrays are
the fields of Labels stacked over E episodes. Frames are the 0.5 s grid (phase drawn per episode)
and EXTRA frames between grid points, ascending in time.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.tabletop.plan import scene_from_seed
from tools.tabletop.render import GRIPPER, Shot, Stage, photograph, silhouette_area
from tools.tabletop.world import COLOURS, HEIGHT, WIDTH, Scene, State, state_at

SIDE, PATCH, STEP_S = 126, 14, 0.5
GRID, EXTRA = 50, 6
CLEARLY = 0.35  # of its silhouette must be seen for a block to count as clearly visible
_GRID_SIDE = SIDE // PATCH


@dataclass(frozen=True)
class Labels:
    """The truth of F frames; C = 6 colours, as COLOURS. Positions are shares of the picture."""

    time_s: NDArray[np.float32]  # (F,)
    on_grid: NDArray[np.bool_]  # (F,)
    present: NDArray[np.bool_]  # (C,) the colour is in the scene
    visible: NDArray[np.float32]  # (F, C) seen share of the silhouette, 0 where there is no mask
    point: NDArray[np.float32]  # (F, C, 2) x, y inside the mask; nan where there is no mask
    held: NDArray[np.bool_]  # (F, C) the gripper is closed on it
    lifted: NDArray[np.bool_]  # (F, C) held and clear of the table
    grip: NDArray[np.float32]  # (F, 4) x, y of the grip point, opening and height in metres
    cover: NDArray[np.uint8]  # (F, 81, 7) of 255: each label's share of each patch


def frame_times(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Ascending times of GRID + EXTRA frames, and which lie on the grid."""
    grid = rng.uniform(0.0, STEP_S) + STEP_S * np.arange(GRID)
    slots = rng.choice(GRID - 1, size=EXTRA, replace=False)
    extra = grid[slots] + rng.integers(1, 5, EXTRA) / 10.0
    times = np.concatenate([grid, extra])
    order = np.argsort(times)
    return times[order].astype(np.float32), (np.arange(GRID + EXTRA) < GRID)[order]


def mask_point(
    labels: NDArray[np.uint8], label: int, centre: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A point (x, y) of the mask: the projected centre, else the mask's pixel nearest to its mean.

    labels: (H, W); centre: (2,) pixels of the same picture.
    """
    height, width = labels.shape
    column, row = (int(np.floor(v)) for v in centre)
    if 0 <= column < width and 0 <= row < height and labels[row, column] == label:
        return centre
    rows, columns = np.nonzero(labels == label)
    spots = np.stack([columns, rows], axis=1) + 0.5
    inner: NDArray[np.float64] = spots[np.argmin(((spots - spots.mean(0)) ** 2).sum(1))]
    return inner


def visible_share(scene: Scene, index: int, state: State, shot: Shot) -> float:
    """How much of a block's silhouette the picture shows, in [0, 1]."""
    height, width = shot.labels.shape
    label = COLOURS.index(scene.blocks[index].colour)
    seen = np.count_nonzero(shot.labels == label) * (WIDTH * HEIGHT) / (width * height)
    return min(1.0, float(seen / max(silhouette_area(scene, index, state), 1.0)))


def episode(seed: int, stage: Stage) -> tuple[NDArray[np.uint8], Labels]:
    """Frames (F, 126, 126, 3) and labels of one seed's episode."""
    rng = np.random.default_rng((seed, 1))
    scene = scene_from_seed(seed)
    times, on_grid = frame_times(rng)
    frames: list[NDArray[np.uint8]] = []
    rows: list[dict[str, NDArray[np.generic]]] = []
    squeeze = rng.random() < 0.25
    for time_s in times:
        shot = stage.shoot(scene, float(time_s), SIDE, SIDE)
        frames.append(_worn(photograph(shot.image, scene.look, rng), scene, squeeze))
        rows.append(_frame_labels(scene, float(time_s), shot))
    stacked = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
    present = np.isin(COLOURS, [block.colour for block in scene.blocks])
    return np.stack(frames), Labels(times, on_grid, present, **stacked)


def _worn(image: NDArray[np.uint8], scene: Scene, squeeze: bool) -> NDArray[np.uint8]:
    if not squeeze:
        return image
    quality = [cv2.IMWRITE_JPEG_QUALITY, scene.look.jpeg_quality]
    return np.asarray(cv2.imdecode(cv2.imencode('.jpg', image, quality)[1], 1), np.uint8)


def _frame_labels(scene: Scene, time_s: float, shot: Shot) -> dict[str, NDArray[np.generic]]:
    state = state_at(scene, time_s)
    count = len(COLOURS)
    visible, point = np.zeros(count, np.float32), np.full((count, 2), np.nan, np.float32)
    held, lifted = np.zeros(count, bool), np.zeros(count, bool)
    scale = np.array((SIDE / WIDTH, SIDE / HEIGHT))
    for index, block in enumerate(scene.blocks):
        label = COLOURS.index(block.colour)
        held[label], lifted[label] = state.held == index, state.lifted == index
        visible[label] = visible_share(scene, index, state, shot)
        if visible[label] > 0:
            centre = scene.camera.project(state.blocks[index]) * scale
            point[label] = mask_point(shot.labels, label, centre) / SIDE
    grip = scene.camera.project(state.grip) / (WIDTH, HEIGHT)
    return {
        'visible': visible,
        'point': point,
        'held': held,
        'lifted': lifted,
        'grip': np.array((*grip, state.opening_m, state.grip[2]), np.float32),
        'cover': _cover(shot.labels),
    }


def _cover(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(81, 7) share of each 14x14 patch that each colour and the gripper cover, times 255."""
    squares = labels.reshape(_GRID_SIDE, PATCH, _GRID_SIDE, PATCH).transpose(0, 2, 1, 3)
    tiles = squares.reshape(_GRID_SIDE**2, PATCH**2)
    shares = [(tiles == label).mean(1) for label in range(GRIPPER + 1)]
    return np.round(255 * np.stack(shares, 1)).astype(np.uint8)


def write_shard(path: Path, seeds: range) -> None:
    """Write the shard of these seeds; path has no suffix. The frames appear last, all at once."""
    stages = [Stage(samples, SIDE, SIDE) for samples in (0, 4)]
    done = [episode(seed, stages[seed % 2]) for seed in seeds]
    for stage in stages:
        stage.close()
    fields = [asdict(labels) for _, labels in done]
    stacked: dict[str, Any] = {k: np.stack([row[k] for row in fields]) for k in fields[0]}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path.with_suffix('.labels.npz'), **stacked)
    partial = path.with_suffix('.partial.npy')
    np.save(partial, np.stack([frames for frames, _ in done]))
    partial.rename(path.with_suffix('.frames.npy'))
