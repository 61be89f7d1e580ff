# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decodes and encodes frames as they arrive, so that a question need not wait for it.

A frame is due once it is certain that sampling takes it. The windows of a buffer share one grid of
0.5 s (`windows.sample`), and a frame that is half of that older than the newest is the nearest to
its grid time. So a camera of any rate costs two frames a second, whether it is asked about or not.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from molmo_ground_ros.backends.base import Backend, Restarting
from molmo_ground_ros.errors import GroundError, ImageError, describe, traceback_text
from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.pinned_window import StoredMessage
from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_NS
from molmo_ground_ros.types import Frame

_log = logging.getLogger(__name__)


class FramePreparer:
    """Prepares one frame at a time. For the thread that owns the backend."""

    def __init__(self, backend: Backend, buffers: Mapping[str, ClipBuffer]) -> None:
        """Take turns between the cameras of `buffers`."""
        self._backend = backend
        self._source: Mapping[str, ClipBuffer] = {}
        # In the order of their turns.
        self._buffers: dict[str, ClipBuffer] = {}
        self._done: dict[str, dict[int, StoredMessage]] = {}
        self.use(buffers)
        # Of the backend, when the newest frame was prepared.
        self._restarts = 0
        self.prepared = 0
        # Frames that the backend could not take.
        self.failed = 0
        self.last_error = ''

    def use(self, buffers: Mapping[str, ClipBuffer]) -> None:
        """Take turns between these cameras from now on. For the thread that calls `step`.

        buffers: must not be changed later; the same object again changes nothing.
        """
        if buffers is self._source:
            return
        self._source, self._buffers = buffers, dict(buffers)
        self._done = {camera: self._done.get(camera, {}) for camera in buffers}

    def step(self) -> bool:
        """Prepare the newest frame that is due, of one camera; False if there is none."""
        self._forget_if_restarted()
        for camera, buffer in list(self._buffers.items()):
            stored = self._due(camera, buffer)
            if stored is not None:
                # The other cameras come first next time.
                self._buffers[camera] = self._buffers.pop(camera)
                self._prepare(camera, buffer, stored)
                return True
        return False

    def _forget_if_restarted(self) -> None:
        """A backend that was started again has none of the frames that it had prepared."""
        if isinstance(self._backend, Restarting):
            count = self._backend.restarts().count
            if count != self._restarts:
                self._restarts = count
                self._done = {camera: {} for camera in self._done}

    def _due(self, camera: str, buffer: ClipBuffer) -> StoredMessage | None:
        """The newest frame that is due and not prepared yet. The oldest leave the buffer first."""
        try:
            sampled = buffer.pin().sampled()
        except GroundError:
            # The buffer is still empty.
            return None
        settled_ns = sampled[-1].stamp_ns - SAMPLE_PERIOD_NS // 2
        settled = [stored for stored in sampled[:-1] if stored.stamp_ns <= settled_ns]
        done = self._done[camera]
        self._done[camera] = {id(stored): stored for stored in settled if id(stored) in done}
        return next((stored for stored in reversed(settled) if id(stored) not in done), None)

    def _prepare(self, camera: str, buffer: ClipBuffer, stored: StoredMessage) -> None:
        # A frame is tried once, whether it can be prepared or not.
        self._done[camera][id(stored)] = stored
        try:
            pixels = buffer.decode(stored.image)
        except ImageError:
            # A question takes the frame beside it, and counts this one as undecodable.
            return
        except Exception as error:  # noqa: BLE001 - an image decoder may raise anything
            self._note_failure(camera, error)
            return
        try:
            self._backend.prepare(camera, Frame(stored.stamp_ns, pixels, stored.frame_id))
        except Exception as error:  # noqa: BLE001 - the next question tells what is wrong
            self._note_failure(camera, error)
            return
        self.prepared += 1

    def _note_failure(self, camera: str, error: Exception) -> None:
        self.failed += 1
        self.last_error = describe(error)
        if self.failed == 1:
            trace = traceback_text(error)
            _log.error("a frame of camera '%s' could not be encoded ahead: %s", camera, trace)
