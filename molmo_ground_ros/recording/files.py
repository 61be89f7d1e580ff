# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The files that a path means: those of a folder of some kind, or one, packed or not."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from molmo_ground_ros.errors import BagError
from molmo_ground_ros.recording import mcap, metadata, pages, rosbag1, sqlite, video
from molmo_ground_ros.recording.lerobot.dataset import is_dataset
from molmo_ground_ros.recording.lerobot.episodes import dataset_sources
from molmo_ground_ros.recording.loss import Loss, LossKind, LossLog
from molmo_ground_ros.recording.open_files import OpenFiles
from molmo_ground_ros.recording.picture_folder import PictureFolder, picture_folders
from molmo_ground_ros.recording.source import Source
from molmo_ground_ros.recording.unpack import unpack_file
from molmo_ground_ros.storage.lru import LruCache

_MCAP, _SQLITE, _ROSBAG1, _PACKED = '.mcap', '.db3', '.bag', '.zstd'
_READABLE = (
    'a rosbag2 folder, .mcap, .db3, .mcap.zstd, .db3.zstd, .bag, a video, a LeRobot data set or a '
    'folder of pictures'
)


@dataclass(slots=True)
class SourceFile:
    """A file that may be read, with the losses of it so far."""

    source: Source
    loss: LossLog


@dataclass(slots=True)
class SourceFiles:
    """Finds and opens the files of paths. Files that it unpacks exist until it is closed."""

    cache: LruCache[tuple[str, int], memoryview]  # of unpacked chunks, for MCAP files
    epoch_ns: int  # the stamp of a video's time 0
    # The cameras of data sets that are wanted; all if there are none.
    topics: Collection[str] = ()
    losses: list[Loss] = field(default_factory=list)  # of folders, not of one file
    counted: dict[Path, dict[str, int]] = field(default_factory=dict)  # messages, by metadata.yaml
    _unpacked: TemporaryDirectory[str] | None = None
    _opened: OpenFiles = field(default_factory=OpenFiles)

    def open(self, path: Path) -> Iterator[SourceFile]:
        """Every file that `path` means. Raises BagError, OSError, MissingPackage."""
        if not path.exists():
            raise BagError(str(path), 'no such file or folder')
        if not path.is_dir():
            yield self._file(path)
            return
        if is_dataset(path):
            yield from self._dataset(path)
            return
        if not any(file.is_file() and _kind(file) for file in path.iterdir()):
            yield from _pictures(path)
            return
        for file in self._files(path):
            yield self._file(file)

    def close(self) -> None:
        """Close files, and delete what was unpacked."""
        self._opened.close()
        if self._unpacked is not None:
            self._unpacked.cleanup()
            self._unpacked = None

    def _dataset(self, root: Path) -> Iterator[SourceFile]:
        sources, losses = dataset_sources(root, self.topics, self._opened)
        self.losses += losses
        for path, source in sources:
            yield SourceFile(source, LossLog(str(path)))

    def _files(self, folder: Path) -> list[Path]:
        """The files that are in the folder, in the order of their numbers.

        What metadata.yaml names and is missing is a loss.
        """
        loss = LossLog(str(folder))
        present = [path for path in folder.iterdir() if path.is_file() and _kind(path)]
        try:
            stated = metadata.read(folder)
        except FileNotFoundError:
            # Folders of ROS 1 bags and of videos have none.
            if any(_kind(path) in (_MCAP, _SQLITE) for path in present):
                loss.add(LossKind.NO_METADATA)
        except ValueError as err:
            loss.add(LossKind.BAD_METADATA, detail=str(err))
        else:
            self.counted[folder] = stated.messages
            for name in sorted(set(stated.files) - {path.name for path in present}):
                loss.add(LossKind.MISSING_FILE, detail=name)
        self.losses += loss.losses
        return sorted(present, key=_in_order)

    def _file(self, path: Path) -> SourceFile:
        if not path.is_file():
            raise BagError(str(path), 'neither a file nor a folder')
        loss = LossLog(str(path))
        kind, inner = _kind(path) or _kind_by_content(path), path
        if path.suffix == _PACKED:
            inner = self._unpack(path, loss)
        if kind == _MCAP:
            return SourceFile(mcap.McapSource(inner, str(path), self.cache), loss)
        if kind == _SQLITE:
            return SourceFile(sqlite.SqliteSource(inner, str(path), self._opened), loss)
        if kind == _ROSBAG1:
            return SourceFile(rosbag1.Rosbag1Source(inner, str(path), self.cache), loss)
        if kind:
            return SourceFile(
                video.VideoSource(inner, str(path), self.epoch_ns, self._opened), loss
            )
        raise BagError(str(path), f'its name and first bytes are not those of {_READABLE}')

    def _unpack(self, path: Path, loss: LossLog) -> Path:
        """Unpack a file into the temporary folder, as far as it goes; returns its path there."""
        if self._unpacked is None:
            self._unpacked = TemporaryDirectory(prefix='molmo_ground_')
        folder = Path(self._unpacked.name)
        target = folder / f'{len(list(folder.iterdir()))}_{path.stem}'
        if fault := unpack_file(path, target):
            loss.add(LossKind.BAD_COMPRESSION, detail=fault)
        return target


def _pictures(root: Path) -> Iterator[SourceFile]:
    """Every folder of pictures at or below a folder. Raises BagError where there is none."""
    folders = picture_folders(root)
    if not folders:
        kinds = f'{_MCAP}, {_SQLITE} or {_ROSBAG1}'
        raise BagError(str(root), f'the folder holds no {kinds} file and no pictures')
    for folder in folders:
        yield SourceFile(PictureFolder(folder, root), LossLog(str(folder)))


def _kind(path: Path) -> str:
    """'.mcap', '.db3', '.bag' or the suffix of a video; '' for anything else."""
    name = path.with_suffix('') if path.suffix == _PACKED else path
    suffix = name.suffix.lower()
    return suffix if suffix in {_MCAP, _SQLITE, _ROSBAG1} | video.SUFFIXES else ''


def _kind_by_content(path: Path) -> str:
    """'.mcap', '.db3' or '.bag' by the first bytes; '' for anything else."""
    with path.open('rb') as file:
        head = file.read(16)
    if head.startswith(mcap.MAGIC):
        return _MCAP
    if head.startswith(rosbag1.MAGIC):
        return _ROSBAG1
    return _SQLITE if head == pages.MAGIC else ''


def _in_order(path: Path) -> list[tuple[int, str]]:
    """A key that sorts run_2 before run_10."""
    parts = re.split(r'(\d+)', path.name)
    return [(int(part), '') if part.isdigit() else (-1, part) for part in parts]
