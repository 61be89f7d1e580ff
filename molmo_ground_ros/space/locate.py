# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A pixel of a frame to a place in metres, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.space.camera_model import CameraModel, Pixels, scaled
from molmo_ground_ros.space.errors import CalibrationError, NoTransform
from molmo_ground_ros.space.patch import RADIUS, PatchDepth, patch_depth
from molmo_ground_ros.space.registration import coarse, register
from molmo_ground_ros.types import Position, PositionStatus

Matrix = NDArray[np.float64]  # (4, 4)
FindTransform = Callable[[str, str, int], Matrix]
"""(source frame, target frame, stamp_ns) -> (4, 4). Raises NoTransform."""


@dataclass(frozen=True, slots=True)
class DepthFrame:
    """One depth image with all that is needed to place its pixels."""

    stamp_ns: int
    frame_id: str  # optical frame of the camera that measured it
    metres: NDArray[np.float32]  # (H, W), NaN where nothing was measured
    camera: CameraModel | None = None  # None: it lies under the colour image, pixel by pixel


@dataclass(frozen=True, slots=True)
class ColourFrame:
    """The frame that points lie in."""

    stamp_ns: int
    frame_id: str  # its optical frame
    width: int  # pixels
    height: int
    camera: CameraModel


def locate(
    pixels: Sequence[tuple[float, float]],
    colour: ColourFrame,
    depth: DepthFrame | None,
    target_frame: str,
    find_transform: FindTransform,
) -> list[Position]:
    """The positions of pixels of one frame, in `target_frame` at the frame's own stamp.

    Without depth all are NO_DEPTH, without a transform NO_TRANSFORM. Never raises for what sensors
    and publishers do wrong: the reason is in each position.
    """
    if not pixels:
        return []
    if depth is None:
        return [_without(PositionStatus.NO_DEPTH, 'no depth image of that stamp')] * len(pixels)
    try:
        camera = scaled(colour.camera, (colour.width, colour.height))
        patches = _depths(
            np.asarray(pixels, dtype=np.float64), camera, colour, depth, find_transform
        )
        move = find_transform(colour.frame_id, target_frame, colour.stamp_ns)
    except CalibrationError as err:
        return [_without(PositionStatus.NO_DEPTH, str(err))] * len(pixels)
    except NoTransform as err:
        return [_without(PositionStatus.NO_TRANSFORM, str(err))] * len(pixels)
    rays = camera.rays(np.asarray(pixels, dtype=np.float64))
    return [
        replace(_position(ray, patch, move), frame_id=target_frame)
        for ray, patch in zip(rays, patches, strict=True)
    ]


def _without(status: PositionStatus, reason: str) -> Position:
    return Position(status, reason=reason)


def _position(ray: NDArray[np.float64], patch: PatchDepth | None, move: Matrix) -> Position:
    if patch is None:
        return _without(PositionStatus.NO_DEPTH, 'too little was measured around the pixel')
    x, y, z = (float(value) for value in move[:3, :3] @ (ray * patch.median_m) + move[:3, 3])
    return Position(PositionStatus.OK, x, y, z, patch.spread_m)


def _depths(
    pixels: Pixels,
    camera: CameraModel,
    colour: ColourFrame,
    depth: DepthFrame,
    find_transform: FindTransform,
) -> list[PatchDepth | None]:
    """The depth around each pixel, along the optical axis of the colour camera."""
    metres = depth.metres
    if depth.camera is not None and not _lies_under(colour, depth):
        height, width = metres.shape
        depth_camera = scaled(depth.camera, (width, height))
        move = find_transform(depth.frame_id, colour.frame_id, colour.stamp_ns)
        metres = register(metres, depth_camera, coarse(camera, depth_camera), move)
    height, width = metres.shape
    factors = (width / colour.width, height / colour.height)
    return [patch_depth(metres, x * factors[0], y * factors[1], RADIUS) for x, y in pixels]


def _lies_under(colour: ColourFrame, depth: DepthFrame) -> bool:
    """Whether a depth image shows what the colour image shows, but for its resolution."""
    height, width = depth.metres.shape
    same_shape = abs(width * colour.height - height * colour.width) <= max(width, colour.width)
    return depth.frame_id == colour.frame_id and same_shape
