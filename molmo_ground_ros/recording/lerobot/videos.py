# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A video that holds one or many episodes of a LeRobot data set, as lerobot pairs them.

A frame of an episode is the image of the video whose time is nearest to the episode's start in the
video plus the frame's timestamp, if it is nearer than half a period.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BagError, ImageError
from molmo_ground_ros.frames.cdr import RAW, ImageMessage
from molmo_ground_ros.frames.video_file import VideoFile
from molmo_ground_ros.recording.lerobot.times import EpisodeTimes
from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.open_files import OpenFiles, close_video
from molmo_ground_ros.recording.source import MessageIndex, Place, UnreadTopic
from molmo_ground_ros.types import RawImage


class EpisodeVideo:
    """A Source whose places are the images' times in the file, ns."""

    def __init__(
        self, path: Path, episodes: Sequence[EpisodeTimes], fps: float, opened: OpenFiles
    ) -> None:
        """Read the episodes that lie in the video at `path`."""
        self._video = VideoFile(path, str(path))
        self._path = path
        self._episodes = episodes
        self._period_ns = round(1e9 / fps)
        self._opened = opened
        self.unread: Sequence[UnreadTopic] = ()

    def index(self, loss: LossLog) -> list[MessageIndex]:
        """See Source. Reads packets and decodes none of them."""
        if not self._path.is_file():
            raise BagError(str(self._path), 'the video is missing')
        try:
            self._note_use()
            listed, _ = self._video.times()
        except ImageError as err:
            raise BagError(str(self._path), str(err)) from err
        times = np.array(listed, np.int64)
        indexes = list[MessageIndex]()
        for episode in self._episodes:
            places, is_there = nearest_times(
                times, episode.from_ns + episode.stamps, self._period_ns
            )
            # Not by MessageIndex.add: the stamp 0 is a time here.
            index = MessageIndex(episode.topic, RAW)
            index.stamps.extend(episode.stamps[is_there].tolist())
            index.places.extend(places[is_there].tolist())
            missing = episode.stated - len(index.stamps)
            if missing > 0:
                loss.add(LossKind.FEWER_MESSAGES, topic=episode.topic, messages=missing)
            indexes.append(index)
        return indexes

    def message(self, place: Place, kind: str) -> ImageMessage:
        """See Source."""
        del kind
        self._note_use()
        pixels = self._video.image(place)
        height, width = pixels.shape[:2]
        image = RawImage(width, height, 'rgb8', 3 * width, pixels.reshape(-1))
        # The stamp is that of the data file's row, which the timeline has.
        return ImageMessage(0, '', image)

    def payload(self, place: Place) -> bytes:
        """See Source. A video has no messages: it always raises ImageError."""
        raise ImageError(f'{self._path}: a video has no message at {place}')

    def close(self) -> None:
        """Close the file."""
        self._video.close()

    def _note_use(self) -> None:
        self._opened.note(self, partial(close_video, self._video))


def nearest_times(
    times: NDArray[np.int64], targets: NDArray[np.int64], period_ns: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The nearest of ascending `times` to each target, and whether it is near enough.

    Both of the shape of `targets`. Near enough is less than half a period.
    """
    if not len(times):
        return np.zeros_like(targets), np.zeros(targets.shape, bool)
    after = np.clip(np.searchsorted(times, targets), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    is_before = np.abs(times[before] - targets) < np.abs(times[after] - targets)
    nearest = times[np.where(is_before, before, after)]
    return nearest, 2 * np.abs(nearest - targets) < period_ns
