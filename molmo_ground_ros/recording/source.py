# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every kind of file gives: where its pictures lie, and one picture at a time."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Protocol

from molmo_ground_ros.recording.cdr import Picture
from molmo_ground_ros.recording.loss import LossLog

Place = int  # where a picture lies; only the source that gave it knows what it means


@dataclass(slots=True)
class Found:
    """The pictures of one topic in one file, in the order of the file. 16 bytes a picture."""

    topic: str
    kind: str  # RAW or COMPRESSED
    stamps: array[int] = field(default_factory=lambda: array('q'))  # header stamps, ns
    places: array[int] = field(default_factory=lambda: array('q'))
    counted: int | None = None  # how many the file itself says it has
    broken: int = 0  # messages that do not begin as one does
    zero: int = 0  # messages without a stamp

    def add(self, stamp_ns: int | None, place: Place) -> None:
        """One more message: a stamp of None is broken, of 0 was not set."""
        if stamp_ns is None:
            self.broken += 1
        elif stamp_ns == 0:
            self.zero += 1
        else:
            self.stamps.append(stamp_ns)
            self.places.append(place)

    @property
    def messages(self) -> int:
        """All that are there, whether they can be used or not."""
        return len(self.stamps) + self.broken + self.zero


class Source(Protocol):
    """One file."""

    def index(self, loss: LossLog) -> list[Found]:
        """Read it once, as far as it goes, and tell what is lost. Decodes no picture.

        Raises BagError where nothing of it can be read, MissingPackage.
        """
        ...

    def picture(self, place: Place, kind: str) -> Picture:
        """One picture, undecoded. Raises ImageError where it cannot be read."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...
