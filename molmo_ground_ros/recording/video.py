# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a plain video file.

A video has no header stamps: a picture's stamp is its own time in the file after an epoch that the
caller states.
"""

from __future__ import annotations

from array import array
from pathlib import Path

from molmo_ground_ros.errors import BagError, ImageError
from molmo_ground_ros.recording.cdr import RAW, Picture
from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.source import Found, Place
from molmo_ground_ros.types import RawImage
from molmo_ground_ros.videos import SUFFIXES, Video

__all__ = ['SUFFIXES', 'TOPIC', 'VideoSource']

TOPIC = 'video'


class VideoSource:
    """Satisfies Source. A place is the picture's time in the file, ns."""

    def __init__(self, path: Path, shown: str, epoch_ns: int) -> None:
        """Read `path`, called `shown` in messages; its time 0 has the stamp `epoch_ns`."""
        self._video = Video(path, shown)
        self._shown = shown
        self._epoch_ns = epoch_ns

    def index(self, loss: LossLog) -> list[Found]:
        """See Source. Reads packets and decodes none of them."""
        try:
            places, stated = self._video.times()
        except ImageError as err:
            raise BagError(self._shown, str(err)) from err
        stamps = array('q', (self._epoch_ns + time_ns for time_ns in places))  # 0 is a time here
        found = Found(TOPIC, RAW, stamps, places)
        if 0 < len(places) < stated:
            loss.add(LossKind.FEWER_MESSAGES, topic=TOPIC, messages=stated - len(places))
        return [found]

    def picture(self, place: Place, kind: str) -> Picture:
        """See Source. Forward in small steps is quick; backward and far ahead are a seek."""
        del kind
        pixels = self._video.picture(place)
        height, width = pixels.shape[:2]
        image = RawImage(width, height, 'bgr8', 3 * width, pixels.reshape(-1))
        return Picture(self._epoch_ns + place, '', image)

    def close(self) -> None:
        """Close the file."""
        self._video.close()
