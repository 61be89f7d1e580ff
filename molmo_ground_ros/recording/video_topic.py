# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The images of a topic whose messages are packets of video.

An image is decoded from the last keyframe before it, or from where the last one ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError, seconds
from molmo_ground_ros.frames.cdr import ImageMessage
from molmo_ground_ros.frames.h264_order import FrameNumbers
from molmo_ground_ros.frames.video_frame import errors, pixels
from molmo_ground_ros.frames.video_packets import PacketDecoder, codec_of, is_keyframe
from molmo_ground_ros.recording.timeline import Timeline
from molmo_ground_ros.types import CompressedImage, RawImage

# An image may come out of a decoder after so many later packets, by the codecs.
_LATEST = 16
# Packets that were read to find a keyframe are decoded next.
_PACKETS_HELD = 64
# An av.VideoFrame: only `frames` imports PyAV.
_Decoded = Any


class VideoTopic:
    """For one thread."""

    def __init__(self, timeline: Timeline, read: Callable[[int], ImageMessage]) -> None:
        """read: gives the message of an index of the timeline. It raises ImageError."""
        self._stamps = timeline.stamps
        self._read = read
        # Indexes of the timeline in the order of the files, which is that of decoding.
        self._order = timeline.file_order()
        self._ranks: NDArray[np.int64] = np.empty(len(self._order), np.int64)
        self._ranks[self._order] = np.arange(len(self._order))
        self._codec = ''
        self._decoder: PacketDecoder | None = None
        self._numbers = FrameNumbers()  # of the packets that were decoded, if they are H.264
        self._next = 0  # rank of the next packet to decode
        self._newest_ns = 0  # the image that was asked for last; earlier ones are gone
        self._packets: dict[int, memoryview] = {}  # those that were read last, by rank
        self._ready: dict[int, _Decoded] = {}  # decoded images that follow, by stamp

    def image(self, index: int, codec: str) -> RawImage:
        """The image of a message of the timeline; codec: that of its packet. Raises ImageError."""
        stamp_ns = int(self._stamps[index])
        frame = self._frame(stamp_ns, int(self._ranks[index]), codec)
        try:
            rgb = pixels(frame)
        except errors() as err:
            raise ImageError(f'the picture of {seconds(stamp_ns)}: {err}') from err
        height, width = rgb.shape[:2]
        return RawImage(width, height, 'rgb8', 3 * width, rgb.reshape(-1))

    def _frame(self, stamp_ns: int, rank: int, codec: str) -> _Decoded:
        if stamp_ns in self._ready:
            return self._ready[stamp_ns]
        self._begin(rank, codec, stamp_ns)
        self._newest_ns = stamp_ns
        decoder = self._decoder
        while decoder is not None and stamp_ns not in self._ready and self._next <= rank + _LATEST:
            if self._next == len(self._order):
                self._keep(decoder.drain(), stamp_ns)
                break
            self._step(decoder, stamp_ns)
        frame = self._ready.get(stamp_ns)
        if frame is None:
            self._decoder = None
            raise ImageError(f'no picture of {seconds(stamp_ns)} comes out of the video')
        return frame

    def _step(self, decoder: PacketDecoder, stamp_ns: int) -> None:
        """Decode the next packet."""
        index = int(self._order[self._next])
        at_ns = int(self._stamps[index])
        try:
            data = self._packet(self._next)
            if self._codec == 'h264' and not self._numbers.follows(data):
                # The images before it may still be in the decoder.
                self._keep(decoder.drain(), stamp_ns)
                raise ImageError('one before it is missing')
            images = decoder.decode(data, at_ns, is_needed=at_ns >= stamp_ns)
        except ImageError as err:
            # All that follows up to the next keyframe builds on it.
            self._decoder = None
            if stamp_ns in self._ready:
                return
            raise ImageError(f'it needs the packet of {seconds(at_ns)}: {err}') from err
        self._next += 1
        self._keep(images, stamp_ns)

    def _keep(self, images: list[tuple[int, _Decoded]], stamp_ns: int) -> None:
        """Hold what follows a stamp, and let go of what is before it."""
        for old_ns in [old_ns for old_ns in self._ready if old_ns < stamp_ns]:
            del self._ready[old_ns]
        self._ready.update((at_ns, image) for at_ns, image in images if at_ns >= stamp_ns)

    def _begin(self, rank: int, codec: str, stamp_ns: int) -> None:
        """Make the decoder ready for a packet: at the last keyframe, or go on where it is."""
        # What was put in and has not come out yet is later than the last image that was asked for.
        is_ahead = self._next <= rank or stamp_ns > self._newest_ns
        can_go_on = self._decoder is not None and codec == self._codec and is_ahead
        key = self._keyframe(rank, self._next if can_go_on else 0, codec)
        if key is None and can_go_on:
            return
        if key is None:
            raise ImageError(f'no keyframe of its {codec} video comes before it')
        if self._decoder is None or codec != self._codec:
            self._decoder, self._codec = PacketDecoder(codec), codec
        self._decoder.restart()
        self._next = key
        self._ready.clear()

    def _keyframe(self, rank: int, first: int, codec: str) -> int | None:
        """The rank of the last keyframe from `first` to `rank`; None if there is none."""
        for number in range(rank, first - 1, -1):
            try:
                data = self._packet(number)
            except ImageError:
                continue
            if is_keyframe(codec, data):
                return number
        return None

    def _packet(self, rank: int) -> memoryview:
        """The packet of a rank. Raises ImageError."""
        if rank not in self._packets:
            if len(self._packets) >= _PACKETS_HELD:
                del self._packets[next(iter(self._packets))]
            self._packets[rank] = self._read_packet(rank)
        return self._packets[rank]

    def _read_packet(self, rank: int) -> memoryview:
        image = self._read(int(self._order[rank])).image
        if not isinstance(image, CompressedImage) or not codec_of(image):
            raise ImageError('it is no packet of video')
        return memoryview(image.data)  # type: ignore[arg-type] # an array is a Buffer to Python 3.12
