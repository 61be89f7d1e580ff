# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of depth, calibrations and transforms: the answer comes, and says why it has no place."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from molmo_ground_ros.msg import GroundedPoint
from molmo_ground_ros.ros import convert
from tools.faults.camera import HEIGHT, PAUSE_S, WIDTH, Camera
from tools.faults.fault import Fault
from tools.faults.node_process import NodeSetup
from tools.faults.planner import wait_until
from tools.faults.trial import Trial

# Set before the node is configured, so that it subscribes to them from the start.
IMAGE, DEPTH, INFO = '/fault/image', '/fault/depth', '/fault/camera_info'
DEPTH_INFO = '/fault/depth_info'
MAP = 'map'
_TOPICS = (('depth_topics', [DEPTH]), ('depth_info_topics', [DEPTH_INFO]))
WITH_DEPTH = NodeSetup(_TOPICS, topic=IMAGE)
WITH_MAP = NodeSetup((*_TOPICS, ('target_frame', MAP)), topic=IMAGE)
METRES, FOCAL = 2.0, 30.0
# Where the map has the camera.
SHIFT_M = 10.0
OK, NO_DEPTH = GroundedPoint.OK, GroundedPoint.NO_DEPTH
NO_TRANSFORM = GroundedPoint.NO_TRANSFORM


