# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A copy of a LeRobot data set with annotations. The original is only read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BadSetting, BagError
from molmo_ground_ros.recording.lerobot.dataset import INFO, LerobotDataset, read_dataset
from molmo_ground_ros.recording.lerobot.forms import (
    FORMS,
    LANGUAGE,
    Columns,
    Part,
    features,
)
from molmo_ground_ros.recording.lerobot.notes import EpisodeNotes, FrameNotes, frame_notes
from molmo_ground_ros.recording.lerobot.tables import arrow, faults_of, open_parquet
from molmo_ground_ros.recording.lerobot.times import EpisodeRows, episode_rows
from molmo_ground_ros.recording.loss import LossLog
from molmo_ground_ros.storage.atomic import SUFFIX

__all__ = ['FORMS', 'check_copy', 'write_copy']


def check_copy(root: Path, target: Path, form: str) -> None:
    """Refuse a copy that cannot be written, before anything is asked.

    Raises BadSetting, BagError, MissingPackage.
    """
    arrow()
    dataset = read_dataset(root, LossLog(str(root)))
    if target.exists():
        raise BadSetting('annotate', str(target), 'it is there already; name a new folder')
    inner, outer = target.resolve(), root.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise BadSetting('annotate', str(target), f"it is not outside of the data set '{root}'")
    if form == LANGUAGE and dataset.is_old:
        raise BadSetting('annotation-form', form, 'data sets of v2 have no language columns')
    twice = set(features(form, [''])) & set(dataset.info['features'])
    if twice:
        raise BadSetting(
            'annotation-form', form, f"the data set has a column '{min(twice)}' already"
        )


def write_copy(
    root: Path, target: Path, form: str, notes: Mapping[int, EpisodeNotes], names: Sequence[str]
) -> None:
    """Copy the data set at `root` to `target`, with the notes of its episodes, by number.

    names: of the columns of counts. The copy is complete, or not there at all.
    Raises what check_copy raises, and OSError.
    """
    check_copy(root, target, form)
    dataset = read_dataset(root, LossLog(str(root)))
    unfinished = target.with_name(target.name + SUFFIX)
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        files = {episode.data for episode in dataset.episodes.values()}
        _copy_files(root, unfinished, {path.as_posix() for path in files})
        columns = Columns(form, names)
        rows = episode_rows(dataset, list(dataset.episodes.values()), [])
        for path in sorted(files):
            if (root / path).is_file():
                _write_data(
                    dataset,
                    path,
                    unfinished,
                    columns,
                    _notes_of(dataset, path, rows, notes, len(names)),
                )
        columns.write_subtasks(unfinished)
        info = {**dataset.info, 'features': {**dataset.info['features'], **features(form, names)}}
        (unfinished / INFO).write_text(json.dumps(info, indent=4, ensure_ascii=False))
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _copy_files(root: Path, target: Path, left_out: set[str]) -> None:
    """Copy all files, without those that are written anew."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        below = Path(folder).relative_to(root)
        return {name for name in names if (below / name).as_posix() in left_out or name == '.git'}

    shutil.copytree(root, target, ignore=ignored)


def _notes_of(
    dataset: LerobotDataset,
    path: Path,
    rows: Mapping[int, EpisodeRows],
    notes: Mapping[int, EpisodeNotes],
    columns: int,
) -> list[tuple[EpisodeRows, FrameNotes]]:
    """The rows of the episodes in a data file, with their annotations."""
    inside = (episode.number for episode in dataset.episodes.values() if episode.data == path)
    return [
        (rows[number], frame_notes(notes.get(number), rows[number].stamps, columns))
        for number in inside
        if number in rows
    ]


def _write_data(
    dataset: LerobotDataset,
    path: Path,
    target: Path,
    columns: Columns,
    episodes: Sequence[tuple[EpisodeRows, FrameNotes]],
) -> None:
    """Write a data file with the columns, a group of rows at a time."""
    source, written = dataset.root / path, target / path
    written.parent.mkdir(parents=True, exist_ok=True)
    writer: Any = None
    with faults_of(source), open_parquet(source) as file:
        first = 0
        try:
            for number in range(file.num_row_groups):
                table = file.read_row_group(number)
                if table.num_rows == 0:
                    continue
                parts = [_part(rows, frames, first, table.num_rows) for rows, frames in episodes]
                for name, values in columns.of(
                    [part for part in parts if len(part[0][0])], table.num_rows
                ).items():
                    table = table.append_column(name, values)
                if writer is None:
                    writer = arrow().parquet.ParquetWriter(written, table.schema)
                writer.write_table(table)
                first += table.num_rows
        finally:
            if writer is not None:
                writer.close()
    if writer is None:
        raise BagError(str(source), 'it has no rows')


def _part(rows: EpisodeRows, notes: FrameNotes, first: int, length: int) -> Part:
    """An episode's frames among the rows [first, first + length)."""
    start, end = np.searchsorted(rows.rows, [first, first + length])
    frames: NDArray[np.int64] = np.arange(start, end, dtype=np.int64)
    seconds = (rows.stamps / 1e9).astype(np.float32)
    return (rows.rows[start:end] - first, frames), seconds, notes
