# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The seam to the kinds of files: each says where its messages lie, and reads one of them.

Of images, and of the `camera_messages` that say where a camera looks.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from molmo_ground_ros.errors import BagError
from molmo_ground_ros.frames.cdr import ImageMessage
from molmo_ground_ros.recording.camera_messages import first_stamp
from molmo_ground_ros.recording.loss import LossLog

_LATEST_NS = 1 << 63  # stamps are smaller

# Where a message lies in its file. Only the source that made the number knows what it means.
Place = int


@dataclass(slots=True)
class MessageIndex:
    """Where the messages of one topic lie in one file, in the order of the file.

    It takes 16 bytes for a message.
    """

    topic: str
    kind: str  # of FORMATS or COMPANIONS
    # Header stamps, ns; the log time where a message has none.
    stamps: array[int] = field(default_factory=lambda: array('q'))
    places: array[int] = field(default_factory=lambda: array('q'))
    counted: int | None = None  # how many messages the file itself says that it has
    broken: int = 0  # messages that do not begin as an image message does
    zero: int = 0  # messages whose stamp is 0, which was never set, and that have no log time
    # The messages in `stamps` that have a log time and no stamp.
    unstamped: array[int] = field(default_factory=lambda: array('q'))
    # The least distance of a message's log time from its stamp, ns; None: not known.
    log_distance_ns: int | None = None

    def add(self, stamp_ns: int | None, place: Place, log_ns: int = 0) -> None:
        """Add a message. A stamp of None means that the message is broken, 0 that it has none.

        log_ns: when it was recorded; 0 where that is not known.
        """
        if stamp_ns:
            distance, least = abs(log_ns - stamp_ns), self.log_distance_ns
            if log_ns and (least is None or distance < least):
                self.log_distance_ns = distance
            self.stamps.append(stamp_ns)
            self.places.append(place)
        elif stamp_ns is None:
            self.broken += 1
        elif 0 < log_ns < _LATEST_NS:
            self.unstamped.append(len(self.stamps))
            self.stamps.append(log_ns)
            self.places.append(place)
        else:
            self.zero += 1

    def add_companion(self, head: bytes | memoryview, place: Place) -> None:
        """Add a message of COMPANIONS by its first HEAD_BYTES, if that is what it is.

        One without a stamp is kept, since static transforms need none.
        """
        stamp_ns = first_stamp(head, self.kind)
        if stamp_ns is not None:
            self.stamps.append(stamp_ns)
            self.places.append(place)

    @property
    def messages(self) -> int:
        """How many messages are in the file, whether they can be used or not."""
        return len(self.stamps) + self.broken + self.zero


@dataclass(frozen=True, slots=True)
class UnreadTopic:
    """A topic whose messages are not read."""

    topic: str
    kind: str  # message type, as the file names it
    encoding: str
    messages: int

    def __str__(self) -> str:
        """One line for a person."""
        return f'{self.topic} ({self.kind}, {self.encoding}, {self.messages} messages)'

    @property
    def may_hold_pictures(self) -> bool:
        """Whether its type sounds like one of pictures."""
        name = self.kind.lower()
        return any(word in name for word in _OF_PICTURES) and not any(
            word in name for word in _ABOUT_PICTURES
        )


# Parts of the names of types that hold pictures, and of those that only speak of them.
_OF_PICTURES = ('image', 'video', 'ffmpeg', 'theora', 'h264', 'picture', 'photo')
_ABOUT_PICTURES = ('annotation', 'marker', 'info', 'metadata', 'detection')


class EmptyRecording(BagError):
    """A file without a byte: a recorder that was ended had made it and written nothing yet."""

    def __init__(self, path: str) -> None:
        super().__init__(path, 'it cannot be read: it is empty')


class Source(Protocol):
    """One file of a recording."""

    # The topics whose messages are not read; set by `index`.
    unread: Sequence[UnreadTopic]

    def index(self, loss: LossLog) -> list[MessageIndex]:
        """Read the file once, as far as it can be read, and log what is lost. Decodes no image.

        Raises BagError (EmptyRecording) where nothing of it can be read, MissingPackage.
        """
        ...

    def message(self, place: Place, kind: str) -> ImageMessage:
        """The message at a place of the index, undecoded; `kind`: the type that the index names.

        Raises ImageError where it cannot be read.
        """
        ...

    def payload(self, place: Place) -> bytes | memoryview:
        """The bytes of the message at a place of the index. Raises ImageError."""
        ...

    def close(self) -> None:
        """Close files and delete temporary ones."""
        ...
