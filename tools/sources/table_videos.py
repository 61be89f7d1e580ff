# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Videos of the simulated table with their truth, drawn as flat polygons: no renderer is needed."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.tabletop.plan import scene_from_seed
from tools.tabletop.shapes import half_extents
from tools.tabletop.truth import ABSENT
from tools.tabletop.world import HEIGHT, WIDTH, Floats, Scene, State, state_at

SCALE = 5  # of the simulated camera's picture to ours
SIZE = WIDTH // SCALE, HEIGHT // SCALE
_SEED = 7_000_000
_DURATION_S = 26.0
_FROM_S, _FASTER = 1.0, 10.0  # where a video begins, and how much faster it is
# The share of the frames, from the first and to the last, on which the last object is hidden.
_HIDDEN = 0.4, 0.6

Box = tuple[int, int, int, int]  # left, top, width, height


@dataclass(frozen=True)
class TableVideo:
    """A video and where its objects are."""

    number: int  # of the video, from 0
    fps: float
    images: NDArray[np.uint8]  # (F, H, W, 3) BGR
    masks: NDArray[np.bool_]  # (N, F, H, W) of each object, none over another
    colours: tuple[str, ...]  # of the objects

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.images)

    def box(self, thing: int, frame: int) -> Box | None:
        """The box around an object's pixels; None where it is hidden."""
        rows, columns = np.nonzero(self.masks[thing, frame])
        if not len(rows):
            return None
        left, top = int(columns.min()), int(rows.min())
        return left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top


@cache
def table_video(number: int, fps: float, frames: int, things: int = 2) -> TableVideo:
    """Video `number` of the table, with that many of its things, each the only one of its colour.

    The last is hidden for a while.
    """
    scene, chosen = _scene(number, things)
    images, masks = [], []
    for k in range(frames):
        image, pixels = _drawn(scene, chosen, _FROM_S + _FASTER * k / fps)
        share = k / max(frames - 1, 1)
        if _HIDDEN[0] < share < _HIDDEN[1]:
            pixels[-1] = False
        images.append(image)
        masks.append(pixels)
    colours = tuple(scene.items[thing].colour for thing in chosen)
    return TableVideo(number, fps, np.stack(images), np.stack(masks, axis=1), colours)


def _scene(number: int, things: int) -> tuple[Scene, list[int]]:
    """The first scene of a number's seeds with so many things of a colour of their own."""
    seed = _SEED + 1000 * number
    while True:
        scene = scene_from_seed(seed, _DURATION_S, calm=True)
        colours = [item.colour for item in scene.items]
        alone = [k for k, colour in enumerate(colours) if colours.count(colour) == 1]
        if len(alone) >= things:
            return scene, alone[:things]
        seed += 1


def _drawn(
    scene: Scene, chosen: list[int], time_s: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The picture at a time, and (N, H, W) the visible pixels of each chosen thing."""
    state, camera = state_at(scene, time_s), scene.cameras[0]
    eye, _ = camera.pose(time_s)
    width, height = SIZE
    image = np.full((height, width, 3), 200, np.uint8)
    owner = np.full((height, width), -1, np.int16)
    there = [k for k, support in enumerate(state.supports) if support != ABSENT]
    for k in sorted(there, key=lambda k: -float(np.linalg.norm(state.places[k] - eye))):
        outline = camera.project(_corners(scene, state, k), time_s) * SIZE
        hull = cv2.convexHull(outline.astype(np.int32))
        red, green, blue = (round(255 * part) for part in scene.items[k].paint[state.colours[k]])
        cv2.fillConvexPoly(image, hull, (blue, green, red))
        pixels = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(pixels, hull, (1,))
        owner[pixels > 0] = k
    return image, np.stack([owner == k for k in chosen])


def _corners(scene: Scene, state: State, thing: int) -> Floats:
    """(8, 3) corners of the box around a thing, in the world."""
    item = scene.items[thing]
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    box = signs * half_extents(item.kind, item.width_m)
    placed: Floats = box @ state.turns[thing].T + state.places[thing]
    return placed
