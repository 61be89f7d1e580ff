# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Gives points their positions, from what is known of the space around their camera.

The node knows it from topics, an analysis from a recording: `CameraSpace` is the seam between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.space.camera_model import CameraModel
from molmo_ground_ros.space.errors import CalibrationError, DepthError
from molmo_ground_ros.space.locate import ColourFrame, DepthFrame, locate
from molmo_ground_ros.space.transforms import frame_name
from molmo_ground_ros.types import Point, Position, PositionStatus

# The share of the time between two depth images within which a frame takes one: half of it, so that
# a frame between two takes the nearer one, and a little for stamps that are not quite regular.
PAIRING_SHARE = 0.55


class CameraSpace(Protocol):
    """What is known of the space around one camera."""

    @property
    def target_frame(self) -> str:
        """The coordinate frame that positions are given in; '' is that of the camera."""
        ...

    def calibration(self, stamp_ns: int) -> CameraModel:
        """The camera's calibration at a stamp. Raises CalibrationError."""
        ...

    def depth(self, stamp_ns: int) -> DepthFrame | None:
        """The depth image that belongs to the frame of a stamp; None where there is none.

        Raises DepthError, CalibrationError.
        """
        ...

    def transform(self, source: str, target: str, stamp_ns: int) -> NDArray[np.float64]:
        """(4, 4), from one coordinate frame to another. Raises NoTransform."""
        ...


def place_points(points: Sequence[Point], size: tuple[int, int], space: CameraSpace) -> list[Point]:
    """The points with their positions, in the same order.

    size: (width, height) of their frames in pixels. A point without a place says why. Each depth
    image is read once, however many points lie in its frame.
    """
    by_frame: dict[tuple[int, str], list[int]] = {}
    for index, point in enumerate(points):
        by_frame.setdefault((point.stamp_ns, point.frame_id), []).append(index)
    placed = list(points)
    for (stamp_ns, frame_id), indices in sorted(by_frame.items()):
        pixels = [(points[index].x, points[index].y) for index in indices]
        positions = _positions(pixels, stamp_ns, frame_id, size, space)
        for index, position in zip(indices, positions, strict=True):
            placed[index] = replace(points[index], position=position)
    return placed


def _positions(
    pixels: Sequence[tuple[float, float]],
    stamp_ns: int,
    frame_id: str,
    size: tuple[int, int],
    space: CameraSpace,
) -> list[Position]:
    """The positions of pixels of one frame."""
    target = space.target_frame or frame_id

    def transform(source: str, target: str, at_ns: int) -> NDArray[np.float64]:
        if frame_name(source) == frame_name(target):
            return np.eye(4)
        return space.transform(source, target, at_ns)

    try:
        depth = space.depth(stamp_ns)
        if depth is not None:
            _check_has_camera(depth, frame_id)
            colour = ColourFrame(stamp_ns, frame_id, *size, space.calibration(stamp_ns))
            return locate(pixels, colour, depth, target, transform)
    except (CalibrationError, DepthError) as err:
        return [_no_depth(str(err))] * len(pixels)
    return [_no_depth('no depth image near that stamp')] * len(pixels)


def _check_has_camera(depth: DepthFrame, frame_id: str) -> None:
    if depth.camera is None and frame_name(depth.frame_id) != frame_name(frame_id):
        why = f"the frame is in '{frame_id}', and there is no camera_info of the depth camera"
        raise CalibrationError('frame_id', depth.frame_id, why)


def _no_depth(reason: str) -> Position:
    return Position(PositionStatus.NO_DEPTH, reason=reason)


def usual_period_ns(stamps: NDArray[np.int64]) -> int:
    """The usual time between two of the stamps, which ascend; 0 where there are not two."""
    # The lower of two in the middle: a pause is no period.
    periods_ns = np.sort(np.diff(stamps))
    return int(periods_ns[(len(periods_ns) - 1) // 2]) if len(periods_ns) else 0


def nearest(stamps: NDArray[np.int64], period_ns: int, stamp_ns: int) -> int | None:
    """The index of the depth image that belongs to the frame of a stamp; None where there is none.

    stamps: (N,) of the depth images, ns, ascending. period_ns: their usual_period_ns. One with the
    same stamp, or the nearest within PAIRING_SHARE of the period.
    """
    if not len(stamps):
        return None
    after = int(np.searchsorted(stamps, stamp_ns))
    around = [index for index in (after - 1, after) if 0 <= index < len(stamps)]
    best = min(around, key=lambda index: abs(int(stamps[index]) - stamp_ns))
    return best if abs(int(stamps[best]) - stamp_ns) <= PAIRING_SHARE * period_ns else None
