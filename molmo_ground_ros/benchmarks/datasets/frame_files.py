# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of a video's folder, and the size of its frames. Decodes one frame at most."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.file_order import numeric_order
from molmo_ground_ros.benchmarks.datasets.path_list import PathList
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.errors import BadField, BadRecord, ImageError
from molmo_ground_ros.frames.video_file import SUFFIXES, VideoFile

_NUMBERED = re.compile(r'(.*?)(\d+)\Z')
PICTURES = frozenset({'.bmp', '.jpeg', '.jpg', '.png', '.webp'})


class FrameFiles(NamedTuple):
    """What the frames of a video are."""

    frames: int
    width: int  # pixels
    height: int


def pictures(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their numbers; none if there is no such folder."""
    if not folder.is_dir():
        return []
    files = [file for file in folder.iterdir() if file.suffix.lower() in PICTURES]
    return sorted(files, key=lambda file: numeric_order(file.stem))


def frame_files(places: Iterable[Path]) -> FrameFiles:
    """The frames of a video: of the first place that is a folder of pictures, or a video file.

    Raises BadField if no place has frames, and for a first frame that cannot be decoded.
    """
    tried = list(places)
    for place in tried:
        if place.suffix.lower() in SUFFIXES and place.is_file():
            return _of_video(place)
        files = pictures(place)
        if files:
            return FrameFiles(len(files), *_size(files[0]))
    named = ', '.join(str(place) for place in tried)
    raise BadField('frames', named, 'holds no pictures, so their number and size are not known')


def check_count(files: FrameFiles, frames: int, truth: Path) -> None:
    """Raise BadField where there are not as many pictures as the truth has frames."""
    fields.same_length({'pictures': files.frames, truth.name: frames})


def check_consecutive(folder: Path) -> None:
    """Raise BadField where a number is missing between the pictures of a folder."""
    missing = lacking_number(pictures(folder))
    if missing:
        raise BadField('frames', str(folder), f'lacks picture {missing} of its numbers')


def lacking_number(files: Iterable[Path]) -> str:
    """The first number that is missing between those in which the names of pictures end, or ''.

    files: in the order of their numbers.
    """
    names = [match.groups() for file in files if (match := _NUMBERED.match(file.stem))]
    for (before, number), (after, higher) in pairwise(names):
        if before == after and int(higher) > int(number) + 1:
            return f'{before}{int(number) + 1:0{len(number)}d}'
    return ''


def without_truth(
    path: Path, truths: Iterable[Path], truth: str, frames: Iterable[str]
) -> Iterator[BadRecord]:
    """An error for each folder of a video that has frames, beside videos with truth, and none.

    path: of the data; nothing outside it is looked at. truth: of the files, from the folder of a
    video. frames: folders of pictures in it, or videos.
    """
    up = len(Path(truth).parts)
    videos = {str(file.parents[up - 1]) for file in truths}
    for folder in sorted({file.parents[up] for file in truths if file.parents[up - 1] != path}):
        for other in PathList(folder, (below for below in folder.iterdir() if below.is_dir())):
            if str(other) not in videos and any(_has_frames(other / place) for place in frames):
                yield bad_record(str(other), 0, f'holds no {truth}')


def without_named_truth(
    folders: Iterable[Path], names: Collection[str], truth: str
) -> Iterator[BadRecord]:
    """An error for each video in folders of frames that no file of the truth is named for.

    truth: of the files, with a `*` for the name.
    """
    for folder in sorted({folder.resolve() for folder in folders if folder.is_dir()}):
        for other in PathList(folder, folder.iterdir()):
            if other.stem not in names and _has_frames(other):
                yield bad_record(str(other), 0, f'there is no {truth.replace("*", other.stem)}')


def _has_frames(place: Path) -> bool:
    is_video = place.suffix.lower() in SUFFIXES and place.is_file()
    return is_video or bool(pictures(place))


def _size(picture: Path) -> tuple[int, int]:
    image = cv2.imread(str(picture))
    if image is None:
        raise BadField('frames', str(picture), 'cannot be decoded')
    return image.shape[1], image.shape[0]


def _of_video(path: Path) -> FrameFiles:
    video = VideoFile(path, str(path))
    try:
        times, _ = video.times()
        image = video.image(times[0]) if times else None
    except ImageError as error:
        raise BadField('frames', str(path), str(error)) from error
    finally:
        video.close()
    if image is None:
        raise BadField('frames', str(path), 'holds no picture')
    return FrameFiles(len(times), image.shape[1], image.shape[0])