class Scene:
    """A wall two metres before the camera, with what is needed to place a point on it."""

    def __init__(self, trial: Trial) -> None:
        """Offer depth, calibration and transforms beside the camera of a trial."""
        self.camera: Camera = trial.camera
        node = trial.planner.node
        self._publishers = {
            name: node.create_publisher(kind, topic, 100)
            for name, kind, topic in (
                ('depth', Image, DEPTH),
                ('info', CameraInfo, INFO),
                ('depth_info', CameraInfo, DEPTH_INFO),
                ('tf', TFMessage, '/tf'),
            )
        }
        for name in ('depth', 'info', 'depth_info'):
            wait_until(self._publishers[name].get_subscription_count, f'a subscription of {name}')
        self._node = node
        self._timers: list[threading.Timer] = []

    def close(self) -> None:
        """Offer nothing any more."""
        for timer in self._timers:
            timer.join()
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)

    def show(
        self,
        depth: Callable[[], Image] | None = None,
        *,
        without: tuple[str, ...] = (),
        late_s: float = 0.0,
    ) -> None:
        """Show one image with its depth, calibrations and transform.

        depth: in place of the good one. without: what is left out. late_s: when the transform
        comes, after the rest.
        """
        self.camera.show()
        messages = {
            'depth': (depth or self.depth)(),
            'info': self.calibration(),
            'depth_info': self.calibration(),
        }
        for name, message in messages.items():
            if name not in without:
                self._publishers[name].publish(message)
        if 'tf' not in without and late_s:
            transform = self.transform()
            timer = threading.Timer(late_s, self._publishers['tf'].publish, [transform])
            self._timers.append(timer)
            timer.start()
        elif 'tf' not in without:
            self._publishers['tf'].publish(self.transform())
        time.sleep(PAUSE_S)

    def header(self) -> Header:
        """Of the newest image."""
        return Header(stamp=convert.time_msg(self.camera.stamp_ns), frame_id=self.camera.frame_id)

    def depth(self, metres: float = METRES, width: int = WIDTH, height: int = HEIGHT) -> Image:
        """The same depth everywhere."""
        data = np.full((height, width), metres, np.float32).tobytes()
        size = {'width': width, 'height': height, 'step': 4 * width}
        return Image(header=self.header(), encoding='32FC1', data=data, **size)

    def calibration(self, width: int = WIDTH) -> CameraInfo:
        """Of a camera without distortion, in an image of this width."""
        scale = width / WIDTH
        f, x, y = FOCAL * scale, WIDTH / 2 * scale, HEIGHT / 2 * scale
        return CameraInfo(
            header=self.header(),
            width=width,
            height=round(HEIGHT * scale),
            distortion_model='plumb_bob',
            d=[0.0] * 5,
            k=[f, 0.0, x, 0.0, f, y, 0.0, 0.0, 1.0],
            r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            p=[f, 0.0, x, 0.0, 0.0, f, y, 0.0, 0.0, 0.0, 1.0, 0.0],
        )

    def transform(self, age_ns: int = 0) -> TFMessage:
        """Where the camera is in the map, at the newest image or so long before it."""
        stamped = TransformStamped(header=Header(frame_id=MAP), child_frame_id=self.camera.frame_id)
        stamped.header.stamp = convert.time_msg(self.camera.stamp_ns - age_ns)
        stamped.transform.translation.x = SHIFT_M
        stamped.transform.rotation.w = 1.0
        return TFMessage(transforms=[stamped])

    def publish_transform(self, age_ns: int = 0) -> None:
        """Publish a transform of that age."""
        self._publishers['tf'].publish(self.transform(age_ns))

    def show_small(self) -> None:
        """Depth of half the size, with its own calibration."""
        self.camera.show()
        self._publishers['depth'].publish(self.depth(METRES, WIDTH // 2, HEIGHT // 2))
        self._publishers['info'].publish(self.calibration())
        self._publishers['depth_info'].publish(self.calibration(WIDTH // 2))
        time.sleep(PAUSE_S)


def _places(status: int, show: Callable[[Scene], None]) -> Callable[[Trial], None]:
    """Show images in which something is wrong: the answer has this status for its point."""

    def inject(trial: Trial) -> None:
        scene = Scene(trial)
        try:
            trial.feed = scene.show
            trial.also = lambda reply: _is_placed(reply, scene)
            seconds = trial.seconds_to_right_answer()
            trial.check(not math.isnan(seconds), f'no place before the fault: {trial.last_reply}')
            scene.camera.jump(20_000_000_000)
            for _ in range(3):
                show(scene)
            began = time.monotonic()
            reply = trial.ask()
            seconds = time.monotonic() - began
            point = reply.points.points[0]
            trial.note(f'position_status {point.position_status}')
            trial.check(point.position_status == status, f'{status} was expected')
            trial.check(seconds < 1.0, f'the answer took {seconds:.2f} s')
            trial.check(status != OK or _is_placed(reply, scene), f'the place is {point.position}')
            trial.recovered_s = trial.seconds_to_right_answer(trial.ended_s)
        finally:
            scene.close()

    return inject


def _is_placed(reply: Any, scene: Scene) -> bool:
    """Whether the point of a right answer lies on the wall."""
    point = reply.points.points[0]
    x = (point.x - WIDTH / 2) / FOCAL * METRES
    shift = SHIFT_M if reply.points.target_frame == MAP else 0.0
    off = max(abs(point.position.x - x - shift), abs(point.position.z - METRES))
    return point.position_status == OK and off < 0.1 and bool(scene)


def _without(*names: str) -> Callable[[Scene], None]:
    return lambda scene: scene.show(without=names)


def _late(seconds: float) -> Callable[[Scene], None]:
    return lambda scene: scene.show(late_s=seconds)


def _old(scene: Scene) -> None:
    scene.show(without=('tf',))
    scene.publish_transform(3600_000_000_000)


def _cut(image: Image) -> Image:
    image.data = image.data[: len(image.data) // 2]
    return image


_NO_DEPTH = 'the answer comes, with `NO_DEPTH`'
_NO_PLACE = 'the answer comes after `position_wait_seconds`, with `NO_TRANSFORM`'

DEPTHS = (
    Fault(
        'depth-nan',
        'Depth that is NaN everywhere',
        _NO_DEPTH,
        _places(NO_DEPTH, lambda scene: scene.show(lambda: scene.depth(math.nan))),
        WITH_DEPTH,
    ),
    Fault(
        'depth-zero',
        'Depth that is zero everywhere',
        _NO_DEPTH,
        _places(NO_DEPTH, lambda scene: scene.show(lambda: scene.depth(0.0))),
        WITH_DEPTH,
    ),
    Fault(
        'depth-absent',
        'No depth comes',
        _NO_DEPTH,
        _places(NO_DEPTH, _without('depth')),
        WITH_DEPTH,
    ),
    Fault(
        'depth-damaged',
        'Depth images with less data than their header says',
        _NO_DEPTH,
        _places(NO_DEPTH, lambda scene: scene.show(lambda: _cut(scene.depth()))),
        WITH_DEPTH,
    ),
    Fault(
        'depth-smaller',
        'Depth of half the size, with a calibration of its own',
        'the place is right: depth is registered through both calibrations',
        _places(OK, Scene.show_small),
        WITH_DEPTH,
    ),
    Fault(
        'tf-missing',
        'No transform to `target_frame`',
        _NO_PLACE,
        _places(NO_TRANSFORM, _without('tf')),
        WITH_MAP,
    ),
    Fault(
        'tf-old',
        'Only transforms that are an hour old',
        _NO_PLACE,
        _places(NO_TRANSFORM, _old),
        WITH_MAP,
    ),
    Fault(
        'tf-late',
        'The transform comes 0.1 s after the image',
        'the answer waits for it, and its place is right',
        _places(OK, _late(0.1)),
        WITH_MAP,
    ),
    Fault(
        'tf-too-late',
        'The transform comes 1 s after the image',
        _NO_PLACE,
        _places(NO_TRANSFORM, _late(1.0)),
        WITH_MAP,
    ),
)
