# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The seven kinds: how large they are, and of which primitive parts they are drawn.

A thing's frame: origin in its middle, x the way the gripper closes on it, y along an animal's
body (it looks along -y), z up. Metres, for a width in metres. Knows nothing of rendering.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH_M = {'small': 0.052, 'medium': 0.074, 'large': 0.104}

# Half extents along x, y and z for a width of 1.
_HALF = {
    'block': (0.42, 0.42, 0.42),
    'ball': (0.47, 0.47, 0.47),
    'cylinder': (0.36, 0.36, 0.58),
    'cup': (0.43, 0.43, 0.47),
    'bowl': (0.66, 0.66, 0.25),
    'duck': (0.34, 0.60, 0.48),
    'dog': (0.26, 0.66, 0.50),
}
FLAT_STACKS = ('block', 'cylinder')  # what another thing can stand on
TIPPING = ('cylinder', 'cup', 'duck', 'dog')  # what can fall over
INNER_BOWL = 0.52  # radius of a bowl's inside, for a width of 1
BOWL_FLOOR = 0.14  # height of its bottom's inside


def half_extents(kind: str, width_m: float) -> Floats:
    """(3,) half extents of a thing in its own frame."""
    return np.array(_HALF[kind]) * width_m


@dataclass(frozen=True)
class Part:
    """A primitive of a thing, for a width of 1. tint: 'own', 'shade', or a fixed 'dark', 'bill'."""

    shape: str  # box, ball (an ellipsoid), cylinder, or a mesh's name
    size: tuple[float, float, float]  # half sizes; a cylinder's: radius, radius, half height
    place: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn: tuple[float, float] = (0.0, 0.0)  # degrees about x, then about y
    tint: str = 'own'


_DUCK = (
    Part('ball', (0.34, 0.46, 0.30), (0.0, 0.08, -0.18)),
    Part('ball', (0.24, 0.25, 0.24), (0.0, -0.26, 0.24)),
    Part('ball', (0.13, 0.17, 0.06), (0.0, -0.52, 0.19), tint='bill'),
    Part('ball', (0.11, 0.20, 0.10), (0.0, 0.48, 0.02), (-35.0, 0.0)),
    Part('ball', (0.07, 0.26, 0.17), (0.31, 0.14, -0.12), (-12.0, 0.0), tint='shade'),
    Part('ball', (0.07, 0.26, 0.17), (-0.31, 0.14, -0.12), (-12.0, 0.0), tint='shade'),
    Part('ball', (0.05, 0.05, 0.05), (0.15, -0.42, 0.32), tint='eye'),
    Part('ball', (0.05, 0.05, 0.05), (-0.15, -0.42, 0.32), tint='eye'),
)
_LEG = (0.075, 0.075, 0.19)
_DOG = (
    Part('box', (0.20, 0.40, 0.17), (0.0, 0.06, -0.02)),
    Part('cylinder', _LEG, (0.13, -0.25, -0.31)),
    Part('cylinder', _LEG, (-0.13, -0.25, -0.31)),
    Part('cylinder', _LEG, (0.13, 0.37, -0.31)),
    Part('cylinder', _LEG, (-0.13, 0.37, -0.31)),
    Part('box', (0.18, 0.17, 0.16), (0.0, -0.38, 0.26)),
    Part('box', (0.11, 0.12, 0.09), (0.0, -0.58, 0.19), tint='shade'),
    Part('ball', (0.05, 0.05, 0.05), (0.0, -0.70, 0.25), tint='eye'),
    Part('box', (0.045, 0.09, 0.15), (0.20, -0.34, 0.26), tint='shade'),
    Part('box', (0.045, 0.09, 0.15), (-0.20, -0.34, 0.26), tint='shade'),
    Part('cylinder', (0.05, 0.05, 0.17), (0.0, 0.50, 0.22), (-30.0, 0.0), tint='shade'),
)
_PARTS = {
    'block': (Part('box', _HALF['block']),),
    'ball': (Part('ball', _HALF['ball']),),
    'cylinder': (Part('cylinder', _HALF['cylinder']),),
    'cup': (
        Part('cup', (1.0, 1.0, 1.0)),
        Part('cylinder', (0.29, 0.29, 0.01), (0.0, 0.0, -0.34), tint='shade'),
    ),
    'bowl': (
        Part('bowl', (1.0, 1.0, 1.0)),
        Part('cylinder', (0.36, 0.36, 0.01), (0.0, 0.0, -0.12), tint='shade'),
    ),
    'duck': _DUCK,
    'dog': _DOG,
}
_HANDLE = Part('handle', (1.0, 1.0, 1.0))


