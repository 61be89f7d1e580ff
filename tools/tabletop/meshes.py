# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Surfaces that no primitive has: cups, bowls, a cup's handle, rings, cones, for a width of 1."""

import math

import numpy as np
from numpy.typing import NDArray

from tools.tabletop.shapes import LATHES

Floats = NDArray[np.float64]
Faces = NDArray[np.int32]
_SIDES = 24


def surfaces() -> dict[str, tuple[Floats, Faces]]:
    """Every mesh's vertices (V, 3) and triangles (T, 3), by name."""
    turned = {name: _lathe(np.array(rim)) for name, rim in LATHES.items()}
    angles = np.linspace(0.0, 2 * math.pi, 13)[:-1]
    section = np.stack([1.0 + 0.25 * np.cos(angles), 0.25 * np.sin(angles)], 1)
    cone = np.array([(0.0, 0.0), (1.0, 0.0), (0.85, 0.3), (0.1, 2.0), (0.0, 2.05)])
    return turned | {
        'handle': _handle(),
        'ring': _lathe(np.concatenate([section, section[:1]])),
        'cone': _lathe(cone),
    }


def _lathe(rim: Floats) -> tuple[Floats, Faces]:
    """The surface that a line of (radius, height) makes as it turns about z."""
    angles = np.linspace(0.0, 2 * math.pi, _SIDES + 1)[:-1]
    radii, heights = rim[:, 0], rim[:, 1]
    x = radii[:, None] * np.cos(angles)
    y = radii[:, None] * np.sin(angles)
    z = np.repeat(heights[:, None], _SIDES, 1)
    return np.stack([x, y, z], -1).reshape(-1, 3), _quads(len(rim), _SIDES)


def _quads(rows: int, columns: int) -> Faces:
    """Triangles of a grid of vertices whose columns close to a circle."""
    r, c = (v.reshape(-1) for v in np.mgrid[0 : rows - 1, 0:columns])
    after = (c + 1) % columns
    a, b = r * columns + c, r * columns + after
    d, e = a + columns, b + columns
    return np.concatenate([np.stack([a, b, e], 1), np.stack([a, e, d], 1)]).astype(np.int32)


def _handle() -> tuple[Floats, Faces]:
    """A half ring at a cup's side."""
    turns = np.linspace(-0.55 * math.pi, 0.55 * math.pi, 11)
    around = np.linspace(0.0, 2 * math.pi, 9)[:-1]
    rows = []
    for turn in turns:
        radius = 0.24 + 0.055 * np.cos(around)
        x, z = 0.38 + radius * math.cos(turn), radius * math.sin(turn) * 1.1
        rows.append(np.stack([x, 0.055 * np.sin(around), z], 1))
    return np.concatenate(rows), _quads(len(turns), len(around))


def as_xml(name: str) -> str:
    """A mesh as an element of MuJoCo's XML."""
    vertices, faces = surfaces()[name]
    points = ' '.join(f'{v:.5f}' for v in vertices.reshape(-1))
    corners = ' '.join(str(v) for v in faces.reshape(-1))
    return f'<mesh name="{name}" inertia="shell" vertex="{points}" face="{corners}"/>'


MESHES = ('cup', 'bowl', 'handle', 'ring', 'cone')
