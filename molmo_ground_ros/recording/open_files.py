# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How many files of a recording are open at once: videos, databases and tables.

An open video has threads and buffers, a database has a cache, and each has file descriptors, of
which a process may have a thousand.
"""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable

from molmo_ground_ros.frames.video_file import VideoFile

MOST_OPEN = 8


class OpenFiles:
    """Closes the files that were used longest ago. For one thread."""

    def __init__(self, most: int = MOST_OPEN) -> None:
        self._most = most
        self._used: OrderedDict[int, Callable[[], None]] = OrderedDict()

    def note(self, holder: object, close: Callable[[], None]) -> None:
        """Note that `holder` is about to use its file.

        close: closes the file, which `holder` opens again when it needs it.
        """
        self._used[id(holder)] = close
        self._used.move_to_end(id(holder))
        while len(self._used) > self._most:
            self._used.popitem(last=False)[1]()

    def close(self) -> None:
        """Close all of them."""
        while self._used:
            self._used.popitem()[1]()


def close_video(video: VideoFile) -> None:
    """Close a video, and end the threads of its decoder."""
    video.close()
    # PyAV's containers are in circles with their streams, whose decoders have threads.
    gc.collect()
