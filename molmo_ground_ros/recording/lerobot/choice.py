# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The cameras of a LeRobot data set that a person names by episodes and features."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from molmo_ground_ros.errors import BadSetting, BagError, listed
from molmo_ground_ros.recording.lerobot.dataset import (
    LerobotCamera,
    LerobotDataset,
    is_dataset,
    read_dataset,
    topic_of,
)
from molmo_ground_ros.recording.loss import LossLog

_RANGE = re.compile(r'(\d{1,9})(?:-(\d{1,9}))?')


def is_lerobot(path: str | Path) -> bool:
    """Whether a path is the folder of a LeRobot data set."""
    return is_dataset(Path(path))


def chosen_topics(path: str | Path, episodes: str = '', cameras: Sequence[str] = ()) -> list[str]:
    """The names, as cameras of a recording, of the cameras of a data set's episodes.

    episodes: numbers and ranges, as '0,3-5'; '' for all. cameras: features, in full
    ('observation.images.top') or by their last part ('top'); all if there are none.
    Raises BadSetting for one that is not there, BagError, MissingPackage.
    """
    dataset = read_dataset(Path(path), LossLog(str(path)))
    if not dataset.cameras:
        raise BagError(str(path), 'none of its features holds pictures')
    numbers = _episodes(dataset, episodes)
    keys = [_camera(dataset.cameras, name).key for name in cameras]
    keys = keys or [camera.key for camera in dataset.cameras]
    return [topic_of(number, key) for number in numbers for key in dict.fromkeys(keys)]


def _episodes(dataset: LerobotDataset, words: str) -> list[int]:
    if not words:
        return list(dataset.episodes)
    first, last = min(dataset.episodes), max(dataset.episodes)
    numbers = list[int]()
    for word in words.split(','):
        match = _RANGE.fullmatch(word.strip())
        if match is None:
            raise BadSetting('episodes', words, "write numbers and ranges, as '0,3-5'")
        start, end = int(match[1]), int(match[2] or match[1])
        inside = [number for number in dataset.episodes if start <= number <= end]
        if not inside:
            raise BadSetting('episodes', words, f'there are those from {first} to {last}')
        numbers += inside
    return list(dict.fromkeys(numbers))


def _camera(cameras: Sequence[LerobotCamera], name: str) -> LerobotCamera:
    for camera in cameras:
        if name in (camera.key, camera.key.rpartition('.')[2]):
            return camera
    names = listed([camera.key for camera in cameras])
    raise BadSetting('camera', name, f'it has the cameras {names}')
