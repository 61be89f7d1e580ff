# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The sources of a LeRobot data set: a file each, with the episodes that are wanted of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from molmo_ground_ros.errors import BagError
from molmo_ground_ros.recording.lerobot.dataset import (
    Episode,
    LerobotCamera,
    LerobotDataset,
    read_dataset,
    topic_of,
)
from molmo_ground_ros.recording.lerobot.images import EpisodeImages
from molmo_ground_ros.recording.lerobot.times import EpisodeRows, EpisodeTimes, episode_rows
from molmo_ground_ros.recording.lerobot.videos import EpisodeVideo
from molmo_ground_ros.recording.loss import Loss, LossLog
from molmo_ground_ros.recording.open_files import OpenFiles
from molmo_ground_ros.recording.source import Source


def dataset_sources(
    root: Path, topics: Collection[str], opened: OpenFiles
) -> tuple[list[tuple[Path, Source]], list[Loss]]:
    """The sources with the files that they read, and what the metadata lacks.

    topics: those of topic_of that are wanted; all if there are none.
    Raises BagError where no episode can be read, MissingPackage.
    """
    log = LossLog(str(root))
    dataset = read_dataset(root, log)
    pairs = [
        (episode, camera)
        for episode in dataset.episodes.values()
        for camera in dataset.cameras
        if not topics or topic_of(episode.number, camera.key) in topics
    ]
    episodes = {episode.number: episode for episode, _ in pairs}
    losses = list(log.losses)
    rows = episode_rows(dataset, list(episodes.values()), losses)
    if not dataset.cameras:
        depth = f'; it has depth in {", ".join(dataset.depth)}' if dataset.depth else ''
        raise BagError(str(root), f'none of its features holds pictures{depth}')
    if pairs and not rows:
        raise BagError(str(root), losses[-1].detail or 'none of its data files can be read')
    return _sources(dataset, pairs, rows, opened), losses


def _sources(
    dataset: LerobotDataset,
    pairs: Sequence[tuple[Episode, LerobotCamera]],
    rows: dict[int, EpisodeRows],
    opened: OpenFiles,
) -> list[tuple[Path, Source]]:
    """A source for each file."""
    videos: dict[Path, list[EpisodeTimes]] = {}
    images: dict[tuple[Path, str], list[EpisodeTimes]] = {}
    for episode, camera in pairs:
        if episode.number not in rows:
            continue
        frames, topic = rows[episode.number], topic_of(episode.number, camera.key)
        if camera.is_video:
            part = episode.videos[camera.key]
            from_ns = round(part.from_s * 1e9)
            times = EpisodeTimes(topic, episode.length, frames.stamps, from_ns)
            videos.setdefault(dataset.root / part.path, []).append(times)
        else:
            times = EpisodeTimes(topic, episode.length, frames.stamps, rows=frames.rows)
            images.setdefault((dataset.root / episode.data, camera.key), []).append(times)
    return [
        *((path, EpisodeVideo(path, times, dataset.fps, opened)) for path, times in videos.items()),
        *(
            (path, EpisodeImages(dataset.root, path, key, times, opened))
            for (path, key), times in images.items()
        ),
    ]
