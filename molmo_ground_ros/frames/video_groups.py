# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Puts the packets of one camera into groups, in the order in which they come."""

from __future__ import annotations

from molmo_ground_ros.frames.group_decoder import GroupDecoder
from molmo_ground_ros.frames.h264_order import FrameNumbers
from molmo_ground_ros.frames.packet_group import PacketGroup, VideoImage
from molmo_ground_ros.frames.video_packets import is_keyframe
from molmo_ground_ros.types import CompressedImage

# Its packets tell that one before them is missing.
_NUMBERED = 'h264'
# A loss is reported a packet or two after the first one behind it.
_REPORTED_LATE = 2


class VideoGroups:
    """A packet that is no keyframe belongs to the group of the last one, unless one was lost.

    After a loss nothing is taken up to the next keyframe. For one thread at a time.
    """

    def __init__(self, max_bytes: int, cell_ns: int) -> None:
        """max_bytes: of one group. cell_ns: see ClipBuffer."""
        self._max_bytes = max_bytes
        self._decoder = GroupDecoder(cell_ns)
        self._group: PacketGroup | None = None
        self._numbers = FrameNumbers()
        # Why a keyframe is waited for; '' while none is.
        self.waits = ''

    def admit(self, packet: CompressedImage, codec: str, stamp_ns: int) -> VideoImage | None:
        """Take the packet that came next; None if its image cannot be decoded."""
        data = memoryview(packet.data)  # type: ignore[arg-type] # an array is a Buffer to Python 3.12
        follows = codec != _NUMBERED or self._numbers.follows(data)
        if is_keyframe(codec, data):
            self._group, self.waits = PacketGroup(codec, self._decoder.decode), ''
        elif self._group is None:
            self.waits = self.waits or 'none has come yet'
        elif codec != self._group.codec:
            self.break_off(f'{self._group.codec} has become {codec}')
        elif not follows:
            self.break_off('a packet was lost')
        if self._group is not None and self._group.nbytes + packet.nbytes > self._max_bytes:
            megabytes = self._max_bytes / 1e6
            self.break_off(f'the packets since the last one exceed {megabytes:g} MB')
        return self._group.append(stamp_ns, packet) if self._group is not None else None

    def break_off(self, why: str) -> None:
        """Take nothing more before the next keyframe."""
        if self._group is not None:
            self._group, self.waits = None, why

    def note_lost(self) -> None:
        """Take it that the middleware has just lost a packet."""
        group = self._group
        if group is None or group.codec == _NUMBERED or len(group.images) == 1:
            # A loss before a keyframe costs nothing after it.
            return
        self.break_off('a packet was lost')
        group.break_at(max(1, len(group.images) - _REPORTED_LATE), 'a packet before it was lost')
