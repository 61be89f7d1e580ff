# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The recent depth of one camera and its calibrations, undecoded. Knows no ROS types."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from molmo_ground_ros.errors import NoFrames, WindowNotCovered
from molmo_ground_ros.frames.buffer_stats import BufferStats, PushOutcome
from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.pinned_window import StoredMessage
from molmo_ground_ros.space.camera_model import CameraModel
from molmo_ground_ros.space.camera_space import nearest, usual_period_ns
from molmo_ground_ros.space.depth_image import depth_metres
from molmo_ground_ros.space.errors import CalibrationError
from molmo_ground_ros.space.locate import DepthFrame
from molmo_ground_ros.types import EncodedImage

# Calibrations that are remembered. A new one comes only where a lens or its settings change.
MOST_CALIBRATIONS = 16
# Frames whose depth is kept for questions that were asked, beside that of the buffer.
MOST_HELD = 16


class Calibrations:
    """The calibrations of one camera by stamp. For any thread."""

    def __init__(self, topic: str) -> None:
        """topic: where they come from, for messages."""
        self._topic = topic
        self._lock = threading.Lock()
        self._models: list[tuple[int, CameraModel]] = []  # guarded by _lock
        self._why = 'none has arrived yet'  # likewise

    def add(self, stamp_ns: int, model: CameraModel) -> None:
        """Take a calibration; one that says what the last one said is not kept."""
        with self._lock:
            if self._models and self._models[-1][1] == model:
                return
            self._models = [*self._models[1 - MOST_CALIBRATIONS :], (stamp_ns, model)]

    def fail(self, why: str) -> None:
        """Note why the last message was no calibration."""
        with self._lock:
            self._why = why

    def at(self, stamp_ns: int) -> CameraModel:
        """The last one before a stamp, or the first. Raises CalibrationError where none came."""
        with self._lock:
            if not self._models:
                raise CalibrationError('topic', self._topic, self._why)
            before = [model for since_ns, model in self._models if since_ns <= stamp_ns]
            return before[-1] if before else self._models[0][1]

    @property
    def count(self) -> int:
        """How many different ones are known."""
        with self._lock:
            return len(self._models)


class DepthBuffer:
    """The depth images that belong to the frames of a clip buffer. For any thread.

    They are thinned out as the clip buffer thins images out, so a frame and the depth image of its
    stamp are both kept. A clip buffer drops its newest frame when a newer one comes; questions were
    asked about it, so `hold` keeps its depth.
    """

    def __init__(
        self, camera: str, *, horizon_ns: int, max_bytes: int, keep_period_ns: int
    ) -> None:
        """See ClipBuffer for the limits."""
        self._buffer = ClipBuffer(
            camera, horizon_ns=horizon_ns, max_bytes=max_bytes, keep_period_ns=keep_period_ns
        )
        self._lock = threading.Lock()
        # By stamp, the oldest first; None where it has not come yet. Guarded by _lock.
        self._held: OrderedDict[int, StoredMessage | None] = OrderedDict()

    def push(self, stamp_ns: int, image: EncodedImage, frame_id: str) -> PushOutcome:
        """Take one depth image, whatever its stamp."""
        with self._lock:
            if stamp_ns in self._held:
                self._held[stamp_ns] = StoredMessage(stamp_ns, frame_id, image)
        return self._buffer.push(stamp_ns, image, frame_id)

    def hold(self, stamp_ns: int) -> None:
        """Keep the depth image of a stamp for a question, whether it has come or comes late."""
        stored = {message.stamp_ns: message for message in self._stored()}.get(stamp_ns)
        with self._lock:
            self._held[stamp_ns] = stored or self._held.get(stamp_ns)
            while len(self._held) > MOST_HELD:
                self._held.popitem(last=False)

    def is_settled(self, stamp_ns: int) -> bool:
        """Whether the depth image of a stamp is there, or will not come any more."""
        span = self._buffer.span()
        return span is not None and stamp_ns <= span[1]

    def find(self, stamp_ns: int) -> StoredMessage | None:
        """The depth image that belongs to the frame of a stamp; None where there is none."""
        with self._lock:
            held = self._held.get(stamp_ns)
        if held is not None:
            return held
        stored = self._stored()
        stamps = np.array([message.stamp_ns for message in stored], np.int64)
        index = nearest(stamps, usual_period_ns(stamps), stamp_ns)
        return None if index is None else stored[index]

    def frame(self, stamp_ns: int, camera: CameraModel | None) -> DepthFrame | None:
        """The decoded depth for a frame; camera: that of the depth. Raises DepthError."""
        message = self.find(stamp_ns)
        if message is None:
            return None
        metres = depth_metres(message.image)
        return DepthFrame(message.stamp_ns, message.frame_id, metres, camera)

    def clear(self) -> None:
        """Forget all, after a jump of time."""
        self._buffer.clear('time has jumped')
        with self._lock:
            self._held.clear()

    def stats(self) -> BufferStats:
        """Counts, and what is held."""
        return self._buffer.stats()

    def _stored(self) -> tuple[StoredMessage, ...]:
        span = self._buffer.span()
        if span is None:
            return ()
        try:
            return self._buffer.pin(*span).stored
        except (NoFrames, WindowNotCovered):
            # They were dropped in between.
            return ()
