# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One clip of a recording, by seconds from its start. What recordings are: `recording`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from molmo_ground_ros.errors import BadSpan, BagError, NoFrames
from molmo_ground_ros.recording import COMPRESSED, RAW, Bags, Picture, Recording
from molmo_ground_ros.types import Clip
from molmo_ground_ros.windows import MAX_WINDOW_NS

__all__ = ['COMPRESSED', 'RAW', 'Bag', 'Picture', 'read_clip']


class Bag:
    """A recording opened for reading. Use as a context manager."""

    def __init__(self, path: str | Path) -> None:
        """Open `path`. Raises BagError for what cannot be read, MissingPackage."""
        self.path = Path(path)
        self._bags = Bags(path)

    def __enter__(self) -> Bag:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files."""
        self._bags.close()

    def image_topics(self) -> dict[str, str]:
        """The image topics by name, with their message type. Depth pictures are left out."""
        return {topic: self._bags.cameras[topic].kind for topic in self._bags.colour()}

    def choose(self, topic: str = '') -> str:
        """`topic` if it is there, or the only image topic. Raises TopicNotFound, BagError."""
        return self._bags.choose(topic)

    def recording(self, topic: str = '') -> Recording:
        """One camera. Raises TopicNotFound, BagError."""
        return Recording(self._bags, topic)

    def pictures(self, topic: str) -> Iterator[Picture]:
        """The pictures of one topic in the order of their stamps, as far as they can be read."""
        return self.recording(topic).pictures()


def read_clip(bag: Bag, topic: str, start_s: float = 0.0, end_s: float | None = None) -> Clip:
    """The sampled frames of one topic between two times, in seconds from its first picture.

    Without `end_s` the clip goes to the end. Raises BadSpan for a span longer than the model's
    window, NoFrames where there is nothing between, BagError, TopicNotFound.
    """
    if not 0 <= start_s < (math.inf if end_s is None else end_s):  # also refuses nan
        raise BagError(str(bag.path), f'bad span: from {start_s} s to {end_s} s')
    recording = bag.recording(topic)
    first_ns, last_ns = recording.span
    if not len(recording.stamps):
        raise NoFrames(recording.topic, f"bag '{bag.path}' holds no picture of it")
    start_ns = first_ns + _ns(start_s)
    end_ns = last_ns if end_s is None else min(first_ns + _ns(end_s), last_ns)
    if start_ns > end_ns:
        raise NoFrames(recording.topic, f'it ends at {(last_ns - first_ns) / 1e9:.3f} s')
    if end_ns - start_ns > MAX_WINDOW_NS:
        why = f'longer than {MAX_WINDOW_NS / 1e9:g} s; give --start and --end'
        raise BadSpan(_ns(start_s), end_ns - first_ns, why)
    return recording.clip(start_ns, end_ns)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
