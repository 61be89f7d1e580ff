# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages that say where a camera looks, as they lie in a recording: CameraInfo, TFMessage."""

from __future__ import annotations

from dataclasses import dataclass

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames.cdr import STAMP_BYTES, CdrReader, stamp_of
from molmo_ground_ros.space.camera_model import CameraModel, Region, from_camera_info
from molmo_ground_ros.space.transforms import Transform

CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
TRANSFORMS = 'tf2_msgs/msg/TFMessage'
COMPANIONS = (CAMERA_INFO, TRANSFORMS)
HEAD_BYTES = 16  # from the start of either message to the end of its first stamp

_FIRST_TRANSFORM = 8  # bytes: the encapsulation header and the number of transforms
_LONGEST_D = 100  # coefficients; the longest known model has 14


@dataclass(frozen=True, slots=True)
class CameraInfoMessage:
    """One `sensor_msgs/CameraInfo`."""

    stamp_ns: int
    frame_id: str
    camera: CameraModel


def first_stamp(head: bytes | memoryview, kind: str) -> int | None:
    """The first stamp in a message's first HEAD_BYTES, ns; None if it is no message of this type.

    That of a TFMessage is the stamp of its first transform.
    """
    if kind == CAMERA_INFO or len(head) < HEAD_BYTES:
        return stamp_of(head) if kind == CAMERA_INFO else None
    return stamp_of(bytes(head[:4]) + bytes(head[_FIRST_TRANSFORM:HEAD_BYTES]))


def camera_info(message: bytes | memoryview, *, rectified: bool) -> CameraInfoMessage:
    """Read a CameraInfo. Raises ImageError for what is cut off, CalibrationError.

    rectified: whether it is of rectified images.
    """
    stamp_ns = stamp_of(message[:STAMP_BYTES])
    if stamp_ns is None:
        raise ImageError(f'the message of {len(message)} bytes does not begin as {CAMERA_INFO}')
    reader = CdrReader(memoryview(message), STAMP_BYTES)
    frame_id = reader.text()
    height, width = reader.number(), reader.number()
    distortion = reader.text()
    count = reader.number()
    if count > _LONGEST_D:
        raise ImageError(f'the camera_info has {count} distortion coefficients')
    d, k, _, p = (reader.doubles(length) for length in (count, 9, 9, 12))
    binning = reader.number(), reader.number()
    x, y, rows, columns = (reader.number() for _ in range(4))
    camera = from_camera_info(
        (width, height), k, d, p, distortion, binning, Region(x, y, columns, rows),
        rectified=rectified,
    )  # fmt: skip
    return CameraInfoMessage(stamp_ns, frame_id, camera)


def transforms(message: bytes | memoryview) -> list[Transform]:
    """Read a TFMessage. Raises ImageError for what is cut off."""
    if first_stamp(message[:HEAD_BYTES], TRANSFORMS) is None:
        return []
    reader = CdrReader(memoryview(message), 4)
    return [_transform(reader) for _ in range(reader.number())]


def _transform(reader: CdrReader) -> Transform:
    stamp_ns = reader.stamp()
    parent, child = reader.text(), reader.text()
    x, y, z, *rotation = reader.doubles(7)
    qx, qy, qz, qw = rotation
    return Transform(parent, child, stamp_ns, (x, y, z), (qx, qy, qz, qw))
