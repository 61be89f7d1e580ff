# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which files a path means: a rosbag2 folder's, one file, one that is packed as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from molmo_ground_ros.errors import BagError
from molmo_ground_ros.lru import LruCache
from molmo_ground_ros.recording import mcap, metadata, pages, sqlite, video
from molmo_ground_ros.recording.loss import Loss, LossKind, LossLog
from molmo_ground_ros.recording.source import Source
from molmo_ground_ros.recording.unpack import unpack_file

_MCAP, _SQLITE, _PACKED = '.mcap', '.db3', '.zstd'
_KNOWN = 'a rosbag2 folder, .mcap, .db3, .mcap.zstd, .db3.zstd or a video'


@dataclass(slots=True)
class File:
    """A file that may be read, with what was found so far."""

    source: Source
    loss: LossLog


@dataclass(slots=True)
class Files:
    """Finds and opens files; holds what was unpacked until it is closed."""

    cache: LruCache[tuple[str, int], memoryview]
    epoch_ns: int
    losses: list[Loss] = field(default_factory=list)  # of folders, not of one file
    counted: dict[Path, dict[str, int]] = field(default_factory=dict)  # messages, by metadata.yaml
    _unpacked: TemporaryDirectory[str] | None = None

    def open(self, path: Path) -> Iterator[File]:
        """Every file that `path` means. Raises BagError, OSError, MissingPackage."""
        if not path.exists():
            raise BagError(str(path), 'no such file or folder')
        if not path.is_dir():
            yield self._file(path)
            return
        files = self._files(path)
        if not files:
            raise BagError(str(path), f'the folder holds no {_MCAP} and no {_SQLITE} file')
        for file in files:
            yield self._file(file)

    def close(self) -> None:
        """Delete what was unpacked."""
        if self._unpacked is not None:
            self._unpacked.cleanup()
            self._unpacked = None

    def _files(self, folder: Path) -> list[Path]:
        """Those that are there, in the order of their numbers."""
        loss = LossLog(str(folder))
        there = [path for path in folder.iterdir() if path.is_file() and _kind(path)]
        try:
            stated = metadata.read(folder)
        except FileNotFoundError:
            loss.add(LossKind.NO_METADATA)
        except ValueError as err:
            loss.add(LossKind.BAD_METADATA, detail=str(err))
        else:
            self.counted[folder] = stated.messages
            for name in sorted(set(stated.files) - {path.name for path in there}):
                loss.add(LossKind.MISSING_FILE, detail=name)
        self.losses += loss.found
        return sorted(there, key=_in_order)

    def _file(self, path: Path) -> File:
        if not path.is_file():
            raise BagError(str(path), 'neither a file nor a folder')
        loss = LossLog(str(path))
        kind, inner = _kind(path) or _sniffed(path), path
        if path.suffix == _PACKED:
            inner = self._unpack(path, loss)
        if kind == _MCAP:
            return File(mcap.McapSource(inner, str(path), self.cache), loss)
        if kind == _SQLITE:
            return File(sqlite.SqliteSource(inner, str(path)), loss)
        if kind:
            return File(video.VideoSource(inner, str(path), self.epoch_ns), loss)
        raise BagError(str(path), f'its name and first bytes are not those of {_KNOWN}')

    def _unpack(self, path: Path, loss: LossLog) -> Path:
        if self._unpacked is None:
            self._unpacked = TemporaryDirectory(prefix='molmo_ground_')
        folder = Path(self._unpacked.name)
        target = folder / f'{len(list(folder.iterdir()))}_{path.stem}'
        if wrong := unpack_file(path, target):
            loss.add(LossKind.BAD_COMPRESSION, detail=wrong)
        return target


def _kind(path: Path) -> str:
    """'.mcap', '.db3' or the suffix of a video; '' for anything else."""
    name = path.with_suffix('') if path.suffix == _PACKED else path
    suffix = name.suffix.lower()
    return suffix if suffix in {_MCAP, _SQLITE} | video.SUFFIXES else ''


def _sniffed(path: Path) -> str:
    with path.open('rb') as file:
        head = file.read(16)
    if head.startswith(mcap.MAGIC):
        return _MCAP
    return _SQLITE if head == pages.MAGIC else ''


def _in_order(path: Path) -> list[tuple[int, str]]:
    """run_2 before run_10."""
    parts = re.split(r'(\d+)', path.name)
    return [(int(part), '') if part.isdigit() else (-1, part) for part in parts]
