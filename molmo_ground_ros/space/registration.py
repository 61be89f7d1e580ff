# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth of one camera under the pixels of another: another size, lens or place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.space.camera_model import CameraModel, scaled

Matrix = NDArray[np.float64]  # (4, 4)


def register(
    depth: NDArray[np.float32], depth_camera: CameraModel, camera: CameraModel, move: Matrix
) -> NDArray[np.float32]:
    """(H, W) depth in metres as the other camera would measure it, NaN where nothing falls.

    depth: (h, w) metres, of `depth_camera`. camera: whose image the result lies under. move: from
    the optical frame of the depth camera to that of the other. Where several measurements fall on
    one pixel the nearest counts. A camera of higher resolution gets gaps, through which what lies
    behind is seen: give one scaled to the resolution of the depth, see `coarse`.
    """
    width, height = camera.image_size
    registered = np.full((height, width), np.nan, dtype=np.float32)
    rows, columns = np.nonzero(np.isfinite(depth))
    measured = depth[rows, columns].astype(np.float64)
    rays = depth_camera.rays(np.column_stack([columns + 0.5, rows + 0.5]))
    places = rays * measured[:, None] @ move[:3, :3].T + move[:3, 3]
    pixels = camera.project(places)
    inside = np.all((pixels >= 0) & (pixels < (width, height)), axis=1)
    x, y = pixels[inside].astype(np.int64).T
    distance = places[inside, 2]
    # Farthest first, so that the nearest is written last.
    order = np.argsort(-distance, kind='stable')
    registered[y[order], x[order]] = distance[order]
    return registered


def coarse(camera: CameraModel, depth_camera: CameraModel) -> CameraModel:
    """The camera with images no finer than the depth camera's, so that registering leaves no gaps.

    Compared by the angle that a pixel takes. Raises CalibrationError for images too small for it.
    """
    finer = max(1.0, _pixels_per_radian(camera) / _pixels_per_radian(depth_camera))
    width, height = camera.image_size
    return scaled(camera, (int(width / finer), int(height / finer)))


def _pixels_per_radian(camera: CameraModel) -> float:
    focal_length = (camera.p if camera.rectified else camera.k)[0]
    return focal_length / camera.binning[0]
