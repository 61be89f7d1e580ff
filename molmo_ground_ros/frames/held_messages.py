# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages of a clip buffer in the order of their stamps, and the bytes that they take."""

from __future__ import annotations

from collections import Counter

from molmo_ground_ros.frames.packet_group import PacketGroup, VideoImage
from molmo_ground_ros.frames.pinned_window import StoredMessage


class HeldMessages:
    """For one thread at a time. A packet of video counts with all of its group."""

    def __init__(self) -> None:
        self.stamps: list[int] = []  # strictly ascending
        self.stored: list[StoredMessage] = []  # by the same index as stamps
        self.nbytes = 0
        self._of_group: Counter[PacketGroup] = Counter()  # messages that are held

    def add(self, at: int, new: StoredMessage) -> None:
        """Put a message into the place that its stamp has."""
        self.stamps.insert(at, new.stamp_ns)
        self.stored.insert(at, new)
        image = new.image
        if not isinstance(image, VideoImage):
            self.nbytes += image.nbytes
            return
        if image.group not in self._of_group:
            self.nbytes += image.group.nbytes
        self._of_group[image.group] += 1

    def remove(self, at: int) -> None:
        """Let go of a message; of a group of packets only with its last one."""
        del self.stamps[at]
        image = self.stored.pop(at).image
        if not isinstance(image, VideoImage):
            self.nbytes -= image.nbytes
            return
        self._of_group[image.group] -= 1
        if not self._of_group[image.group]:
            del self._of_group[image.group]
            self.nbytes -= image.group.nbytes

    def note_packet(self, new: VideoImage) -> None:
        """Count a packet that was put into its group just now, before it is added itself."""
        if new.group in self._of_group:
            self.nbytes += new.nbytes

    def clear(self) -> None:
        """Let go of all."""
        self.stamps.clear()
        self.stored.clear()
        self._of_group.clear()
        self.nbytes = 0
