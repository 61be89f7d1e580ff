# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a plain video file, by OpenCV.

A video has no header stamps: a picture's stamp is its own time in the file (its presentation time,
not its number divided by a rate) after an epoch that the caller states.
"""

from __future__ import annotations

from array import array
from pathlib import Path

import cv2
import numpy as np

from molmo_ground_ros.errors import BagError, ImageError
from molmo_ground_ros.recording.cdr import RAW, Picture
from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.source import Found, Place
from molmo_ground_ros.types import RawImage

TOPIC = 'video'
SUFFIXES = frozenset(
    {'.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.ogv', '.ts', '.webm'}
)

_RAW_PACKETS = -1  # for CAP_PROP_FORMAT: packets, without decoding
_FAR = 300  # pictures: further ahead than this, seeking is quicker than decoding all between
_MICROSECOND_NS = 1000  # times are floating point milliseconds: finer digits mean nothing


class VideoSource:
    """Satisfies Source. A place is the picture's time in the file, ns."""

    def __init__(self, path: Path, shown: str, epoch_ns: int) -> None:
        """Read `path`, called `shown` in messages; its time 0 has the stamp `epoch_ns`."""
        self._path = path
        self._shown = shown
        self._epoch_ns = epoch_ns
        self._capture: cv2.VideoCapture | None = None
        self._at_ns = -1  # of the picture grabbed last; -1: none yet
        self._period_ns = 1  # a usual one

    def index(self, loss: LossLog) -> list[Found]:
        """See Source. Reads packets and decodes none of them."""
        capture = self._opened()
        if not capture.set(cv2.CAP_PROP_FORMAT, _RAW_PACKETS):
            raise BagError(self._shown, 'OpenCV here cannot read a video without decoding it')
        times = list[int]()
        while capture.grab():
            times.append(_time_ns(capture))
        stated = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        capture.release()
        times.sort()  # packets come in the order of decoding
        places = array('q', times)
        stamps = array('q', (self._epoch_ns + time_ns for time_ns in times))  # 0 is a time here
        found = Found(TOPIC, RAW, stamps, places)
        if 0 < len(times) < stated:
            loss.add(LossKind.FEWER_MESSAGES, topic=TOPIC, messages=round(stated) - len(times))
        if len(times) > 1:
            self._period_ns = max((times[-1] - times[0]) // (len(times) - 1), 1)
        return [found]

    def picture(self, place: Place, kind: str) -> Picture:
        """See Source. Forward in small steps is quick; backward and far ahead are a seek."""
        del kind
        ahead_ns = place - self._at_ns
        if self._capture is None or ahead_ns <= 0 or ahead_ns > _FAR * self._period_ns:
            self._seek(place)
        capture = self._capture
        while capture is not None and self._at_ns < place and capture.grab():
            self._at_ns = _time_ns(capture)
        good, pixels = capture.retrieve() if capture and self._at_ns == place else (False, None)
        if not good or pixels is None:
            raise ImageError(f'{self._shown}: the picture at {place / 1e9:.3f} s is damaged')
        height, width = pixels.shape[:2]
        image = RawImage(width, height, 'bgr8', 3 * width, np.asarray(pixels, np.uint8).reshape(-1))
        return Picture(self._epoch_ns + place, '', image)

    def close(self) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _opened(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self._path))
        if not capture.isOpened():
            raise BagError(self._shown, 'it cannot be read: OpenCV finds no video')
        return capture

    def _seek(self, place: Place) -> None:
        """Stand before `place`: at a seek's target, or at the start where that overshoots."""
        self.close()
        self._capture, self._at_ns = self._opened(), -1
        if place <= _FAR * self._period_ns:
            return
        self._capture.set(cv2.CAP_PROP_POS_MSEC, (place - 2 * self._period_ns) / 1e6)
        if self._capture.grab() and (now_ns := _time_ns(self._capture)) <= place:
            self._at_ns = now_ns
            return
        self.close()
        self._capture = self._opened()


def _time_ns(capture: cv2.VideoCapture) -> int:
    milliseconds = capture.get(cv2.CAP_PROP_POS_MSEC)
    return round(milliseconds * 1e6 / _MICROSECOND_NS) * _MICROSECOND_NS
