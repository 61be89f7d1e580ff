# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Positions in metres for the answers of the node: waits for what comes late, but not for long."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

from rclpy.node import Node

from molmo_ground_ros.config import Settings
from molmo_ground_ros.grounding.motion import speeds
from molmo_ground_ros.ros.depth_input import DepthInput, depth_topics
from molmo_ground_ros.ros.transform_input import TransformInput, transform_input
from molmo_ground_ros.space.camera_space import place_points
from molmo_ground_ros.space.errors import NoTransform
from molmo_ground_ros.space.transforms import frame_name
from molmo_ground_ros.types import Answer, Point

# Seconds between two looks whether what an answer waits for has come.
POLL_S = 0.01


class Places:
    """The depth, calibrations and transforms around the cameras of a node. For any thread."""

    def __init__(self, node: Node, settings: Settings) -> None:
        """Nothing is received before `subscribe`, but for transforms."""
        self._node = node
        self._transforms: TransformInput | None = None
        self._is_subscribed = False
        # By camera. Replaced as a whole, by `configure`.
        self.inputs: dict[str, DepthInput] = {}
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Add and remove the depth of cameras; one whose topics stay keeps what it has."""
        inputs = {}
        for camera, topics in depth_topics(settings).items():
            source = self.inputs.get(camera)
            if source is None or source.topics != topics:
                source = DepthInput(self._node, topics, settings, self._transform_input(settings))
            source.target_frame = settings.target_frame
            inputs[camera] = source
        before, self.inputs = self.inputs, inputs
        if self._is_subscribed:
            for camera, source in before.items():
                if inputs.get(camera) is not source:
                    source.unsubscribe()
            for camera, source in inputs.items():
                if before.get(camera) is not source:
                    source.subscribe()

    def _transform_input(self, settings: Settings) -> TransformInput:
        """The transforms, which all cameras share and which are received from the first one on."""
        if self._transforms is None:
            # As long as the oldest frame of an answer may be past.
            kept_s = settings.buffer_seconds + settings.timeout_seconds
            self._transforms = transform_input(self._node, kept_s)
        return self._transforms

    def subscribe(self) -> None:
        """Begin to receive depth and calibrations."""
        self._is_subscribed = True
        for source in self.inputs.values():
            source.subscribe()

    def unsubscribe(self) -> None:
        """Receive no more depth. Transforms still come, so none is missing later."""
        self._is_subscribed = False
        for source in self.inputs.values():
            source.unsubscribe()

    def close(self) -> None:
        """Receive nothing any more."""
        self.unsubscribe()
        if self._transforms is not None:
            self._transforms.close()

    def clear(self) -> None:
        """Forget all that moves, after a jump of time."""
        if self._transforms is not None:
            self._transforms.clear()
        for source in self.inputs.values():
            source.clear()

    def hold(self, camera: str, stamp_ns: int) -> None:
        """Keep the depth of a camera's newest frame, about which a question was asked."""
        if camera in self.inputs:
            self.inputs[camera].buffer.hold(stamp_ns)

    def values(self) -> dict[str, dict[str, object]]:
        """What /diagnostics shows, by camera."""
        return {camera: source.values() for camera, source in self.inputs.items()}

    def place(self, answer: Answer, settings: Settings) -> Answer:
        """The answer with a position for every point, or the reason why it has none.

        It waits at most `position_wait_seconds` for depth and transforms. An answer about a camera
        without depth stays as it is.
        """
        source = self.inputs.get(answer.camera)
        points = [*answer.points, *(point for track in answer.tracks for point in track.points)]
        if source is None or all(point.position for point in points):
            # There are none, or they were placed when they were seen.
            return answer
        self._wait(source, points, settings.position_wait_seconds)
        placed = iter(place_points(points, (answer.image_width, answer.image_height), source))
        own = tuple(next(placed) for _ in answer.points)
        tracks = []
        for track in answer.tracks:
            path = tuple(next(placed) for _ in track.points)
            known_speeds = speeds(path) if settings.report_speed else ()
            tracks.append(replace(track, points=path, speeds=known_speeds))
        return replace(answer, points=own, tracks=tuple(tracks))

    def _wait(self, source: DepthInput, points: Iterable[Point], wait_s: float) -> None:
        """Wait until the newest of the points can be placed, or the time is over."""
        newest = max(points, key=lambda point: point.stamp_ns)
        deadline_s = time.monotonic() + wait_s
        while not _is_ready(source, newest):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(POLL_S, left_s))


def _is_ready(source: DepthInput, point: Point) -> bool:
    """Whether depth and transform of a point are there, or will not come any more."""
    if not source.buffer.is_settled(point.stamp_ns):
        return False
    target = source.target_frame or point.frame_id
    if frame_name(target) == frame_name(point.frame_id):
        return True
    try:
        source.transform(point.frame_id, target, point.stamp_ns)
    except NoTransform:
        return False
    return True
