# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The seam to the kinds of files: each says where its messages lie, and reads one of them.

Of images, and of the `camera_messages` that say where a camera looks.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Protocol

from molmo_ground_ros.frames.cdr import ImageMessage
from molmo_ground_ros.recording.camera_messages import first_stamp
from molmo_ground_ros.recording.loss import LossLog

# Where a message lies in its file. Only the source that made the number knows what it means.
Place = int


@dataclass(slots=True)
class MessageIndex:
    """Where the messages of one topic lie in one file, in the order of the file.

    It takes 16 bytes for a message.
    """

    topic: str
    kind: str  # message type: RAW or COMPRESSED, or one of COMPANIONS
    stamps: array[int] = field(default_factory=lambda: array('q'))  # header stamps, ns
    places: array[int] = field(default_factory=lambda: array('q'))
    counted: int | None = None  # how many messages the file itself says that it has
    broken: int = 0  # messages that do not begin as an image message does
    zero: int = 0  # messages whose stamp is 0: it was never set

    def add(self, stamp_ns: int | None, place: Place) -> None:
        """Add a message. A stamp of None means that the message is broken, 0 that it has none."""
        if stamp_ns is None:
            self.broken += 1
        elif stamp_ns == 0:
            self.zero += 1
        else:
            self.stamps.append(stamp_ns)
            self.places.append(place)

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


class Source(Protocol):
    """One file of a recording."""

    def index(self, loss: LossLog) -> list[MessageIndex]:
        """Read the file once, as far as it can be read, and log what is lost. Decodes no image.

        Raises BagError where nothing of it can be read, MissingPackage.
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
