# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The two forms of annotations that lerobot reads, as columns of its data files.

subtasks: `subtask_index` and meta/subtasks.parquet, and traces as text. lerobot 0.4 and later.
language: the columns `language_persistent` and `language_events`. lerobot 0.6 and later, whose
          datasets/language.py (7427f318) has the types and rules.
Both have the counts of events in the column EVENTS.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.recording.lerobot.notes import NOT_ASKED, FrameNotes
from molmo_ground_ros.recording.lerobot.tables import arrow

SUBTASKS, LANGUAGE = 'subtasks', 'language'
FORMS = (SUBTASKS, LANGUAGE)
EVENTS, TRACES, SUBTASK_INDEX = 'annotation.events', 'annotation.traces', 'subtask_index'
_PERSISTENT, _ROWS = 'language_persistent', 'language_events'
SUBTASKS_FILE = 'meta/subtasks.parquet'

# The frames of an episode in a part of a data file: (places in the part, numbers in the episode).
Frames = tuple[NDArray[np.int64], NDArray[np.int64]]
# Of one episode: its frames in the part, its timestamps (seconds), its annotations.
Part = tuple[Frames, NDArray[np.float32], FrameNotes]


def features(form: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The entries for meta/info.json. names: of the counts."""
    count: dict[str, Any] = {'dtype': 'int64', 'shape': [len(names)], 'names': list(names)}
    if form == LANGUAGE:
        language = {'dtype': 'language', 'shape': [1], 'names': None}
        return {EVENTS: count, _PERSISTENT: language, _ROWS: dict(language)}
    return {
        EVENTS: count,
        TRACES: {'dtype': 'string', 'shape': [1], 'names': None},
        SUBTASK_INDEX: {'dtype': 'int64', 'shape': [1], 'names': None},
    }


class Columns:
    """Makes the columns of one part of a data file after the other, in one form."""

    def __init__(self, form: str, names: Sequence[str]) -> None:
        """Make columns of `form`. names: of the counts."""
        self._form = form
        self._count = len(names)
        self._subtasks = {NOT_ASKED: 0}  # numbers by name

    def of(self, parts: Sequence[Part], length: int) -> dict[str, Any]:
        """The columns, as arrays of pyarrow, for `length` rows."""
        pyarrow = arrow()
        counts = np.zeros((length, self._count), np.int64)
        for (places, frames), _, notes in parts:
            counts[places] = notes.counts[frames]
        flat = pyarrow.array(counts.reshape(-1))
        sized = pyarrow.FixedSizeListArray.from_arrays(flat, self._count)
        columns = {EVENTS: flat if self._count == 1 else sized.cast(pyarrow.list_(pyarrow.int64()))}
        rows = (
            self._language(parts, length) if self._form == LANGUAGE else self._plain(parts, length)
        )
        return {**columns, **rows}

    def write_subtasks(self, root: Path) -> None:
        """Write the subtasks, indexed by name as pandas does it, if the form has them."""
        if self._form != SUBTASKS:
            return
        pyarrow = arrow()
        numbers, names = list(self._subtasks.values()), list(self._subtasks)
        table = pyarrow.table({SUBTASK_INDEX: numbers, 'subtask': names})
        notes = {'index_columns': ['subtask'], 'column_indexes': [], 'pandas_version': '2.0.0'}
        columns = [
            {'name': name, 'field_name': name, 'pandas_type': kind, 'numpy_type': numpy_type,
             'metadata': None}
            for name, kind, numpy_type in (
                (SUBTASK_INDEX, 'int64', 'int64'), ('subtask', 'unicode', 'object'),
            )
        ]  # fmt: skip
        text = json.dumps({**notes, 'columns': columns})
        pyarrow.parquet.write_table(
            table.replace_schema_metadata({'pandas': text}), root / SUBTASKS_FILE
        )

    def _plain(self, parts: Sequence[Part], length: int) -> dict[str, Any]:
        numbers, traces = np.zeros(length, np.int64), [''] * length
        for (places, frames), _, notes in parts:
            starts = np.array([start for start, _ in notes.spans], np.int64)
            named = [
                self._subtasks.setdefault(name, len(self._subtasks)) for _, name in notes.spans
            ]
            if named:
                numbers[places] = np.array(named)[np.searchsorted(starts, frames, 'right') - 1]
            for place, frame in zip(places.tolist(), frames.tolist(), strict=True):
                traces[place] = notes.traces.get(frame, '')
        pyarrow = arrow()
        return {TRACES: pyarrow.array(traces), SUBTASK_INDEX: pyarrow.array(numbers)}

    @staticmethod
    def _language(parts: Sequence[Part], length: int) -> dict[str, Any]:
        persistent: list[list[Any]] = [[] for _ in range(length)]
        events: list[list[Any]] = [[] for _ in range(length)]
        for (places, frames), seconds, notes in parts:
            spans = [
                {'role': 'assistant', 'content': name, 'style': 'subtask',
                 'timestamp': float(seconds[start]), 'camera': None, 'tool_calls': None}
                for start, name in notes.spans
            ]  # fmt: skip
            for place, frame in zip(places.tolist(), frames.tolist(), strict=True):
                persistent[place], events[place] = spans, notes.events.get(frame, [])
        pyarrow = arrow()
        return {
            _PERSISTENT: pyarrow.array(persistent, pyarrow.list_(_row_type(has_time=True))),
            _ROWS: pyarrow.array(events, pyarrow.list_(_row_type(has_time=False))),
        }


def _row_type(*, has_time: bool) -> Any:
    """The type of a row as lerobot's own writer makes it where there are no calls of tools."""
    pyarrow = arrow()
    texts = {name: pyarrow.string() for name in ('role', 'content', 'style')}
    time = {'timestamp': pyarrow.float32()} if has_time else {}
    return pyarrow.struct(
        {**texts, **time, 'camera': pyarrow.string(), 'tool_calls': pyarrow.null()}
    )
