# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The transforms of a recording at any stamp, read as they are needed.

Static ones are kept. Of the others a stretch of time is held, so a recording may have any length.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.recording.camera_messages import TRANSFORMS, transforms
from molmo_ground_ros.recording.index import RecordingIndex
from molmo_ground_ros.space.transforms import Transform, TransformBuffer

# How far from a stamp the transforms are read that it is interpolated from, as long as tf2 keeps
# them by default. What is published more seldom than that is not joined.
REACH_NS = 10_000_000_000
# How far ahead transforms are read at once: points are placed in the order of their stamps.
STRETCH_NS = 60_000_000_000

_STATIC = 'tf_static'  # how the names of topics end whose transforms hold at any time


class RecordedTransforms:
    """For one thread."""

    def __init__(self, index: RecordingIndex) -> None:
        """Read the static transforms. Raises MissingPackage without pytransform3d."""
        self._index = index
        topics = index.companion_topics(TRANSFORMS)
        self._moving = [topic for topic in topics if not topic.endswith(_STATIC)]
        self._static = [
            list(self._read(topic, range(len(index.companions[topic].stamps))))
            for topic in topics
            if topic.endswith(_STATIC)
        ]
        self._buffer = self._static_buffer()
        self._held_ns = (0, -1)  # the stretch that the buffer holds

    def matrix(self, source: str, target: str, stamp_ns: int) -> NDArray[np.float64]:
        """See TransformBuffer.matrix."""
        from_ns, to_ns = stamp_ns - REACH_NS, stamp_ns + REACH_NS
        if not (self._held_ns[0] <= from_ns and to_ns <= self._held_ns[1]):
            self._hold(from_ns, stamp_ns + STRETCH_NS)
        return self._buffer.matrix(source, target, stamp_ns)

    def _hold(self, from_ns: int, to_ns: int) -> None:
        self._buffer = self._static_buffer()
        for topic in self._moving:
            stamps = self._index.companions[topic].stamps
            first, end = (int(i) for i in np.searchsorted(stamps, [from_ns, to_ns + 1]))
            for message in self._read(topic, range(first, end)):
                self._buffer.add(message, is_static=False)
        self._held_ns = from_ns, to_ns

    def _static_buffer(self) -> TransformBuffer:
        buffer = TransformBuffer()
        for messages in self._static:
            for message in messages:
                buffer.add(message, is_static=True)
        return buffer

    def _read(self, topic: str, numbers: range) -> Iterator[list[Transform]]:
        """The messages of a topic; one that is damaged is left out."""
        for number in numbers:
            try:
                kind = self._index.companion_kind(topic, number)
                yield transforms(self._index.payload(topic, number), kind)
            except ImageError:
                continue
