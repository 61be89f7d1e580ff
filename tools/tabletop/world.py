# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tabletop's values and where everything is at a time. Knows nothing of rendering.

Metres, seconds, radians; world frame: x right, y away from the camera, z up, table at z = 0.
Pixels have their origin at the top-left corner of the top-left pixel, x right, y down.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COLOURS = ('red', 'green', 'blue', 'yellow', 'purple', 'orange')
WIDTH, HEIGHT = 640, 480  # pixels of the simulated camera
CLEAR_M = 0.01  # a block counts as lifted once its bottom is this far above the table

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera. rotation: (3, 3) world_from_optical (x right, y down, z forward)."""

    focal_px: float
    position: Floats  # (3,) m
    rotation: Floats

    def project(self, points: Floats) -> Floats:
        """(..., 3) world points -> (..., 2) pixels of the 640x480 picture."""
        optical = (points - self.position) @ self.rotation
        return optical[..., :2] / optical[..., 2:] * self.focal_px + (WIDTH / 2, HEIGHT / 2)


@dataclass(frozen=True)
class Block:
    """A cube. rgb in [0, 1]; rest: (3,) centre at time 0."""

    colour: str
    rgb: tuple[float, float, float]
    size_m: float
    yaw: float
    rest: Floats


@dataclass(frozen=True)
class Look:
    """What only the picture knows: colours, lights, camera noise. rgb in [0, 1]."""

    table_rgb: tuple[float, float, float]
    mat_rgb: tuple[float, float, float]
    mat_box: tuple[float, float, float, float]  # centre x, y, half-width, half-depth, m
    gripper_rgb: tuple[float, float, float]
    light_position: tuple[float, float, float]
    light_diffuse: float
    ambient: float
    gain: tuple[float, float, float]
    gamma: float
    noise_std: float  # of 255
    jpeg_quality: int  # of the 640x480 picture


@dataclass(frozen=True)
class Action:
    """One thing the gripper did: 'grasp', 'miss', 'touch' or 'idle'; block is an index or -1."""

    kind: str
    block: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Hold:
    """One grasp: when the gripper closed on the block, first lifted it, set it down, let it go."""

    block: int
    close_s: float
    lift_s: float  # the block's bottom passes CLEAR_M: this is the instant of the grasp
    place_s: float
    release_s: float
    offset: Floats  # (3,) block centre minus grip point while held
    placed: Floats  # (3,) block centre after release


@dataclass(frozen=True)
class Scene:
    """An episode. path: (K, 6) rows of time, x, y, z of the grip point, opening, yaw."""

    seed: int
    duration_s: float
    camera: Camera
    blocks: tuple[Block, ...]
    look: Look
    path: Floats
    actions: tuple[Action, ...]
    holds: tuple[Hold, ...]


@dataclass(frozen=True)
class State:
    """Where everything is at one time."""

    grip: Floats  # (3,) the point midway between the fingertips
    opening_m: float  # between the fingers
    yaw: float
    blocks: Floats  # (N, 3) centres
    held: int  # block the gripper is closed on, -1 for none
    lifted: int  # block that is held and clear of the table, -1 for none


def state_at(scene: Scene, time_s: float) -> State:
    """The state at a time in [0, duration_s] (clamped outside)."""
    row = [float(np.interp(time_s, scene.path[:, 0], scene.path[:, i])) for i in range(1, 6)]
    grip = np.array(row[:3])
    blocks = np.array([block.rest for block in scene.blocks])
    held, lifted = -1, -1
    for hold in scene.holds:
        if hold.release_s <= time_s:
            blocks[hold.block] = hold.placed
        elif hold.close_s <= time_s:
            held = hold.block
            blocks[held] = grip + hold.offset
            if hold.lift_s <= time_s < hold.place_s:
                lifted = held
    return State(grip, row[3], row[4], blocks, held, lifted)


def corners(block: Block, centre: Floats) -> Floats:
    """(8, 3) corners of a block whose centre is there."""
    half = block.size_m / 2
    unit = np.array(
        [(x, y, z) for x in (-half, half) for y in (-half, half) for z in (-half, half)]
    )
    c, s = np.cos(block.yaw), np.sin(block.yaw)
    turned: Floats = unit @ np.array([(c, s, 0.0), (-s, c, 0.0), (0.0, 0.0, 1.0)])
    return turned + centre