def parts(kind: str, handle: bool = False) -> tuple[Part, ...]:
    """What a thing is drawn of; a cup may have a handle."""
    return _PARTS[kind] + ((_HANDLE,) if handle and kind == 'cup' else ())


def turn_matrix(part: Part) -> Floats:
    """(3, 3) rotation of a part in its thing."""
    a, b = (math.radians(v) for v in part.turn)
    about_x = np.array(
        [(1.0, 0.0, 0.0), (0.0, math.cos(a), -math.sin(a)), (0.0, math.sin(a), math.cos(a))]
    )
    about_y = np.array(
        [(math.cos(b), 0.0, math.sin(b)), (0.0, 1.0, 0.0), (-math.sin(b), 0.0, math.cos(b))]
    )
    turned: Floats = about_x @ about_y
    return turned


@lru_cache
def unit_outline(shape: str) -> Floats:
    """(P, 3) points whose hull is a primitive's, for half sizes of 1; a mesh's own points."""
    if shape in _UNIT:
        return _UNIT[shape]
    angles = np.linspace(0.0, 2 * math.pi, 17)[:-1]
    rim = LATHES.get(shape, _FLAT_RIMS.get(shape, ()))
    return np.array([(r * math.cos(a), r * math.sin(a), z) for r, z in rim for a in angles])


def _unit_points() -> dict[str, Floats]:
    signs = (-1.0, 1.0)
    box = np.array([(x, y, z) for x in signs for y in signs for z in signs])
    angles = np.linspace(0.0, 2 * math.pi, 17)[:-1]
    ring = np.stack([np.cos(angles), np.sin(angles)], 1)
    cylinder = np.concatenate([np.column_stack([ring, np.full(16, z)]) for z in signs])
    heights = np.sin(np.linspace(-math.pi / 2, math.pi / 2, 7))
    ball = np.concatenate(
        [np.column_stack([ring * math.sqrt(max(0.0, 1 - z * z)), np.full(16, z)]) for z in heights]
    )
    handle = np.array([(x, y, z) for x in (0.4, 0.67) for y in (-0.05, 0.05) for z in (-0.2, 0.2)])
    return {'box': box, 'cylinder': cylinder, 'ball': ball, 'rod': cylinder, 'handle': handle}


# The closed outlines (radius, height) that turn about z into a cup's and a bowl's wall.
LATHES: dict[str, tuple[tuple[float, float], ...]] = {
    'cup': (
        (0.0, -0.47),
        (0.33, -0.47),
        (0.43, 0.47),
        (0.37, 0.47),
        (0.28, -0.38),
        (0.0, -0.38),
    ),
    'bowl': (
        (0.0, -0.25),
        (0.28, -0.25),
        (0.48, -0.12),
        (0.61, 0.07),
        (0.66, 0.25),
        (0.59, 0.25),
        (0.53, 0.08),
        (0.40, -0.09),
        (0.22, -0.18),
        (0.0, -0.18),
    ),
}
_UNIT = _unit_points()
_FLAT_RIMS = {'ring': ((1.25, -0.2), (1.25, 0.2)), 'cone': ((1.0, 0.0), (0.1, 2.0))}
