# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Outlines in the picture: a thing's silhouette with nothing before it, and shadows on the table.

Silhouettes and shadows are unions of the convex hulls of primitives: exact for all kinds.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.tabletop.props import Prop
from tools.tabletop.shapes import unit_outline
from tools.tabletop.world import Camera, Floats, Look

_CANVAS = 96  # pixels on which a silhouette is counted
_FRACTION = 4  # bits behind the point of cv2's coordinates


def local_points(prop: Prop) -> Floats:
    """(P, 3) outline points of a primitive in its owner's frame."""
    unit = unit_outline(prop.shape)
    local = unit * prop.size if prop.shape in ('box', 'ball', 'cylinder', 'rod') else unit
    points: Floats = local @ prop.axes.T + prop.place
    return points


def silhouette_share(clouds: Sequence[Floats], camera: Camera, time_s: float) -> float:
    """Share of the picture that the hulls of these clouds of points cover, outside it too.

    Counted on a canvas of its own, so that a small thing is measured as well as a large one.
    """
    groups = _projected(clouds, camera, time_s)
    every = np.concatenate(groups)
    corner, size = every.min(0), np.maximum(np.ptp(every, 0), 1e-6)
    canvas = np.zeros((_CANVAS, _CANVAS), np.uint8)
    for places in groups:
        _fill(canvas, (places - corner) / size * _CANVAS)
    return float(np.count_nonzero(canvas) / canvas.size * size.prod())


def shadows(
    clouds: Sequence[Floats], camera: Camera, time_s: float, look: Look, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """(H, W) by how much the table is darker, in [0, 1]."""
    canvas = np.zeros(shape, np.uint8)
    light = np.array(look.light_from)
    fallen = [cloud - np.maximum(cloud[:, 2:], 0.0) / light[2] * light for cloud in clouds]
    for places in _projected([cloud * (1.0, 1.0, 0.0) for cloud in fallen], camera, time_s):
        _fill(canvas, places * shape[::-1])
    soft = max(look.softness_m * shape[1], 0.3)  # the picture is about a metre wide
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), soft), np.float32) * (look.shadow / 255)


def _projected(clouds: Sequence[Floats], camera: Camera, time_s: float) -> list[Floats]:
    ends = np.cumsum([len(cloud) for cloud in clouds])[:-1]
    return np.split(camera.project(np.concatenate(clouds), time_s), ends)


def _fill(canvas: NDArray[np.uint8], places: Floats) -> None:
    """Fill the hull of (P, 2) pixels: a pixel is in it if its middle is."""
    hull = cv2.convexHull(places.astype(np.float32))
    exact = np.round((hull - 0.5) * 2**_FRACTION).astype(np.int32)
    cv2.fillConvexPoly(canvas, exact, 255, shift=_FRACTION)
