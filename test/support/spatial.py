# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A recording with depth, calibration and transforms of a scene whose every place is known.

A camera moves along x of the map at 1 m/s, 0.5 m above it, and looks down z at a wall that is
2.5 m away from it; a step of the wall in its right half is 1.5 m away.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from support.bags import MSG, TYPES, write_bag
from support.clips import stamp

WIDTH, HEIGHT, FOCAL = 64, 48, 60.0
FAR_M, NEAR_M = 2.5, 1.5
IMAGE, INFO, DEPTH = '/cam/color/image/compressed', '/cam/color/camera_info', '/cam/depth/image'
DEPTH_INFO = '/cam/depth/camera_info'
TF, TF_STATIC = '/tf', '/tf_static'
OPTICAL, MAP = 'optical', 'map'
TF_MESSAGE = 'geometry_msgs/TransformStamped[] transforms'
IDENTITY = (0.0, 0.0, 0.0, 1.0)


def header(seconds: float, frame_id: str = OPTICAL) -> Any:
    at_ns = stamp(seconds)
    time = MSG['builtin_interfaces/msg/Time'](at_ns // 10**9, at_ns % 10**9)
    return MSG['std_msgs/msg/Header'](time, frame_id)


def picture(seconds: float) -> Any:
    data = cv2.imencode('.jpg', np.full((HEIGHT, WIDTH, 3), 90, np.uint8))[1].reshape(-1)
    return MSG['sensor_msgs/msg/CompressedImage'](header(seconds), 'jpeg', data)


def wall() -> NDArray[np.float32]:
    """(HEIGHT, WIDTH) metres of the scene, the same from everywhere on the camera's way."""
    metres = np.full((HEIGHT, WIDTH), FAR_M, np.float32)
    metres[:, WIDTH // 2 :] = NEAR_M
    return metres


def depth(
    seconds: float, metres: NDArray[np.float32] | None = None, frame_id: str = OPTICAL
) -> Any:
    """16UC1 millimetres; NaN is written as 0."""
    values = np.nan_to_num((wall() if metres is None else metres) * 1000).round().astype('<u2')
    rows, columns = values.shape
    data = values.view(np.uint8).reshape(-1)
    kind = MSG['sensor_msgs/msg/Image']
    return kind(header(seconds, frame_id), rows, columns, '16UC1', 0, 2 * columns, data)


def camera_info(
    seconds: float, focal: float = FOCAL, frame_id: str = OPTICAL, **changes: Any
) -> Any:
    k = (focal, 0.0, WIDTH / 2 - 0.5, 0.0, focal, HEIGHT / 2 - 0.5, 0.0, 0.0, 1.0)
    fields = {
        'header': header(seconds, frame_id),
        'height': HEIGHT,
        'width': WIDTH,
        'distortion_model': 'plumb_bob',
        'd': np.zeros(5),
        'k': np.array(k),
        'r': np.eye(3).reshape(-1),
        'p': np.array((*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0)),
        'binning_x': 0,
        'binning_y': 0,
        'roi': MSG['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False),
    }
    return MSG['sensor_msgs/msg/CameraInfo'](**{**fields, **changes})


def transform(
    seconds: float,
    parent: str,
    child: str,
    place: Sequence[float],
    rotation: Sequence[float] = IDENTITY,
) -> Any:
    """A TFMessage of one transform."""
    vector, quaternion = MSG['geometry_msgs/msg/Vector3'], MSG['geometry_msgs/msg/Quaternion']
    moved = MSG['geometry_msgs/msg/Transform'](vector(*place), quaternion(*rotation))
    stamped = MSG['geometry_msgs/msg/TransformStamped'](header(seconds, parent), child, moved)
    return MSG['tf2_msgs/msg/TFMessage']([stamped])


def topics(length_s: float = 4.0, rate_hz: float = 4.0) -> dict[str, list[Any]]:
    """The messages of the scene by topic: depth at half the rate of the pictures."""
    times = [number / rate_hz for number in range(round(length_s * rate_hz) + 1)]
    return {
        IMAGE: [picture(time) for time in times],
        INFO: [camera_info(time) for time in times],
        DEPTH: [depth(time) for time in times[::2]],
        TF: [transform(time, MAP, 'base', (time, 0.0, 0.0)) for time in times],
        TF_STATIC: [transform(0.0, 'base', OPTICAL, (0.0, 0.0, 0.5))],
    }


def write_scene(path: Path, **changes: list[Any] | None) -> Path:
    """A bag of the scene with other messages on some topics, none where they are None."""
    written = {**topics(), **{globals()[name]: value for name, value in changes.items()}}
    return write_bag(path, {topic: value for topic, value in written.items() if value})


def write_ros1_scene(path: Path) -> Path:
    """The scene as a ROS 1 bag."""
    types = get_typestore(Stores.ROS1_NOETIC)
    types.register(get_types_from_msg(TF_MESSAGE, 'tf2_msgs/msg/TFMessage'))
    with Writer(path) as writer:
        for topic, messages in topics().items():
            kind = messages[0].__msgtype__
            link = writer.add_connection(topic, kind, typestore=types)
            for message in messages:
                stamped = getattr(message, 'transforms', [message])[0].header.stamp
                raw = TYPES.cdr_to_ros1(TYPES.serialize_cdr(message, kind), kind)
                writer.write(link, stamped.sec * 10**9 + stamped.nanosec, raw)
    return path


def true_place(seconds: float, x: float, y: float) -> tuple[float, float, float]:
    """Where a pixel of the scene's picture lies in the map, metres."""
    metres = FAR_M if x < WIDTH / 2 else NEAR_M
    return (
        seconds + (x - WIDTH / 2) / FOCAL * metres,
        (y - HEIGHT / 2) / FOCAL * metres,
        0.5 + metres,
    )
