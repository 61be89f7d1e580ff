# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The times of the frames of episodes, from the data files of a LeRobot data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BagError
from molmo_ground_ros.recording.lerobot.dataset import Episode, LerobotDataset
from molmo_ground_ros.recording.lerobot.tables import faults_of, read_columns
from molmo_ground_ros.recording.loss import Loss, LossKind, LossLog

_LATEST_S = 1e9  # of a timestamp


@dataclass(frozen=True, slots=True)
class EpisodeRows:
    """The frames of an episode in its data file."""

    rows: NDArray[np.int64]  # (N,) numbers of the rows, ascending
    stamps: NDArray[np.int64]  # (N,) ns from the start of the episode


@dataclass(frozen=True, slots=True)
class EpisodeTimes:
    """The frames of a camera of an episode."""

    topic: str
    stated: int  # how many the metadata says that there are
    stamps: NDArray[np.int64]  # (N,) ns from the start of the episode
    from_ns: int = 0  # the start of the episode in its video
    rows: NDArray[np.int64] | None = None  # (N,) in the data file


def episode_rows(
    dataset: LerobotDataset, episodes: Sequence[Episode], losses: list[Loss]
) -> dict[int, EpisodeRows]:
    """The rows of each episode, by its number. Each data file is read once.

    What cannot be read is added to `losses`. Raises MissingPackage.
    """
    files: dict[str, list[Episode]] = {}
    for episode in episodes:
        files.setdefault(str(episode.data), []).append(episode)
    rows = dict[int, EpisodeRows]()
    for name, inside in files.items():
        log = LossLog(str(dataset.root / name))
        try:
            rows.update(_rows_of(dataset, name, inside))
        except BagError as err:
            frames = sum(episode.length for episode in inside)
            log.add(LossKind.UNREADABLE, messages=frames, detail=str(err))
        losses += log.losses
    return rows


def _rows_of(
    dataset: LerobotDataset, name: str, episodes: Sequence[Episode]
) -> Iterator[tuple[int, EpisodeRows]]:
    path = dataset.root / name
    if not path.is_file():
        raise BagError(str(path), 'the data file is missing')
    table = read_columns(path, ['episode_index', 'timestamp'])
    with faults_of(path):
        numbers = np.asarray(table['episode_index'].to_numpy(zero_copy_only=False), np.float64)
        # Their own numbers of seconds, of 32 bits: 0.1 is 100000001 ns.
        times = np.asarray(table['timestamp'].to_numpy(zero_copy_only=False), np.float64)
        if numbers.shape != times.shape or numbers.ndim != 1:
            raise BagError(str(path), 'its columns have several numbers in a row')
    fits = (times >= 0) & (times < _LATEST_S)  # not so where one is no number
    order = np.argsort(numbers, kind='stable')
    for episode in episodes:
        first, last = np.searchsorted(numbers[order], [episode.number, episode.number + 1])
        rows = np.sort(order[first:last])
        rows = rows[fits[rows]]
        yield episode.number, EpisodeRows(rows, np.rint(times[rows] * 1e9).astype(np.int64))
