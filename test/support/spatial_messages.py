# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The scene of `support.spatial` as messages of rclpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from geometry_msgs.msg import Transform as TransformMsg
from numpy.typing import NDArray
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from support.clips import stamp
from support.spatial import FOCAL, HEIGHT, OPTICAL, WIDTH, wall

__all__ = ['camera_info', 'depth', 'image', 'parameter', 'stamp', 'transform']


def header(seconds: float, frame_id: str = OPTICAL) -> Header:
    at_ns = stamp(seconds)
    return Header(stamp=Time(sec=at_ns // 10**9, nanosec=at_ns % 10**9), frame_id=frame_id)


def image(seconds: float) -> Image:
    """A grey picture."""
    data = np.full(3 * WIDTH * HEIGHT, 90, np.uint8).tobytes()
    size = {'width': WIDTH, 'height': HEIGHT, 'step': 3 * WIDTH}
    return Image(header=header(seconds), encoding='rgb8', data=data, **size)


def depth(seconds: float, metres: NDArray[np.float32] | None = None) -> Image:
    """32FC1 metres, NaN where nothing was measured."""
    values = (wall() if metres is None else metres).astype('<f4')
    size = {'width': WIDTH, 'height': HEIGHT, 'step': 4 * WIDTH}
    return Image(header=header(seconds), encoding='32FC1', data=values.tobytes(), **size)


def camera_info(seconds: float, focal: float = FOCAL) -> CameraInfo:
    k = [focal, 0.0, WIDTH / 2 - 0.5, 0.0, focal, HEIGHT / 2 - 0.5, 0.0, 0.0, 1.0]
    return CameraInfo(
        header=header(seconds), width=WIDTH, height=HEIGHT, distortion_model='plumb_bob', k=k
    )


def transform(seconds: float, parent: str, child: str, place: Sequence[float]) -> TFMessage:
    x, y, z = place
    moved = TransformMsg(translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(w=1.0))
    stamped = TransformStamped(
        header=header(seconds, parent), child_frame_id=child, transform=moved
    )
    return TFMessage(transforms=[stamped])


def parameter(name: str, value: Any) -> Parameter:
    return Parameter(name, value=value)
