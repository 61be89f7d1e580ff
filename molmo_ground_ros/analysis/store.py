# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers on disk, so that an interrupted analysis goes on: JSON Lines, one line for each answer.

A line that cannot be read counts as not asked. See `storage.json_lines`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from molmo_ground_ros.analysis.window import Span
from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.storage.closing import Closing
from molmo_ground_ros.storage.folder_lock import IN_USE, lock
from molmo_ground_ros.storage.json_lines import JsonLinesFile, files
from molmo_ground_ros.types import Answer, Point, Query, Question, Rejection, Task, Track

# The format of the lines. Lines of another format belong to another run.
FORMAT = 1
Key = tuple[str, Span, int]
"""Camera, window and place of the question."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One window's answer to one question, with what reading the window showed."""

    answer: Answer
    # How many frames were decoded, without those of the window before.
    frames: int
    # (stamp, why) of the images that were first found undecodable in this window.
    undecodable: tuple[tuple[int, str], ...]


class AnswerKeeper(Protocol):
    """Where a run keeps its answers as they come, and finds those of earlier runs."""

    @property
    def answers(self) -> Mapping[Key, StoredAnswer]:
        """All answers so far."""
        ...

    def add(self, key: Key, stored: StoredAnswer) -> None:
        """Keep an answer. Raises OSError or a GroundError; the answers before it stay."""
        ...


class Store(Closing):
    """The answers of one run so far. Use as a context manager; for one thread."""

    def __init__(self, folder: str | Path, digest: str, *, resume: bool) -> None:
        """Open the run's file in `folder`, which is made; without `resume` it begins anew.

        See `JsonLinesFile`. No other run can use the folder until the store is closed. Raises
        BadSetting if another run uses it, and OSError.
        """
        self.path = Path(folder) / f'windows-{digest[:16]}.jsonl'
        self.answers: dict[Key, StoredAnswer] = {}
        try:
            self._lock = lock(self.path.parent)
        except BlockingIOError as err:
            raise BadSetting('out', str(folder), IN_USE) from err
        try:
            self._lines = JsonLinesFile(self.path, digest, resume=resume)
        except BaseException:
            self._lock.close()
            raise
        for entry in self._lines.entries:
            self._read(entry)

    def close(self) -> None:
        """Close the file, which stays, and release the folder to other runs."""
        # Closing writes what is still buffered, which may fail on a full disk.
        with self._lock:
            self._lines.close()

    def add(self, key: Key, stored: StoredAnswer) -> None:
        """Add an answer. Raises OSError; the answers before it stay."""
        camera, window, question = key
        line = {'camera': camera, 'window': window, 'question': question, **stored_json(stored)}
        self._lines.add(line)
        self.answers[key] = stored

    def _read(self, entry: Any) -> None:
        try:
            start_ns, end_ns = entry['window']
            key = entry['camera'], (start_ns, end_ns), entry['question']
            stored = stored_of(entry)
        except (ValueError, TypeError, KeyError):
            return
        self.answers[key] = stored


def digest(
    sources: Sequence[str],
    settings: Mapping[str, str],
    questions: Sequence[Question],
    windows: Mapping[str, Sequence[Span]],
) -> str:
    """A digest of everything that the answers of a run depend on: 64 hexadecimal digits.

    Files count by path, size and time of change: the recordings, and a model that is a folder.
    Raises OSError.
    """
    run = {
        'format': FORMAT,
        'files': [files(Path(source)) for source in sources],
        'settings': dict(settings),
        'model': files(Path(settings['model'])) if 'model' in settings else [],
        'questions': [dataclasses.astuple(question.query) for question in questions],
        'windows': {camera: list(spans) for camera, spans in windows.items()},
    }
    return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()


def stored_json(stored: StoredAnswer) -> dict[str, Any]:
    """A stored answer as JSON, without loss."""
    return {
        'frames': stored.frames,
        'undecodable': stored.undecodable,
        'answer': answer_json(stored.answer),
    }


def stored_of(entry: Mapping[str, Any]) -> StoredAnswer:
    """The answer of `stored_json`. Raises ValueError, TypeError or KeyError for anything else."""
    undecodable = tuple((stamp_ns, why) for stamp_ns, why in entry['undecodable'])
    return StoredAnswer(answer_of(entry['answer']), entry['frames'], undecodable)


def answer_json(answer: Answer) -> dict[str, Any]:
    """An answer as JSON, without loss: an unknown score is null."""
    entry = dataclasses.asdict(answer)
    for group in (entry['points'], *(track['points'] for track in entry['tracks'])):
        for point in group:
            for name in ('score', 'probability'):
                point[name] = None if math.isnan(point[name]) else point[name]
    return entry


def answer_of(entry: Mapping[str, Any]) -> Answer:
    """The answer of `answer_json`. Raises ValueError, TypeError or KeyError for anything else."""
    query = entry['query']
    values = {
        **entry,
        'query': Query(**{**query, 'task': Task(query['task'])}),
        'task': Task(entry['task']),
        'points': _points(entry['points']),
        'tracks': tuple(
            Track(track['id'], track['label'], _points(track['points']))
            for track in entry['tracks']
        ),
        'unseen': tuple((start, end) for start, end in entry.get('unseen', ())),
        'rejected': tuple(Rejection(**rejection) for rejection in entry['rejected']),
    }
    return Answer(**values)


def _points(entries: Sequence[Mapping[str, Any]]) -> tuple[Point, ...]:
    """Points; a number that is null, or that an older run did not write, is unknown."""
    names = 'score', 'probability'
    values = [
        {name: value for name, value in point.items() if name not in names or value is not None}
        for point in entries
    ]
    return tuple(Point(**point) for point in values)
