# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a recording knows of the space around a camera: its depth, calibration and transforms.

Everything is read where a point needs it: the depth of one stamp, the camera_info before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BagError, ImageError, MissingPackage, TopicNotFound
from molmo_ground_ros.recording.camera_messages import CAMERA_INFO, camera_info
from molmo_ground_ros.recording.index import RecordingIndex
from molmo_ground_ros.recording.recorded_transforms import RecordedTransforms
from molmo_ground_ros.recording.recording import Recording
from molmo_ground_ros.space.camera_model import CameraModel
from molmo_ground_ros.space.camera_space import nearest, place_points, usual_period_ns
from molmo_ground_ros.space.depth_image import depth_metres
from molmo_ground_ros.space.errors import CalibrationError, DepthError, NoTransform
from molmo_ground_ros.space.locate import DepthFrame
from molmo_ground_ros.space.topics import (
    calibration_topic,
    depth_topics,
    info_topic,
    is_depth,
    is_rectified,
)
from molmo_ground_ros.types import Point


@dataclass(frozen=True, slots=True)
class SpaceTopics:
    """Where the positions of one camera come from; '' is left to the names of the topics."""

    depth: str = ''
    camera_info: str = ''  # of the camera
    depth_info: str = ''  # of the depth camera; without one depth lies under the camera's images


class SeveralDepths(BagError):
    """No depth topic was named, and several may belong to the camera."""

    def __init__(self, path: str, camera: str, topics: Sequence[str]) -> None:
        self.topics = tuple(topics)
        super().__init__(path, f"'{camera}' has several depth topics: {', '.join(topics)}")


def find_space(recording: Recording, named: SpaceTopics) -> SpaceTopics:
    """The topics of a camera's depth and calibrations, named or by their names.

    Raises TopicNotFound for a named one that is not there, SeveralDepths, and BagError where the
    recording has no depth or no camera_info for the camera.
    """
    index, camera = recording.index, recording.topic
    infos = index.companion_topics(CAMERA_INFO)
    depths = depth_topics(camera, _depths(index) - {camera})
    _check_named(index, named, infos)
    if not named.depth and len(depths) > 1:
        raise SeveralDepths(index.path, camera, depths)
    depth = named.depth or next(iter(depths), '')
    if not depth:
        raise BagError(index.path, f"it holds no depth for '{camera}'")
    others = set(index.cameras) - {camera}
    info = named.camera_info or calibration_topic(camera, infos, others)
    if not info:
        raise BagError(index.path, f"it holds no camera_info for '{camera}'")
    beside = info_topic(depth)
    depth_info = named.depth_info or (beside if beside in infos else '')
    return SpaceTopics(depth, info, depth_info)


def _depths(index: RecordingIndex) -> set[str]:
    """The topics that hold depth: by their first message, or where none tells by their names."""
    held = {camera.topic for camera in index.cameras.values() if camera.holds_depth}
    # Other images of 16 bits, as those of a thermal camera, have the encoding of depth.
    return set(filter(is_depth, held)) or held or set(filter(is_depth, index.cameras))


def _check_named(index: RecordingIndex, named: SpaceTopics, infos: Sequence[str]) -> None:
    if named.depth and named.depth not in index.cameras:
        raise TopicNotFound(index.path, named.depth, index.cameras)
    for topic in (named.camera_info, named.depth_info):
        if topic and topic not in infos:
            raise TopicNotFound(index.path, topic, infos)


class RecordedSpace:
    """The `CameraSpace` of one camera of a recording. For one thread, while it is open."""

    def __init__(self, recording: Recording, topics: SpaceTopics, target_frame: str = '') -> None:
        """Read the static transforms. topics: those of `find_space`.

        Raises MissingPackage where a target frame is named and pytransform3d is not installed.
        """
        self.topics = topics
        self.target_frame = target_frame
        self._index = recording.index
        self._camera = recording.topic
        self._depths = Recording(recording.index, topics.depth)
        self._period_ns = usual_period_ns(self._depths.stamps)
        self._missing = ''
        self._transforms: RecordedTransforms | None = None
        try:
            self._transforms = RecordedTransforms(self._index)
        except MissingPackage as err:
            if target_frame:
                raise
            self._missing = str(err)

    @property
    def words(self) -> str:
        """Where positions come from and what they are in, for a person."""
        parts = [f'depth {self.topics.depth}', f'camera_info {self.topics.camera_info}']
        info = self.topics.depth_info
        parts += [f'camera_info of the depth {info}'] if info else []
        parts.append(f"in '{self.target_frame}'" if self.target_frame else "in the camera's frame")
        return ', '.join(parts)

    def place(self, points: Sequence[Point], size: tuple[int, int]) -> list[Point]:
        """The points of frames of one size with their positions. See place_points."""
        return place_points(points, size, self)

    def calibration(self, stamp_ns: int) -> CameraModel:
        """See CameraSpace: the camera_info before the stamp, or the first."""
        return self._calibration(self.topics.camera_info, self._camera, stamp_ns)

    def depth(self, stamp_ns: int) -> DepthFrame | None:
        """See CameraSpace."""
        number = nearest(self._depths.stamps, self._period_ns, stamp_ns)
        if number is None:
            return None
        depth_ns = int(self._depths.stamps[number])
        try:
            message = self._depths.message(depth_ns)
        except ImageError as err:
            raise DepthError(f'the depth image of {depth_ns} cannot be read: {err}') from err
        info, camera = self.topics.depth_info, None
        if info:
            camera = self._calibration(info, self.topics.depth, depth_ns)
        return DepthFrame(depth_ns, message.frame_id, depth_metres(message.image), camera)

    def transform(self, source: str, target: str, stamp_ns: int) -> NDArray[np.float64]:
        """See CameraSpace."""
        if self._transforms is None:
            raise NoTransform(source, target, stamp_ns, self._missing)
        return self._transforms.matrix(source, target, stamp_ns)

    def _calibration(self, topic: str, images: str, stamp_ns: int) -> CameraModel:
        """The last calibration before a stamp. images: the topic of the images that it is of."""
        stamps = self._index.companions[topic].stamps
        if not len(stamps):
            raise CalibrationError('topic', topic, 'it has no message')
        number = max(int(np.searchsorted(stamps, stamp_ns, 'right')) - 1, 0)
        try:
            message = self._index.payload(topic, number)
            kind = self._index.companion_kind(topic, number)
            return camera_info(message, kind, rectified=is_rectified(images)).camera
        except ImageError as err:
            raise CalibrationError('topic', topic, str(err)) from err
