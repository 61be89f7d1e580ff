# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Image messages of a plain video file.

A video has no header stamps. A frame's stamp is its time in the file, counted from an epoch that
the caller states.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from molmo_ground_ros.errors import BagError, ImageError
from molmo_ground_ros.frames.cdr import RAW, ImageMessage
from molmo_ground_ros.frames.video_file import SUFFIXES, VideoFile
from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.open_files import OpenFiles, close_video
from molmo_ground_ros.recording.source import MessageIndex, Place, UnreadTopic
from molmo_ground_ros.types import RawImage

__all__ = ['SUFFIXES', 'TOPIC', 'VideoSource']

TOPIC = 'video'

_LATEST_NS = 1 << 62  # a damaged file may state any time


class VideoSource:
    """A Source whose places are the frames' times in the file, ns."""

    def __init__(self, path: Path, name: str, epoch_ns: int, opened: OpenFiles) -> None:
        """Read `path`, called `name` in messages. Time 0 of the file has the stamp `epoch_ns`.

        opened: bounds how many files are open at once.
        """
        self._video = VideoFile(path, name)
        self._name = name
        self._epoch_ns = epoch_ns
        self._opened = opened
        self.unread: Sequence[UnreadTopic] = ()

    def index(self, loss: LossLog) -> list[MessageIndex]:
        """See Source. Reads packets and decodes none of them."""
        try:
            self._note_use()
            places, missing = self._video.times()
        except ImageError as err:
            raise BagError(self._name, str(err)) from err
        # Not by MessageIndex.add: the stamp 0 is a time here.
        index = MessageIndex(TOPIC, RAW)
        for time_ns in places:
            if 0 <= self._epoch_ns + time_ns < _LATEST_NS:
                index.stamps.append(self._epoch_ns + time_ns)
                index.places.append(time_ns)
            else:
                index.broken += 1
        if missing:
            loss.add(LossKind.FEWER_MESSAGES, topic=TOPIC, messages=missing)
        return [index]

    def message(self, place: Place, kind: str) -> ImageMessage:
        """See Source. Small steps forward are fast; a step back or far ahead is a seek."""
        del kind
        self._note_use()
        pixels = self._video.image(place)
        height, width = pixels.shape[:2]
        image = RawImage(width, height, 'rgb8', 3 * width, pixels.reshape(-1))
        return ImageMessage(self._epoch_ns + place, '', image)

    def payload(self, place: Place) -> bytes:
        """See Source. A video has no messages: it always raises ImageError."""
        raise ImageError(f'{self._name}: a video has no message at {place}')

    def close(self) -> None:
        """Close the file."""
        self._video.close()

    def _note_use(self) -> None:
        self._opened.note(self, partial(close_video, self._video))
