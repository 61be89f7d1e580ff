# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages of one window, held for a reader whatever the buffer does in the meantime."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import Canceled, ImageError
from molmo_ground_ros.frames.sampled_clip import sampled_clip
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.frames.windows import sample
from molmo_ground_ros.types import Clip, EncodedImage, Frame

Decode = Callable[[EncodedImage], NDArray[np.uint8]]
"""Gives an image as (H, W, 3) RGB. Raises ImageError."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One undecoded message."""

    stamp_ns: int
    frame_id: str
    image: EncodedImage


@dataclass(frozen=True, slots=True)
class PinnedWindow:
    """The messages of one window. Later pushes and evictions do not change it.

    It holds references and copies nothing. Any thread may decode it, at any time.
    """

    camera: str
    stored: tuple[StoredMessage, ...]  # not empty, ascending
    start_ns: int
    end_ns: int
    # A time of the sampling grid, the same for all windows of an epoch.
    anchor_ns: int
    decode_image: Decode
    # Takes the messages that could not be decoded, and the last error.
    report: Callable[[list[StoredMessage], str], None]

    def at(self, stamp_ns: int) -> StoredMessage | None:
        """The message of this stamp, undecoded; None where the window has none."""
        index = bisect_left(self.stored, stamp_ns, key=lambda stored: stored.stamp_ns)
        if index == len(self.stored) or self.stored[index].stamp_ns != stamp_ns:
            return None
        return self.stored[index]

    def sampled(self) -> list[StoredMessage]:
        """The messages that sampling picks, the newest included; none of them decoded."""
        stamps = [stored.stamp_ns for stored in self.stored]
        samples, _ = sample(stamps, self.start_ns, self.end_ns, self.anchor_ns)
        return [self.stored[chosen.index] for chosen in samples]

    def decode(
        self, go_on: Callable[[], bool] = lambda: True, tracks: TrackRule | None = None
    ) -> Clip:
        """Decode the frames that sampling picks: see sampled_clip.

        The buffer drops and counts what cannot be decoded. go_on: called before each frame.
        tracks: as of sampled_clip. Raises NoFrames, and Canceled once `go_on` returns False.
        """
        by_stamp = {stored.stamp_ns: stored for stored in self.stored}

        def load(stamp_ns: int) -> Frame:
            if not go_on():
                raise Canceled('decoding')
            stored = by_stamp[stamp_ns]
            return Frame(stamp_ns, self.decode_image(stored.image), stored.frame_id)

        failed: dict[int, ImageError] = {}
        span_ns = (self.start_ns, self.end_ns)
        try:
            return sampled_clip(
                self.camera, list(by_stamp), load, span_ns, self.anchor_ns, failed, tracks
            )
        finally:
            error = str(list(failed.values())[-1]) if failed else ''
            self.report([by_stamp[stamp_ns] for stamp_ns in failed], error)
