# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Packets of video from a keyframe on, and the images that they hold. Decodes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.types import CompressedImage

# Gives the image of a packet as (H, W, 3) RGB. Raises ImageError, MissingPackage.
DecodePacket = Callable[['VideoImage'], NDArray[np.uint8]]


class PacketGroup:
    """A keyframe and the packets up to the next one, in the order in which they came.

    Packets are only added, by one thread. Any thread may read it meanwhile, and whoever holds one
    image of the group holds all of it.
    """

    def __init__(self, codec: str, decode: DecodePacket) -> None:
        """codec: FFmpeg's name of the decoder."""
        self.codec = codec
        self.decode = decode
        self.images: list[VideoImage] = []
        self.nbytes = 0
        # From this index on nothing can be decoded, and why.
        self._broken: tuple[int, str] | None = None

    def append(self, stamp_ns: int, packet: CompressedImage) -> VideoImage:
        """Add the packet that came next."""
        image = VideoImage(packet.format, packet.data, stamp_ns, self, len(self.images))
        self.images.append(image)
        self.nbytes += image.nbytes
        return image

    def break_at(self, index: int, why: str) -> None:
        """No packet from this one on can be decoded."""
        if self._broken is None or index < self._broken[0]:
            self._broken = index, why

    def check(self, index: int) -> None:
        """Raise ImageError if the image of this index cannot be decoded."""
        if self._broken is not None and index >= self._broken[0]:
            raise ImageError(self._broken[1])


@dataclass(frozen=True, slots=True, eq=False)
class VideoImage(CompressedImage):
    """A packet of video in its group: the image is decoded with the packets before it."""

    stamp_ns: int  # header stamp, whatever it is
    group: PacketGroup
    index: int  # in the group

    def decode(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB in memory of its own. Raises ImageError, MissingPackage."""
        return self.group.decode(self)
