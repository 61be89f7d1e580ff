# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A recording's camera pictures, without ROS: rosbag2 folders, and single .mcap and .db3 files.

The only file that imports `rosbags`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from molmo_ground_ros.clip import ClipBuffer
from molmo_ground_ros.config import Settings
from molmo_ground_ros.errors import BadSpan, BagError, MissingPackage, NoFrames, TopicNotFound
from molmo_ground_ros.types import Clip, CompressedImage, EncodedImage, RawImage
from molmo_ground_ros.windows import MAX_WINDOW_NS

RAW = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'


@dataclass(frozen=True, slots=True)
class Picture:
    """One image message of a recording, undecoded."""

    stamp_ns: int  # header stamp
    frame_id: str
    image: EncodedImage


class Bag:
    """A recording opened for reading. Use as a context manager."""

    def __init__(self, path: str | Path) -> None:
        """Open `path`. Raises BagError for what cannot be read, MissingPackage without rosbags."""
        self.path = Path(path)
        try:
            from rosbags.rosbag2 import Reader
            from rosbags.typesys import Stores, get_typestore
        except ImportError as error:
            raise MissingPackage('rosbags', 'bag') from error
        if not self.path.exists():
            raise BagError(str(path), 'no such file or folder')
        # The two image types are the same in every ROS 2, so the definitions in the bag, which
        # may be missing, are not needed.
        self._types = get_typestore(Stores.ROS2_JAZZY)
        try:
            self._reader: Any = Reader(self.path)
            self._reader.open()
        except Exception as error:  # a damaged file makes the readers raise nearly anything
            raise BagError(str(path), f'cannot be read: {error}') from error

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
        self._reader.close()

    def image_topics(self) -> dict[str, str]:
        """The image topics by name, with their message type. Depth pictures are left out."""
        return {
            connection.topic: connection.msgtype
            for connection in self._reader.connections
            if connection.msgtype in (RAW, COMPRESSED) and 'depth' not in connection.topic.lower()
        }

    def choose(self, topic: str = '') -> str:
        """`topic` if it is there, or the only image topic. Raises TopicNotFound, BagError."""
        known = {c.topic for c in self._reader.connections if c.msgtype in (RAW, COMPRESSED)}
        if topic:
            if topic not in known:
                raise TopicNotFound(str(self.path), topic, known)
            return topic
        colour = self.image_topics()
        if not colour:
            raise BagError(str(self.path), 'it holds no image topic')
        if len(colour) > 1:
            names = ', '.join(sorted(colour))
            raise BagError(str(self.path), f'it holds several image topics, name one: {names}')
        return next(iter(colour))

    def pictures(self, topic: str) -> Iterator[Picture]:
        """The pictures of one topic in the order of recording. Raises BagError where it breaks."""
        connections = [c for c in self._reader.connections if c.topic == topic]
        try:
            for connection, _, data in self._reader.messages(connections):
                yield _picture(self._types.deserialize_cdr(data, connection.msgtype))
        except Exception as error:  # as above: a damaged file
            raise BagError(str(self.path), f'{topic} breaks off: {error}') from error


def read_clip(bag: Bag, topic: str, start_s: float = 0.0, end_s: float | None = None) -> Clip:
    """The sampled frames of one topic between two times, in seconds from its first picture.

    Without `end_s` the clip goes to the end. Raises BadSpan for a span longer than the model's
    window, NoFrames where there is nothing between, BagError, TopicNotFound.
    """
    topic = bag.choose(topic)
    settings = Settings()
    buffer = ClipBuffer(
        topic,
        horizon_ns=MAX_WINDOW_NS,
        max_bytes=round(settings.buffer_megabytes * 1e6),
        keep_period_ns=round(1e9 / settings.buffer_rate_hz),
    )
    if not 0 <= start_s < (math.inf if end_s is None else end_s):  # also refuses nan
        raise BagError(str(bag.path), f'bad span: from {start_s} s to {end_s} s')
    zero_ns: int | None = None
    for picture in bag.pictures(topic):
        zero_ns = picture.stamp_ns if zero_ns is None else zero_ns
        since_ns = picture.stamp_ns - zero_ns
        if since_ns < _ns(start_s):
            continue
        if end_s is not None and since_ns > _ns(end_s):
            break
        if since_ns - _ns(start_s) > MAX_WINDOW_NS:
            why = f'longer than {MAX_WINDOW_NS / 1e9:g} s; give --start and --end'
            raise BadSpan(_ns(start_s), since_ns, why)
        buffer.push(picture.stamp_ns, picture.image, picture.frame_id)
    if zero_ns is None:
        raise NoFrames(topic, f"bag '{bag.path}' holds no picture of it")
    return buffer.cut()


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def _picture(msg: Any) -> Picture:
    stamp = msg.header.stamp
    image: EncodedImage
    if hasattr(msg, 'encoding'):
        image = RawImage(
            width=msg.width,
            height=msg.height,
            encoding=msg.encoding,
            step=msg.step,
            data=msg.data,
            is_bigendian=bool(msg.is_bigendian),
        )
    else:
        image = CompressedImage(format=msg.format, data=msg.data)
    return Picture(stamp.sec * 1_000_000_000 + stamp.nanosec, msg.header.frame_id, image)
