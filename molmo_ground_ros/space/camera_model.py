# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pixels to rays and back, through a camera's calibration. Knows no depth and no ROS.

Pixels here have their origin at the top-left corner of the top-left pixel, as everywhere in this
package; a calibration and OpenCV count from that pixel's centre, half a pixel further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.space.errors import CalibrationError

Pixels = NDArray[np.float64]  # (N, 2) x right, y down
Places = NDArray[np.float64]  # (N, 3) metres: x right, y down, z forward

PINHOLE, FISHEYE = ('plumb_bob', 'rational_polynomial'), ('equidistant', 'fisheye')
_HALF = 0.5
# Enough for lenses of 120 degrees; the default of 5 steps leaves tenths of a pixel at the edge.
_STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-9)


@dataclass(frozen=True, slots=True)
class Region:
    """The part of the sensor that images show, in full-resolution pixels; width 0 means all."""

    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class CameraModel:
    """The fields of `sensor_msgs/CameraInfo` that say where a pixel looks.

    width, height, k and d are those of the full sensor, as CameraInfo has them; images may be
    binned and may show a region of it. `rectified` images have no distortion left, and the focal
    lengths and centre of `p`.
    """

    width: int
    height: int
    k: tuple[float, ...]  # 9, row by row
    d: tuple[float, ...] = ()
    distortion: str = 'plumb_bob'
    binning: tuple[int, int] = (1, 1)  # CameraInfo's 0 means 1
    region: Region = Region()
    rectified: bool = False
    p: tuple[float, ...] = ()  # 12, row by row; used for rectified images alone

    def __post_init__(self) -> None:
        """Raise CalibrationError for what is no calibration."""
        if len(self.k) != 9 or not np.all(np.isfinite(self.k)) or min(self.k[0], self.k[4]) <= 0:
            raise CalibrationError('k', self.k)
        if self.width <= 0 or self.height <= 0:
            raise CalibrationError('size', (self.width, self.height))
        if min(self.binning) < 1:
            raise CalibrationError('binning', self.binning)
        if self.d and self.distortion not in (*PINHOLE, *FISHEYE):
            raise CalibrationError('distortion_model', self.distortion)
        lengths = (0, 4) if self.distortion in FISHEYE else (0, 4, 5, 8, 12, 14)
        if len(self.d) not in lengths or not np.all(np.isfinite(self.d)):
            raise CalibrationError('d', self.d)
        if self.rectified and (len(self.p) != 12 or min(self.p[0], self.p[5]) <= 0):
            raise CalibrationError('p', self.p)

    @property
    def image_size(self) -> tuple[int, int]:
        """(width, height) in pixels of the images that this calibration is of."""
        width, height = self.region.width or self.width, self.region.height or self.height
        return width // self.binning[0], height // self.binning[1]

    def rays(self, pixels: Pixels) -> Places:
        """(N, 3) places at a depth of 1 m that the pixels show. pixels: (N, 2), of the image."""
        full = self._to_sensor(np.asarray(pixels, dtype=np.float64).reshape(-1, 2)) - _HALF
        if not len(full):
            return np.zeros((0, 3))
        matrix, coefficients = self._matrix(), np.array(self.d, dtype=np.float64)
        if self.rectified or not np.any(coefficients):
            flat = (full - matrix[:2, 2]) / (matrix[0, 0], matrix[1, 1])
        elif self.distortion in FISHEYE:
            flat = np.asarray(
                cv2.fisheye.undistortPoints(full[:, None], matrix, coefficients, criteria=_STEPS)
            )
        else:
            flat = _undistorted(full, matrix, coefficients)
        return np.column_stack([flat.reshape(-1, 2), np.ones(len(full))])

    def project(self, places: Places) -> Pixels:
        """(N, 2) pixels of the image that show the places; NaN for those not in front of it."""
        places = np.asarray(places, dtype=np.float64).reshape(-1, 3)
        pixels = np.full((len(places), 2), np.nan)
        in_front = places[:, 2] > 0
        if not in_front.any():
            return pixels
        matrix, coefficients = self._matrix(), np.array(self.d, dtype=np.float64)
        chosen, zero = places[in_front], np.zeros(3)
        if self.rectified or not np.any(coefficients):
            full = chosen[:, :2] / chosen[:, 2:] * (matrix[0, 0], matrix[1, 1]) + matrix[:2, 2]
        elif self.distortion in FISHEYE:
            full, _ = cv2.fisheye.projectPoints(chosen[:, None], zero, zero, matrix, coefficients)
        else:
            full, _ = cv2.projectPoints(chosen, zero, zero, matrix, coefficients)
        pixels[in_front] = self._to_image(np.asarray(full).reshape(-1, 2) + _HALF)
        return pixels

    def _matrix(self) -> NDArray[np.float64]:
        if self.rectified:
            return np.array(self.p, dtype=np.float64).reshape(3, 4)[:, :3]
        return np.array(self.k, dtype=np.float64).reshape(3, 3)

    def _to_sensor(self, pixels: Pixels) -> Pixels:
        """Of the image to those of the full sensor. Corners scale without any half pixels."""
        return pixels * self.binning + (self.region.x, self.region.y)

    def _to_image(self, pixels: Pixels) -> Pixels:
        return (pixels - (self.region.x, self.region.y)) / self.binning


