# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A Parquet file of a LeRobot data set with the pictures of one or many episodes in it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Any

from molmo_ground_ros.errors import BagError, ImageError
from molmo_ground_ros.frames.cdr import COMPRESSED, ImageMessage
from molmo_ground_ros.recording.lerobot.tables import faults_of, open_parquet
from molmo_ground_ros.recording.lerobot.times import EpisodeTimes
from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.open_files import OpenFiles
from molmo_ground_ros.recording.source import MessageIndex, Place, UnreadTopic
from molmo_ground_ros.types import CompressedImage

_BATCH = 8  # rows that are unpacked at once
_PICTURE_LIMIT = 1 << 28  # bytes


class EpisodeImages:
    """A Source whose places are numbers of rows of the file."""

    def __init__(
        self,
        root: Path,
        path: Path,
        key: str,
        episodes: Sequence[EpisodeTimes],
        opened: OpenFiles,
    ) -> None:
        """Read the column `key` of `path`. root: the data set's folder."""
        self._opened = opened
        self._root = root
        self._path = path
        self._key = key
        self._episodes = episodes
        self._file: Any = None
        self._starts: list[int] = []  # the first row of each row group, and the number of rows
        self._rows: Iterator[Any] = iter(())
        # The group that `_rows` is of, and the row that it gives next.
        self._group, self._next = -1, 0
        self.unread: Sequence[UnreadTopic] = ()

    def index(self, loss: LossLog) -> list[MessageIndex]:
        """See Source."""
        with faults_of(self._path), open_parquet(self._path) as file:
            if self._key not in file.schema_arrow.names:
                raise BagError(str(self._path), f"it has no column '{self._key}'")
        indexes = list[MessageIndex]()
        for episode in self._episodes:
            index = MessageIndex(episode.topic, COMPRESSED)
            # Not by MessageIndex.add: the stamp 0 is a time here.
            index.stamps.extend(episode.stamps.tolist())
            index.places.extend(episode.rows.tolist() if episode.rows is not None else [])
            missing = episode.stated - len(index.stamps)
            if missing > 0:
                loss.add(LossKind.FEWER_MESSAGES, topic=episode.topic, messages=missing)
            indexes.append(index)
        return indexes

    def message(self, place: Place, kind: str) -> ImageMessage:
        """See Source. A small step forward is fast; any other begins at a group of rows."""
        del kind
        data = self.payload(place)
        # The stamp is that of the row, which the timeline has. Readers tell the format by the data.
        return ImageMessage(0, '', CompressedImage('', data))

    def payload(self, place: Place) -> bytes:
        """See Source. The bytes of the picture's file."""
        try:
            value = self._value(place)
        except BagError as err:
            raise ImageError(str(err)) from err
        data = value.get('bytes') if isinstance(value, dict) else None
        if isinstance(data, bytes) and data:
            return data
        return self._file_of(value.get('path') if isinstance(value, dict) else None, place)

    def close(self) -> None:
        """Close the file."""
        self._rows = iter(())
        if self._file is not None:
            self._file.close()
        self._file = None

    def _value(self, row: int) -> Any:
        """What the column has in a row. Raises BagError."""
        self._opened.note(self, self.close)
        with faults_of(self._path):
            if self._file is None:
                self._file = open_parquet(self._path)
                metadata = self._file.metadata
                sizes = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
                self._starts = [0, *accumulate(sizes)]
                self._group = -1
            group = bisect_right(self._starts, row) - 1
            if group == len(self._starts) - 1:
                raise BagError(str(self._path), f'it has no row {row}')
            if group != self._group or self._next > row:
                batches = self._file.iter_batches(_BATCH, row_groups=[group], columns=[self._key])
                self._rows = (value for batch in batches for value in batch.column(0))
                self._group, self._next = group, self._starts[group]
            for _ in range(row - self._next):
                next(self._rows, None)
            self._next = row + 1
            value = next(self._rows, None)
            return None if value is None else value.as_py()

    def _file_of(self, path: object, row: int) -> bytes:
        """The bytes of a picture beside the data file. Raises ImageError."""
        name = PurePosixPath(path) if isinstance(path, str) and '\0' not in path else None
        if name is None or name.is_absolute() or '..' in name.parts:
            raise ImageError(f'{self._path}: row {row} has no picture')
        file = self._root / name
        try:
            if file.stat().st_size > _PICTURE_LIMIT:
                raise ImageError(f'{file}: larger than {_PICTURE_LIMIT} bytes')
            return file.read_bytes()
        except OSError as err:
            raise ImageError(f'{file}: {err}') from err
