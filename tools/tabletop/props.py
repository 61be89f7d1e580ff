# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A scene as primitives in its things' frames: what the renderer draws and what casts shadows."""

import math
from dataclasses import dataclass

import numpy as np

from tools.tabletop.shapes import parts, turn_matrix
from tools.tabletop.truth import CELL_EMPTY, CELL_GRIPPER, COLOURS
from tools.tabletop.world import RGB, Clutter, Floats, Look, Scene, State

FINGER_M = 0.105  # length
FINGER_DEPTH_M = 0.015  # half, across the direction in which it closes
PALM_M = (0.018, 0.016)  # half depth and half thickness
ARM_M = 0.014  # radius
_MESHES = ('cup', 'bowl', 'handle', 'ring', 'cone')


@dataclass(frozen=True)
class Prop:
    """One primitive. owner: a thing's index, CELL_GRIPPER or CELL_EMPTY (its label).

    place, axes: in its owner's frame; axes' columns may be scaled. size: half sizes.
    """

    owner: int
    shape: str
    size: tuple[float, float, float]
    rgb: RGB
    place: Floats  # (3,)
    axes: Floats  # (3, 3)


def thing_props(scene: Scene, index: int, kind: str, colour: int) -> list[Prop]:
    """A thing's primitives while it is of a kind and a colour."""
    item = scene.items[index]
    width, own = item.width_m, item.paint[colour]
    made = []
    for part in parts(kind, item.handle):
        axes = turn_matrix(part)
        size = tuple(v * width for v in part.size)
        if part.shape in _MESHES:
            axes = axes * width
        place = np.array(part.place) * width
        rgb = _tinted(part.tint, own, COLOURS[colour])
        made.append(Prop(index, part.shape, (size[0], size[1], size[2]), rgb, place, axes))
    return made


def _tinted(tint: str, own: RGB, colour: str) -> RGB:
    dark = colour == 'black'
    if tint == 'own':
        return own
    if tint == 'eye':
        return (0.85, 0.85, 0.85) if dark else (0.04, 0.04, 0.04)
    if tint == 'bill':
        return (0.55, 0.2, 0.04) if colour in ('orange', 'red') else (0.95, 0.5, 0.08)
    r, g, b = (v + 0.12 if dark else v * 0.68 for v in own)
    return r, g, b


def clutter_props(piece: Clutter) -> list[Prop]:
    """Clutter's primitives, in the world's frame."""
    s = piece.scale
    c, n = math.cos(piece.yaw), math.sin(piece.yaw)
    turn = np.array([(c, -n, 0.0), (n, c, 0.0), (0.0, 0.0, 1.0)])
    shapes: dict[str, tuple[str, tuple[float, float, float], float]] = {
        'book': ('box', (0.065 * s, 0.045 * s, 0.008), 0.008),
        'plate': ('cylinder', (0.055 * s, 0.055 * s, 0.004), 0.004),
        'ring': ('ring', (0.024 * s, 0.024 * s, 0.024 * s), 0.006 * s),
        'cone': ('cone', (0.025 * s, 0.025 * s, 0.025 * s), 0.0),
    }
    if piece.shape in shapes:
        shape, size, z = shapes[piece.shape]
        axes = turn * size[0] if shape in _MESHES else turn
        return [Prop(CELL_EMPTY, shape, size, piece.rgb, piece.position + (0, 0, z), axes)]
    return _pen(piece, turn) if piece.shape == 'pen' else _cable(piece)


def _pen(piece: Clutter, turn: Floats) -> list[Prop]:
    lying = turn @ np.array([(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)])
    length, thick = 0.065 * piece.scale, 0.0055
    cap: RGB = (piece.rgb[0] * 0.5, piece.rgb[1] * 0.5, piece.rgb[2] * 0.5)
    middle = piece.position + (0.0, 0.0, thick)
    end = middle + lying[:, 2] * length * 0.8
    return [
        Prop(CELL_EMPTY, 'cylinder', (thick, thick, length), piece.rgb, middle, lying),
        Prop(CELL_EMPTY, 'cylinder', (thick * 1.15, thick * 1.15, length * 0.3), cap, end, lying),
    ]


def _cable(piece: Clutter) -> list[Prop]:
    """Short pieces in a curve."""
    made, place = [], piece.position + (0.0, 0.0, 0.004)
    for k in range(9):
        angle = piece.yaw + 1.6 * math.sin(k * 0.8)
        ahead = np.array((math.cos(angle), math.sin(angle), 0.0))
        side = np.array((-ahead[1], ahead[0], 0.0))
        axes = np.stack([side, (0.0, 0.0, 1.0), ahead], 1)
        half = 0.013 * piece.scale
        middle = place + ahead * half
        made.append(Prop(CELL_EMPTY, 'rod', (0.004, 0.004, half), piece.rgb, middle, axes))
        place = place + ahead * 2 * half
    return made


def gripper_props(scene: Scene, state: State) -> list[Prop]:
    """The gripper's primitives, in the world's frame."""
    look, (c, s) = scene.look, (math.cos(state.yaw), math.sin(state.yaw))
    turn = np.array([(c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0)])
    thick = look.finger_m / 2
    finger = (thick, FINGER_DEPTH_M, FINGER_M / 2)
    aside = turn[:, 0] * (state.opening_m / 2 + thick)
    middle = state.grip + (0.0, 0.0, FINGER_M / 2)
    palm = state.grip + (0.0, 0.0, FINGER_M + PALM_M[1])
    size = (palm_half_m(scene), *PALM_M)
    return [
        Prop(CELL_GRIPPER, 'box', finger, look.finger_rgb, middle - aside, turn),
        Prop(CELL_GRIPPER, 'box', finger, look.finger_rgb, middle + aside, turn),
        Prop(CELL_GRIPPER, 'box', size, look.gripper_rgb, palm, turn),
        _arm(look, palm),
    ]


def palm_half_m(scene: Scene) -> float:
    """Half of the palm's length: it suits the widest thing."""
    widest = max(item.width_m * (1.32 if item.kind == 'bowl' else 0.94) for item in scene.items)
    return widest / 2 + 0.03


def _arm(look: Look, palm: Floats) -> Prop:
    """From the palm towards the robot, which is out of the picture."""
    way = np.array(look.arm_to) - palm
    length = float(np.linalg.norm(way))
    up = way / length
    side = np.cross(up, (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    axes = np.stack([np.cross(side, up), side, up], 1)
    r, g, b = (v * 0.8 for v in look.gripper_rgb)
    size = (ARM_M, ARM_M, length / 2)
    return Prop(CELL_GRIPPER, 'cylinder', size, (r, g, b), palm + way / 2, axes)


def table_props(look: Look) -> list[Prop]:
    """A table with edges over a floor, or an endless one."""
    eye = np.eye(3)
    if look.edge_m is None:
        return [Prop(CELL_EMPTY, 'table', (6.0, 6.0, 0.1), (1.0, 1.0, 1.0), np.zeros(3), eye)]
    x, y = look.edge_m
    below = np.array((0.0, 0.0, -0.6))
    slab = np.array((0.0, 0.0, -0.0155))
    side: RGB = (look.second_rgb[0] * 0.8, look.second_rgb[1] * 0.8, look.second_rgb[2] * 0.8)
    return [
        Prop(CELL_EMPTY, 'floor', (6.0, 6.0, 0.1), look.floor_rgb, below, eye),
        Prop(CELL_EMPTY, 'box', (x, y, 0.015), side, slab, eye),
        Prop(CELL_EMPTY, 'table', (x, y, 0.1), (1.0, 1.0, 1.0), np.zeros(3), eye),
    ]