def from_camera_info(
    size: tuple[int, int],
    k: Sequence[float],
    d: Sequence[float],
    p: Sequence[float],
    distortion: str,
    binning: tuple[int, int],
    region: Region,
    *,
    rectified: bool,
) -> CameraModel:
    """The model of a `sensor_msgs/CameraInfo`, whose fields these are. Raises CalibrationError.

    size: (width, height) in pixels. rectified: whether the images, of which the message says
    nothing, are. A binning of 0 means 1. Coefficients that are all zero are no distortion,
    whatever it is called.
    """
    width, height = size
    bent = any(value != 0 for value in d)
    return CameraModel(
        width,
        height,
        tuple(float(value) for value in k),
        tuple(float(value) for value in d) if bent else (),
        distortion if bent else PINHOLE[0],
        (max(binning[0], 1), max(binning[1], 1)),
        region,
        rectified,
        tuple(float(value) for value in p) if rectified else (),
    )


def _undistorted(
    pixels: Pixels, matrix: NDArray[np.float64], coefficients: NDArray[np.float64]
) -> NDArray[np.float64]:
    # OpenCV 4 has the function that takes a criterion under another name.
    undistort = getattr(cv2, 'undistortPointsIter', cv2.undistortPoints)
    flat = undistort(pixels[:, None], matrix, coefficients, R=None, P=None, criteria=_STEPS)
    return np.asarray(flat, dtype=np.float64)


def scaled(model: CameraModel, size: Sequence[int]) -> CameraModel:
    """The same camera with images of another size. size: (width, height) in pixels.

    Drivers publish a calibration of one size beside images of another. Raises CalibrationError
    where the two differ in shape by more than a pixel, since then one of them is cropped.
    """
    width, height = model.image_size
    if (width, height) == tuple(size):
        return model
    x, y = size[0] / width, size[1] / height
    if min(size) <= 0 or abs(height * x - size[1]) > 1 or abs(width * y - size[0]) > 1:
        raise CalibrationError('size', (width, height), f'images have {size[0]}x{size[1]}')
    bins, region, k, p = model.binning, model.region, model.k, model.p
    # Of images that show all of the sensor, unbinned, with that size.
    x, y = x / bins[0], y / bins[1]
    k = _scaled_matrix(k, 3, x, y, region)
    p = _scaled_matrix(p, 4, x, y, region) if p else p
    return CameraModel(
        size[0], size[1], k, model.d, model.distortion, rectified=model.rectified, p=p
    )


def _scaled_matrix(
    values: tuple[float, ...], columns: int, x: float, y: float, region: Region
) -> tuple[float, ...]:
    """A 3 x `columns` matrix, row by row, whose pixels are shifted by the region and scaled."""
    matrix = np.array(values, dtype=np.float64).reshape(3, columns)
    matrix[0, 2] = (matrix[0, 2] + _HALF - region.x) * x - _HALF
    matrix[1, 2] = (matrix[1, 2] + _HALF - region.y) * y - _HALF
    matrix[0, 0] *= x
    matrix[1, 1] *= y
    matrix[0, 1] *= x
    return tuple(float(value) for value in matrix.ravel())
