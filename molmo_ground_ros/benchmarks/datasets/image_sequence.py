# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The images of a video, of a folder, or in a list of files: one decoded at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.datasets.file_order import numeric_order
from molmo_ground_ros.benchmarks.datasets.frame_files import PICTURES, lacking_number
from molmo_ground_ros.errors import ImageError, NoFrames
from molmo_ground_ros.frames.video_file import SUFFIXES, VideoFile
from molmo_ground_ros.types import Frame

INNER = frozenset({'img', 'img1', 'imgs'})  # folders of images inside a video's folder


class ImageSequence(Protocol):
    """Images by number from 0: of a video, or of a folder."""

    stamps: Sequence[int]  # ns from the start, strictly ascending

    def frame(self, number: int) -> Frame:
        """The frame with that index in `stamps`. Raises ImageError."""
        ...

    def close(self) -> None:
        """Close the file, if one is open."""
        ...


def image_files(folder: Path, names: Iterable[str] = ()) -> list[Path]:
    """The numbered images of a folder, or of an `img`, `imgs` or `img1` in it, in order.

    names: of those that are wanted, in their order and with any suffix; empty for all. One that is
    missing is left out.
    """
    for place in (folder, *(folder / name for name in sorted(INNER))):
        if place.is_dir():
            files = [file for file in place.iterdir() if file.suffix.lower() in PICTURES]
            if files and names:
                by_stem = {file.stem: file for file in files}
                stems = (PurePosixPath(name).stem for name in names)
                return [by_stem[stem] for stem in stems if stem in by_stem]
            if files:
                return sorted(files, key=lambda path: numeric_order(path.stem))
    return []


def missing_picture(folder: Path, names: Iterable[str] = ()) -> str:
    """The first picture that a folder lacks; '' if none is known to be missing.

    names: as of `image_files`; without them pictures between two others are known by their numbers.
    """
    files = image_files(folder, names)
    stems = {file.stem for file in files}
    wanted = (PurePosixPath(name).stem for name in names)
    return next((stem for stem in wanted if stem not in stems), '') or lacking_number(files)


class _ImageFiles:
    """Images in files. Satisfies ImageSequence."""

    def __init__(self, files: list[Path], fps: float) -> None:
        self._files = files
        self.stamps: Sequence[int] = [round(k * 1e9 / fps) for k in range(len(files))]

    def frame(self, number: int) -> Frame:
        pixels = cv2.imread(str(self._files[number]), cv2.IMREAD_COLOR)
        if pixels is None:
            raise ImageError(f'{self._files[number]}: cannot be decoded')
        return _frame(self.stamps[number], np.asarray(pixels[:, :, ::-1], np.uint8))

    def close(self) -> None:
        pass


class _VideoImages:
    """Images of a video, whose times begin at 0. Satisfies ImageSequence."""

    def __init__(self, path: Path) -> None:
        self._video = VideoFile(path, str(path))
        self._times, _ = self._video.times()
        first = self._times[0] if self._times else 0
        self.stamps: Sequence[int] = [time_ns - first for time_ns in self._times]

    def frame(self, number: int) -> Frame:
        return _frame(self.stamps[number], self._video.image(self._times[number]))

    def close(self) -> None:
        self._video.close()


class OpenMedia:
    """Opens media in a `with` statement."""

    def __init__(self, path: Path, fps: float | None, files: Sequence[str] = ()) -> None:
        """files: of the folder `path`, if it holds the frames of other videos as well."""
        self._path = path
        self._fps = fps
        self._files = files
        self._images: ImageSequence | None = None

    def __enter__(self) -> ImageSequence:
        if self._path.suffix.lower() in SUFFIXES and self._path.is_file():
            self._images = _VideoImages(self._path)
        elif self._path.is_file():
            self._images = _ImageFiles([self._path], 1.0)
        elif self._fps is None:
            raise NoFrames(str(self._path), 'a folder of pictures, and the data tells no rate')
        else:
            self._images = _ImageFiles(image_files(self._path, self._files), self._fps)
        if not self._images.stamps:
            raise NoFrames(str(self._path), 'there is no picture in it')
        return self._images

    def __exit__(self, *error: object) -> None:
        if self._images is not None:
            self._images.close()


def _frame(stamp_ns: int, pixels: NDArray[np.uint8]) -> Frame:
    """pixels: (H, W, 3) RGB."""
    image = np.ascontiguousarray(pixels)
    image.flags.writeable = False
    return Frame(stamp_ns, image)
