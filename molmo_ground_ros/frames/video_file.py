# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads one video file through OpenCV: the times of its images, and the image of a time.

The time of an image is its presentation time, not its number divided by a rate.
"""

from __future__ import annotations

from array import array
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError

SUFFIXES = frozenset(
    {'.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.ogv', '.ts', '.webm'}
)

# A value of CAP_PROP_FORMAT: gives packets and decodes none.
_RAW_PACKETS = -1
# If an image is more than so many images ahead, a seek is quicker than decoding all between.
_FAR = 300
# OpenCV gives times as floating point milliseconds, whose finer digits mean nothing.
_MICROSECOND_NS = 1000


class VideoFile:
    """One video file, which is opened at the first use. For one thread."""

    def __init__(self, path: Path, name: str) -> None:
        """Read the file at `path`. name: what it is called in messages."""
        self._path = path
        self._name = name
        self._capture: cv2.VideoCapture | None = None
        # The time of the image that was grabbed last; -1: none yet.
        self._at_ns = -1
        # A usual time from one image to the next.
        self._period_ns = 1

    def times(self) -> tuple[array[int], int]:
        """The times of the images, ns, ascending, and how many the file says there are.

        Reads packets and decodes none of them. Raises ImageError where there is no video.
        """
        capture = self._opened()
        if not capture.set(cv2.CAP_PROP_FORMAT, _RAW_PACKETS):
            raise ImageError('OpenCV here cannot read a video without decoding it')
        times = list[int]()
        while capture.grab():
            times.append(_time_ns(capture))
        stated = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        capture.release()
        # Packets come in the order of decoding.
        times.sort()
        if len(times) > 1:
            self._period_ns = max((times[-1] - times[0]) // (len(times) - 1), 1)
        return array('q', times), round(stated)

    def image(self, time_ns: int) -> NDArray[np.uint8]:
        """Decode the image of exactly that time: (H, W, 3) BGR. Raises ImageError if there is none.

        Forward in small steps is quick; backward and far ahead are a seek.
        """
        ahead_ns = time_ns - self._at_ns
        if self._capture is None or ahead_ns <= 0 or ahead_ns > _FAR * self._period_ns:
            self._seek(time_ns)
        capture = self._capture
        while capture is not None and self._at_ns < time_ns and capture.grab():
            self._at_ns = _time_ns(capture)
        good, pixels = capture.retrieve() if capture and self._at_ns == time_ns else (False, None)
        if not good or pixels is None:
            raise ImageError(f'{self._name}: the picture at {time_ns / 1e9:.3f} s is damaged')
        return np.asarray(pixels, np.uint8)

    def close(self) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _opened(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self._path))
        if not capture.isOpened():
            raise ImageError('it cannot be read: OpenCV finds no video')
        return capture

    def _seek(self, time_ns: int) -> None:
        """Go to an image before `time_ns` by a seek, or to the start if that lands behind it."""
        self.close()
        self._capture, self._at_ns = self._opened(), -1
        if time_ns <= _FAR * self._period_ns:
            return
        self._capture.set(cv2.CAP_PROP_POS_MSEC, (time_ns - 2 * self._period_ns) / 1e6)
        if self._capture.grab() and (now_ns := _time_ns(self._capture)) <= time_ns:
            self._at_ns = now_ns
            return
        self.close()
        self._capture = self._opened()


def _time_ns(capture: cv2.VideoCapture) -> int:
    milliseconds = capture.get(cv2.CAP_PROP_POS_MSEC)
    return round(milliseconds * 1e6 / _MICROSECOND_NS) * _MICROSECOND_NS
