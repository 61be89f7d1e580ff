# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A scene as a camera saw it at some times: pictures, masks, and everything that is true."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.tabletop.looks import jpeg, photograph
from tools.tabletop.props import FINGER_M
from tools.tabletop.render import Shot, Stage
from tools.tabletop.truth import ABSENT, CELL_GRIPPER, CELLS, Thing, Truth
from tools.tabletop.world import Floats, Scene, State, state_at

STEP_S = 0.5
SEEN = 0.05  # share of a silhouette below which a thing has no point
FEWEST = 1.5e-4  # share of the picture, likewise


@dataclass(frozen=True)
class Exposure:
    """One picture of a scene, as it left the camera."""

    state: State
    image: NDArray[np.uint8]  # (H, W, 3) RGB, with the camera's faults
    shot: Shot


def expose(
    scene: Scene, stage: Stage, view: int, times: NDArray[np.float64], rng: np.random.Generator
) -> Iterator[Exposure]:
    """Pictures at these times, one by one: they may be large. rng: of the sensor's noise."""
    for time_s in times:
        shot = stage.shoot(scene, float(time_s), view)
        image = photograph(shot.image, scene.look, rng)
        yield Exposure(state_at(scene, float(time_s)), image, shot)


def record(
    scene: Scene,
    stage: Stage,
    view: int,
    times: NDArray[np.float64],
    on_grid: NDArray[np.bool_],
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], Truth]:
    """(F, H, W, 3) pictures at these times, and their truth. A third of clips was compressed."""
    squeeze = rng.random() < 0.35
    pictures, rows = [], []
    for exposure in expose(scene, stage, view, times, rng):
        image = exposure.image
        if squeeze:
            image = _squeezed(image, scene.look.jpeg_quality)
        pictures.append(image)
        rows.append(truth_row(scene, view, exposure))
    return np.stack(pictures), truth_of(scene, view, times, on_grid, rows)


def _squeezed(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    data = np.frombuffer(jpeg(image, quality), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


def truth_alone(
    scene: Scene,
    stage: Stage,
    view: int,
    times: NDArray[np.float64],
    on_grid: NDArray[np.bool_],
) -> Truth:
    """The truth without pictures: several times as quick, and the stage may be small."""
    rows = []
    for time_s in times:
        shot = stage.shoot(scene, float(time_s), view, labels_only=True)
        rows.append(
            truth_row(scene, view, Exposure(state_at(scene, float(time_s)), shot.image, shot))
        )
    return truth_of(scene, view, times, on_grid, rows)


def truth_of(
    scene: Scene,
    view: int,
    times: NDArray[np.float64],
    on_grid: NDArray[np.bool_],
    rows: list[dict[str, NDArray[Any]]],
) -> Truth:
    """The truth of frames whose rows `truth_row` gave."""
    stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return Truth(
        seed=scene.seed,
        view=view,
        hand_held=bool(scene.cameras[view].waves),
        duration_s=scene.duration_s,
        things=tuple(Thing(item.kind, item.colour, item.size) for item in scene.items),
        events=scene.events,
        time_s=times.astype(np.float32),
        on_grid=on_grid,
        **stacked,
    )


def truth_row(scene: Scene, view: int, exposure: Exposure) -> dict[str, NDArray[Any]]:
    """What is true of one frame: the arrays of a Truth, without their first axis."""
    state, shot = exposure.state, exposure.shot
    there = np.array([support != ABSENT for support in state.supports])
    visible, point = _seen(scene, view, state, shot)
    palm = state.grip + (0.0, 0.0, FINGER_M)
    return {
        'visible': visible,
        'point': point,
        'position_m': np.where(there[:, None], state.places, np.nan).astype(np.float32),
        'supported_by': np.array(state.supports, np.int8),
        'upright': np.array([state.upright(i) for i in range(len(there))]),
        'held': np.array(state.held, np.int8),
        'lifted': np.array(state.lifted, np.int8),
        'gripper_point': _point(shot.labels, CELL_GRIPPER, _projected(scene, view, state, palm)),
        'gripper_opening_m': np.array(state.opening_m, np.float32),
        'colour': np.array(state.colours, np.uint8),
        'kind': np.array(state.kinds, np.uint8),
        'cells': cells_of(shot.labels),
    }


def _projected(scene: Scene, view: int, state: State, place: Floats) -> Floats:
    return scene.cameras[view].project(place, state.time_s)


def _seen(
    scene: Scene, view: int, state: State, shot: Shot
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(N,) visible shares and (N, 2) points."""
    count = len(scene.items)
    areas = np.bincount(shot.labels.reshape(-1), minlength=256)[:count] / shot.labels.size
    visible = np.minimum(areas / np.maximum(shot.silhouettes, 1e-6), 1.0).astype(np.float32)
    visible[areas < FEWEST] = 0.0
    point = np.full((count, 2), np.nan, np.float32)
    for index in np.flatnonzero(visible >= SEEN):
        middle = _projected(scene, view, state, state.places[index])
        point[index] = _point(shot.labels, int(index), middle)
    return visible, point


def _point(labels: NDArray[np.uint8], label: int, middle: Floats) -> NDArray[np.float32]:
    """A place in a label's mask: the projected middle, else the pixel nearest to the mask's mean.

    (2,) shares of the picture; nan where the mask is too small.
    """
    height, width = labels.shape
    column, row = int(np.floor(middle[0] * width)), int(np.floor(middle[1] * height))
    if 0 <= column < width and 0 <= row < height and labels[row, column] == label:
        return middle.astype(np.float32)
    rows, columns = np.nonzero(labels == label)
    if len(rows) < max(FEWEST * labels.size, 1):
        return np.full(2, np.nan, np.float32)
    spots = np.stack([(columns + 0.5) / width, (rows + 0.5) / height], 1)
    nearest: NDArray[np.float32] = spots[np.argmin(((spots - spots.mean(0)) ** 2).sum(1))].astype(
        np.float32
    )
    return nearest


def cells_of(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(CELLS, CELLS) label at the middle of each cell."""
    height, width = labels.shape
    middles = 2 * np.arange(CELLS) + 1
    rows, columns = middles * height // (2 * CELLS), middles * width // (2 * CELLS)
    picked: NDArray[np.uint8] = labels[rows[:, None], columns[None]]
    return picked
