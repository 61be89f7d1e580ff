# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A pixel of a frame to a place in metres, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.space.camera_model import CameraModel, scaled
from molmo_ground_ros.space.errors import CalibrationError, NoTransform
from molmo_ground_ros.space.patch import RADIUS, PatchDepth, patch_depth
from molmo_ground_ros.space.registration import coarse, register
from molmo_ground_ros.types import Position, PositionStatus

Matrix = NDArray[np.float64]  # (4, 4)
# Moves smaller than this between an image and its depth are none: half a millimetre, a third of a
# pixel.
STILL_M, STILL_RADIANS = 0.0005, 0.0005

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
        move = find_transform(colour.frame_id, target_frame, colour.stamp_ns)
        between = _between(colour, depth, target_frame, find_transform)
        patches = _depths(pixels, camera, colour, depth, between)
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


def _between(
    colour: ColourFrame, depth: DepthFrame, target_frame: str, find_transform: FindTransform
) -> Matrix:
    """From the depth camera when it measured to the colour camera when it took the frame.

    Where the two are not of one stamp, the camera may have moved in between: in the target frame,
    as far as that is known.
    """
    if depth.stamp_ns != colour.stamp_ns and target_frame != colour.frame_id:
        try:
            measured = find_transform(depth.frame_id, target_frame, depth.stamp_ns)
            towards = find_transform(target_frame, colour.frame_id, colour.stamp_ns)
        except NoTransform:
            # Then both count as of one stamp.
            pass
        else:
            return np.asarray(towards @ measured)
    return find_transform(depth.frame_id, colour.frame_id, colour.stamp_ns)


def _depths(
    pixels: Sequence[tuple[float, float]],
    camera: CameraModel,
    colour: ColourFrame,
    depth: DepthFrame,
    between: Matrix,
) -> list[PatchDepth | None]:
    """The depth around each pixel, along the optical axis of the colour camera.

    between: (4, 4), from the depth camera to the colour camera.
    """
    metres = depth.metres
    height, width = metres.shape
    if depth.camera is not None and not _shows_the_same(colour, depth):
        depth_camera = scaled(depth.camera, (width, height))
        metres = register(metres, depth_camera, coarse(camera, depth_camera), between)
    elif not _is_still(between):
        under = scaled(colour.camera, (width, height))
        metres = register(metres, under, coarse(camera, under), between)
    height, width = metres.shape
    factors = (width / colour.width, height / colour.height)
    return [patch_depth(metres, x * factors[0], y * factors[1], RADIUS) for x, y in pixels]


def _is_still(between: Matrix) -> bool:
    """Whether a move is too small to see in depth."""
    away_m = np.abs(between[:3, 3]).max()
    turned = np.abs(between[:3, :3] - np.eye(3)).max()
    return bool(away_m < STILL_M and turned < STILL_RADIANS)


def _shows_the_same(colour: ColourFrame, depth: DepthFrame) -> bool:
    """Whether a depth image shows what the colour image shows, but for its resolution."""
    height, width = depth.metres.shape
    same_shape = abs(width * colour.height - height * colour.width) <= max(width, colour.width)
    return depth.frame_id == colour.frame_id and same_shape
