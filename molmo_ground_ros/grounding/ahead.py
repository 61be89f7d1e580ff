# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Frames decoded and encoded as they arrive, so that a question waits for none of it.

A frame is due once sampling has settled on it: the windows of a buffer share one grid of 0.5 s
(windows.sample), and a frame older than the newest by half of that is the nearest to its grid time.
So a camera of any rate costs two frames a second, whether it is asked about or not.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from molmo_ground_ros.backends.base import Backend
from molmo_ground_ros.errors import GroundError, ImageError
from molmo_ground_ros.frames.clip_buffer import ClipBuffer, StoredMessage
from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_NS
from molmo_ground_ros.types import Frame

_log = logging.getLogger(__name__)


class Ahead:
    """Prepares one frame at a time. For the thread that owns the backend."""

    def __init__(self, backend: Backend, buffers: Mapping[str, ClipBuffer]) -> None:
        """Take turns between the cameras of `buffers`."""
        self._backend = backend
        self._buffers = dict(buffers)
        self._done: dict[str, dict[int, StoredMessage]] = {camera: {} for camera in buffers}
        self.prepared = 0
        self.failed = 0  # frames that the backend could not take
        self.last_error = ''

    def step(self) -> bool:
        """Prepare the newest frame that is due, of one camera; False if there is none."""
        for camera, buffer in list(self._buffers.items()):
            stored = self._due(camera, buffer)
            if stored is not None:
                self._buffers[camera] = self._buffers.pop(camera)  # the others come first next time
                self._prepare(camera, buffer, stored)
                return True
        return False

    def _due(self, camera: str, buffer: ClipBuffer) -> StoredMessage | None:
        """What has settled and was not prepared; the newest first, since the oldest leave first."""
        try:
            shown = buffer.pin().sampled()
        except GroundError:
            return None  # nothing there yet
        settled_ns = shown[-1].stamp_ns - SAMPLE_PERIOD_NS // 2
        settled = [stored for stored in shown[:-1] if stored.stamp_ns <= settled_ns]
        done = self._done[camera]
        self._done[camera] = {id(one): one for one in settled if id(one) in done}
        return next((one for one in reversed(settled) if id(one) not in done), None)

    def _prepare(self, camera: str, buffer: ClipBuffer, stored: StoredMessage) -> None:
        self._done[camera][id(stored)] = stored  # tried once, whatever comes of it
        try:
            pixels = buffer.decode(stored.image)
        except ImageError:
            return  # a question finds its neighbour, and counts it
        try:
            self._backend.prepare(camera, Frame(stored.stamp_ns, pixels, stored.frame_id))
        except Exception as error:  # noqa: BLE001 - the next question tells what is wrong
            self.failed += 1
            self.last_error = f'{type(error).__name__}: {error}'
            if self.failed == 1:
                _log.exception("a frame of camera '%s' could not be encoded ahead", camera)
            return
        self.prepared += 1
