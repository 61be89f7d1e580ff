# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How many videos of a recording are open at once: an open one has threads and buffers."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from molmo_ground_ros.frames.video_file import VideoFile

MOST_OPEN = 8


class OpenVideos:
    """Closes the videos that were used longest ago; they open again. For one thread."""

    def __init__(self, most: int = MOST_OPEN) -> None:
        self._most = most
        self._used: OrderedDict[int, VideoFile] = OrderedDict()

    @contextmanager
    def using(self, video: VideoFile) -> Iterator[None]:
        """Note that a video is used."""
        self._used[id(video)] = video
        self._used.move_to_end(id(video))
        while len(self._used) > self._most:
            self._used.popitem(last=False)[1].close()
            # PyAV's containers are in circles with their streams, whose decoders have threads.
            gc.collect()
        yield

    def close(self) -> None:
        """Close all of them."""
        if not self._used:
            return
        for video in self._used.values():
            video.close()
        self._used.clear()
        gc.collect()
