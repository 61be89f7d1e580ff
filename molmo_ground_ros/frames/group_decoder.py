# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decodes the images of one camera's groups of packets, from where the last one ended."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError, seconds
from molmo_ground_ros.frames.packet_group import PacketGroup, VideoImage
from molmo_ground_ros.frames.video_frame import errors, pixels
from molmo_ground_ros.frames.video_packets import PacketDecoder

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

# An image may come out of a decoder after so many later packets (H.264, H.265: max_dec_frame).
_LATEST = 17
# Decoded images that are held because a reader may come back to them, and their bytes.
_MOST_PASSED, _MOST_BYTES = 12, 48 << 20


class GroupDecoder:
    """For any thread; one decodes at a time.

    Images that lie before the last one are decoded from the keyframe again, but for the last
    second's: of those it holds the first image of each cell of time, as a clip buffer does.
    """

    def __init__(self, cell_ns: int) -> None:
        """cell_ns: see ClipBuffer."""
        self._cell_ns = cell_ns
        # Never held by who puts packets into a group.
        self._lock = threading.Lock()
        # The fields below are guarded by _lock.
        self._decoder: PacketDecoder | None = None
        self._codec = ''
        self._pass: _Pass | None = None

    def decode(self, image: VideoImage) -> NDArray[np.uint8]:
        """(H, W, 3) RGB in memory of its own. Raises ImageError, MissingPackage."""
        with self._lock:
            frame = self._frame(image)
        try:
            return pixels(frame)
        except errors() as err:
            raise ImageError(f'the picture of {seconds(image.stamp_ns)}: {err}') from err

    def _frame(self, image: VideoImage) -> VideoFrame:
        run = self._pass
        if run is None or run.group is not image.group or not run.reaches(image.index):
            image.group.check(image.index)
            run = self._pass = _Pass(image.group, self._restarted(image.group.codec), self._cell_ns)
        frame = run.frame(image.index)
        if frame is None:
            raise ImageError(f'no picture of {seconds(image.stamp_ns)} comes out of the video')
        return frame

    def _restarted(self, codec: str) -> PacketDecoder:
        """A decoder for a keyframe. It remembers the parameters of earlier ones."""
        if self._decoder is None or codec != self._codec:
            self._decoder, self._codec = PacketDecoder(codec), codec
        self._decoder.restart()
        return self._decoder


class _Pass:
    """One way through a group, from its keyframe on."""

    def __init__(self, group: PacketGroup, decoder: PacketDecoder, cell_ns: int) -> None:
        self.group = group
        self._decoder = decoder
        self._cell_ns = cell_ns
        self._next = 0  # index of the next packet
        self._is_drained = False
        # Indexes of packets whose images came, and of those that were left out.
        self._came: set[int] = set()
        self._skipped: set[int] = set()
        self._passed: dict[int, VideoFrame] = {}  # by index

    def reaches(self, index: int) -> bool:
        """Whether the image can still come, or is known not to."""
        if index in self._passed:
            return True
        if index in self._came or index in self._skipped:
            return False
        return not self._is_drained or index < self._next

    def frame(self, index: int) -> VideoFrame | None:
        """The image of a packet; None if it does not come. Raises ImageError."""
        while index not in self._passed and not self._is_drained:
            self.group.check(index)
            if self._next > index + _LATEST:
                return None
            self._step(index)
        return self._passed.get(index)

    def _step(self, index: int) -> None:
        """Decode the next packet, or what is left."""
        at = self._next
        if at == len(self.group.images):
            self._is_drained = True
            self._hold(self._decoder.drain(), index)
            return
        is_needed = at == index or self._begins_cell(at)
        if not is_needed:
            self._skipped.add(at)
        self._next += 1
        try:
            data = memoryview(self.group.images[at].data)  # type: ignore[arg-type]
            images = self._decoder.decode(data, at, is_needed=is_needed)
        except ImageError as err:
            stamp = seconds(self.group.images[at].stamp_ns)
            self.group.break_at(at, f'it needs the packet of {stamp}: {err}')
            self.group.check(index)
            return
        self._hold(images, index)

    def _begins_cell(self, at: int) -> bool:
        images = self.group.images
        cells = [images[i].stamp_ns // self._cell_ns for i in (max(at - 1, 0), at)]
        return at == 0 or cells[0] != cells[1]

    def _hold(self, images: list[tuple[int, VideoFrame]], index: int) -> None:
        for at, frame in images:
            self._came.add(at)
            if at == index or self._begins_cell(at):
                self._passed[at] = frame
                self._let_go(frame, index)

    def _let_go(self, frame: VideoFrame, index: int) -> None:
        """Hold no more images than the limit allows, but the one that is asked for."""
        nbytes = max(1, frame.width * frame.height * 3 // 2)
        most = max(2, min(_MOST_PASSED, _MOST_BYTES // nbytes))
        for old in list(self._passed)[: max(0, len(self._passed) - most)]:
            if old != index:
                del self._passed[old]
