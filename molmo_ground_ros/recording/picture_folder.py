# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Folders of pictures with their times in a text file, as data sets of robots have them.

TUM RGB-D (`rgb/`, `rgb.txt`: seconds and file), EuRoC (`cam0/data/`, `cam0/data.csv`: nanoseconds
and file), KITTI (`image_02/data/`, `image_02/timestamps.txt`: dates; or `image_2/`, `times.txt`:
seconds), and what resembles them: a line for each picture, or its name. Without such a file the
pictures' own names are their times, where they are long enough.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from molmo_ground_ros.errors import BagError, ImageError
from molmo_ground_ros.frames.cdr import COMPRESSED, ImageMessage
from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.source import MessageIndex, Place, UnreadTopic
from molmo_ground_ros.types import CompressedImage

SUFFIXES = frozenset(
    {'.avif', '.bmp', '.jp2', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp'}
)  # of pictures

_DEEPEST = 3  # folders below the one that is named
_TEXT_LIMIT = 1 << 26  # bytes of a file of times
_PICTURE_LIMIT = 1 << 28  # bytes
_LATEST_NS = 1 << 62
_DATE = re.compile(r'(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?')
_NUMBER = re.compile(r'(\d{1,19})(?:\.(\d{1,9})\d*)?')
_EXPONENTIAL = re.compile(r'\d(?:\.\d+)?[eE][+-]?\d+')
# Integers of so many digits and more count nanoseconds, microseconds, milliseconds since 1970.
_DIGITS = ((18, 1), (15, 1_000), (12, 1_000_000))
_SHORTEST_STAMP = 10  # digits of a name that is a time by itself


def picture_folders(root: Path) -> list[Path]:
    """The folders at or below `root` that hold pictures, in order."""
    folders = list[Path]()
    for place, below, files in os.walk(root):
        folder = Path(place)
        below[:] = sorted(name for name in below if not name.startswith('.'))
        if len(folder.relative_to(root).parts) >= _DEEPEST:
            below.clear()
        if any(Path(name).suffix.lower() in SUFFIXES for name in files):
            folders.append(folder)
    return folders


class PictureFolder:
    """A Source whose places are numbers of files, in their order."""

    def __init__(self, folder: Path, root: Path) -> None:
        """Read the pictures of `folder`, as a camera called by its path below `root`."""
        self._folder = folder
        below = folder.relative_to(root)
        named = below.parent if below.name == 'data' else below
        self._topic = named.as_posix() if named.parts else root.name
        self._files: list[Path] = []
        self._stamps: list[int] = []
        self.unread: Sequence[UnreadTopic] = ()

    def index(self, loss: LossLog) -> list[MessageIndex]:
        """See Source."""
        files = [path for path in self._folder.iterdir() if path.suffix.lower() in SUFFIXES]
        files.sort(key=_in_order)
        times = self._times(files)
        missing = times.keys() - {path.name for path in files}
        for name in sorted(missing):
            loss.add(LossKind.MISSING_FILE, topic=self._topic, messages=1, detail=name)
        index = MessageIndex(self._topic, COMPRESSED)
        index.zero = sum(path.name not in times for path in files)
        self._files = [path for path in files if path.name in times]
        self._stamps = [times[path.name] for path in self._files]
        # Not by MessageIndex.add: the stamp 0 is a time here.
        index.stamps.extend(self._stamps)
        index.places.extend(range(len(self._files)))
        return [index]

    def message(self, place: Place, kind: str) -> ImageMessage:
        """See Source."""
        del kind
        path = self._files[place]
        image = CompressedImage(path.suffix[1:].lower(), self.payload(place))
        return ImageMessage(self._stamps[place], '', image)

    def payload(self, place: Place) -> bytes:
        """See Source. The bytes of the picture's file."""
        path = self._files[place]
        try:
            if path.stat().st_size > _PICTURE_LIMIT:
                raise ImageError(f'{path}: larger than {_PICTURE_LIMIT} bytes')
            return path.read_bytes()
        except OSError as err:
            raise ImageError(f'{path}: {err}') from err

    def close(self) -> None:
        """Do nothing: a file is opened for each picture."""

    def _times(self, files: Sequence[Path]) -> dict[str, int]:
        """The time of each picture by its name, ns. Raises BagError where there are none."""
        for path in self._files_of_times():
            rows = list(_rows(path))
            named = {name: stamp_ns for stamp_ns, name in rows if name}
            if named and not named.keys().isdisjoint(path.name for path in files):
                return named
            if len(rows) == len(files) and not named:
                return {
                    file.name: stamp_ns for file, (stamp_ns, _) in zip(files, rows, strict=True)
                }
        by_name = {path.name: _stamp_of_name(path.stem) for path in files}
        times = {name: stamp_ns for name, stamp_ns in by_name.items() if stamp_ns is not None}
        if not times:
            why = f'{len(files)} pictures, and no file of times that has a line for each'
            raise BagError(str(self._folder), why)
        return times

    def _files_of_times(self) -> Iterator[Path]:
        """Text files that may hold the times, the likeliest first."""
        folder, parent = self._folder, self._folder.parent
        likely = [
            *(parent / f'{folder.name}{end}' for end in ('.csv', '.txt')),
            *(place / name for place in (folder, parent) for name in _NAMES),
            *sorted([*folder.glob('*.csv'), *folder.glob('*.txt')]),
        ]
        return (path for path in likely if path.is_file())


_NAMES = ('timestamps.txt', 'times.txt', 'timestamps.csv', 'times.csv', 'data.csv')


def _rows(path: Path) -> Iterator[tuple[int, str]]:
    """(time, ns; name of the picture, or '') of each line that begins with a time."""
    with path.open('rb') as file:
        lines = file.read(_TEXT_LIMIT).decode(errors='replace').splitlines()
    for line in lines:
        date = _DATE.match(line.strip())
        words = re.split(r'[,;\s]+', line.strip())
        stamp_ns = _of_date(date) if date else time_ns(words[0])
        if stamp_ns is not None and stamp_ns < _LATEST_NS:
            names = [Path(word).name for word in words[1:] if Path(word).suffix.lower() in SUFFIXES]
            yield stamp_ns, names[0] if names else ''


def time_ns(text: str) -> int | None:
    """The nanoseconds that a number means; None if it is none.

    Integers of 12 digits and more count parts of a second, as long as the date is after 1973.
    """
    if _EXPONENTIAL.fullmatch(text):
        return round(float(text) * 1e9) if float(text) < _LATEST_NS / 1e9 else None
    number = _NUMBER.fullmatch(text)
    if number is None:
        return None
    digits, fraction = number[1], number[2] or ''
    unit = next((unit for length, unit in _DIGITS if len(digits) >= length), 1_000_000_000)
    return int(digits) * unit + int(fraction.ljust(9, '0') or 0) * unit // 1_000_000_000


def _of_date(date: re.Match[str]) -> int | None:
    year, month, day, hour, minute, second = (int(part) for part in date.groups()[:6])
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(at.timestamp()) * 1_000_000_000 + int((date[7] or '').ljust(9, '0'))


def _stamp_of_name(stem: str) -> int | None:
    """The time in the name of a picture, ns; None where it is a number of another kind."""
    digits = stem.partition('.')[0]
    return time_ns(stem) if digits.isdigit() and len(digits) >= _SHORTEST_STAMP else None


def _in_order(path: Path) -> tuple[tuple[int, str], ...]:
    """A key that sorts 2.png before 10.png."""
    parts = re.split(r'(\d+)', path.name)
    return tuple((int(part), '') if part.isdigit() else (-1, part) for part in parts)
