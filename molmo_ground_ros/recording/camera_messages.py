# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages that say where a camera looks, as they lie in a recording: CameraInfo, TFMessage."""

from __future__ import annotations

from dataclasses import dataclass

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames.cdr import (
    STAMP_BYTES,
    CdrReader,
    Ros1Reader,
    ros1_stamp_of,
    stamp_of,
)
from molmo_ground_ros.space.camera_model import CameraModel, Region, from_camera_info
from molmo_ground_ros.space.transforms import Transform

CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
TRANSFORMS = 'tf2_msgs/msg/TFMessage'
# What stands before the type of a message of ROS 1.
ROS1 = 'ros1 '
COMPANIONS = (CAMERA_INFO, TRANSFORMS, f'{ROS1}{CAMERA_INFO}', f'{ROS1}{TRANSFORMS}')
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

    kind: of COMPANIONS. The stamp of a TFMessage is that of its first transform.
    """
    is_ros1 = kind.startswith(ROS1)
    if kind.endswith(CAMERA_INFO):
        return ros1_stamp_of(head) if is_ros1 else stamp_of(head)
    if len(head) < HEAD_BYTES:
        return None
    if is_ros1:
        # The number of transforms, and then a header as that of a message.
        return ros1_stamp_of(head[4:])
    return stamp_of(bytes(head[:4]) + bytes(head[_FIRST_TRANSFORM:HEAD_BYTES]))


def camera_info(
    message: bytes | memoryview, kind: str = CAMERA_INFO, *, rectified: bool
) -> CameraInfoMessage:
    """Read a CameraInfo of a kind of COMPANIONS. Raises ImageError for what is cut off.

    rectified: whether it is of rectified images. Raises CalibrationError.
    """
    stamp_ns = first_stamp(message[:STAMP_BYTES], kind)
    if stamp_ns is None:
        raise ImageError(f'the message of {len(message)} bytes does not begin as {kind}')
    reader = _reader(message, STAMP_BYTES, kind)
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


def transforms(message: bytes | memoryview, kind: str = TRANSFORMS) -> list[Transform]:
    """Read a TFMessage of a kind of COMPANIONS. Raises ImageError for what is cut off."""
    if first_stamp(message[:HEAD_BYTES], kind) is None:
        return []
    is_ros1 = kind.startswith(ROS1)
    reader = _reader(message, 0 if is_ros1 else 4, kind)
    return [_transform(reader, is_ros1=is_ros1) for _ in range(reader.number())]


def _reader(message: bytes | memoryview, offset: int, kind: str) -> CdrReader:
    reader = Ros1Reader if kind.startswith(ROS1) else CdrReader
    return reader(memoryview(message), offset)


def _transform(reader: CdrReader, *, is_ros1: bool) -> Transform:
    if is_ros1:
        # The counter of its header.
        reader.number()
    stamp_ns = reader.stamp()
    parent, child = reader.text(), reader.text()
    x, y, z, *rotation = reader.doubles(7)
    qx, qy, qz, qw = rotation
    return Transform(parent, child, stamp_ns, (x, y, z), (qx, qy, qz, qw))
