# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tiny real recordings that tests write and read."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from support.clips import stamp

TYPES = get_typestore(Stores.ROS2_JAZZY)
MSG = TYPES.types
JPEG = cv2.imencode('.jpg', np.full((12, 16, 3), 90, np.uint8))[1].reshape(-1)


def _header(seconds: float) -> Any:
    nanoseconds = stamp(seconds)
    time = MSG['builtin_interfaces/msg/Time'](nanoseconds // 10**9, nanoseconds % 10**9)
    return MSG['std_msgs/msg/Header'](time, 'optical')


def raw_message(seconds: float) -> Any:
    """A 16x12 rgb8 sensor_msgs/Image."""
    data = np.full(16 * 12 * 3, 90, np.uint8)
    kind = MSG['sensor_msgs/msg/Image']
    return kind(_header(seconds), 12, 16, 'rgb8', 0, 48, data)


def jpeg_message(seconds: float) -> Any:
    """A 16x12 sensor_msgs/CompressedImage."""
    return MSG['sensor_msgs/msg/CompressedImage'](_header(seconds), 'jpeg', JPEG)


def write_bag(
    path: Path, topics: dict[str, Iterable[Any]], storage: StoragePlugin = StoragePlugin.MCAP
) -> Path:
    """A rosbag2 folder with these messages, in the order of their stamps."""
    with Writer(path, version=9, storage_plugin=storage) as writer:
        for topic, messages in topics.items():
            connection = None
            for message in messages:
                kind = message.__msgtype__
                if connection is None:
                    connection = writer.add_connection(topic, kind, typestore=TYPES)
                stamped = getattr(message, 'transforms', [message])[0]
                time = stamped.header.stamp
                stamp_ns = time.sec * 10**9 + time.nanosec
                writer.write(connection, stamp_ns, TYPES.serialize_cdr(message, kind))
    return path
