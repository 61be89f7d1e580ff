# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Finished windows on disk, so that an interrupted run goes on: JSON Lines, one an answer.

The first line names the run by a digest of all that its answers depend on. What cannot be read (a
last line that was cut off) counts as not asked.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from molmo_ground_ros.analysis.window import Span
from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.types import Answer, Point, Query, Rejection, Task, Track

FORMAT = 1  # of the lines; another one is another run
LOCK = '.lock'  # held by the run that writes to the folder; the file stays
BEFORE = '.before'  # of a run that was begun anew, maybe by mistake
Key = tuple[str, Span, int]  # camera, window, place of the question

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Done:
    """One window's answer to one question, and what reading the window told."""

    answer: Answer
    frames: int  # decoded, past the window before
    undecodable: tuple[tuple[int, str], ...]  # (stamp, why), first found in this window


class Store:
    """The finished windows of one run. Use as a context manager; for one thread."""

    def __init__(self, folder: str | Path, digest: str, *, resume: bool) -> None:
        """Open the run's file in `folder`, which is made; without `resume` it begins anew.

        What was there then keeps a name that ends in BEFORE, until the next time. The folder is
        this run's alone until it is closed. Raises BadSetting where it is another's, OSError.
        """
        self.path = Path(folder) / f'windows-{digest[:16]}.jsonl'
        self.done: dict[Key, Done] = {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.path.parent)
        try:
            self._open(digest, resume=resume)
        except BaseException:
            self._lock.close()
            raise

    def _open(self, digest: str, *, resume: bool) -> None:
        header = json.dumps({'run': digest}).encode() + b'\n'
        if not resume and self.path.exists():
            self.path.replace(self.path.with_name(self.path.name + BEFORE))
        kept = _whole_lines(self.path)
        anew = not kept.startswith(header)
        if not anew:
            self._read(kept[len(header) :])
        self._file = self.path.open('ab')
        self._file.truncate(0 if anew else len(kept))
        if anew:
            self._write(header)

    def __enter__(self) -> Store:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file, which stays, and leave the folder to others."""
        with self._lock:  # closing writes what a full disk has held back
            self._file.close()

    def add(self, key: Key, done: Done) -> None:
        """Keep one more. Raises OSError; what was kept before stays."""
        camera, window, question = key
        line = {
            'camera': camera,
            'window': window,
            'question': question,
            'frames': done.frames,
            'undecodable': done.undecodable,
            'answer': answer_json(done.answer),
        }
        self._write(json.dumps(line).encode() + b'\n')
        self.done[key] = done

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()

    def _read(self, lines: bytes) -> None:
        for line in lines.splitlines():
            try:
                entry = json.loads(line)
                start_ns, end_ns = entry['window']
                key = entry['camera'], (start_ns, end_ns), entry['question']
                undecodable = tuple((stamp_ns, why) for stamp_ns, why in entry['undecodable'])
                done = Done(answer_of(entry['answer']), entry['frames'], undecodable)
            except (ValueError, TypeError, KeyError):
                continue
            self.done[key] = done


def digest(
    sources: Sequence[str],
    settings: Mapping[str, str],
    queries: Sequence[Query],
    windows: Mapping[str, Sequence[Span]],
) -> str:
    """What the answers of a run depend on, as 64 hexadecimal digits.

    Files count by path, size and time of change: the recordings, and a model that is a folder.
    Raises OSError.
    """
    run = {
        'format': FORMAT,
        'files': [_files(Path(source)) for source in sources],
        'settings': dict(settings),
        'model': _files(Path(settings['model'])) if 'model' in settings else [],
        'questions': [dataclasses.astuple(query) for query in queries],
        'windows': {camera: list(spans) for camera, spans in windows.items()},
    }
    return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()


def answer_json(answer: Answer) -> dict[str, Any]:
    """An answer as JSON, without loss: a score that is not known is null."""
    entry = dataclasses.asdict(answer)
    for group in (entry['points'], *(track['points'] for track in entry['tracks'])):
        for point in group:
            point['score'] = None if math.isnan(point['score']) else point['score']
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
        'rejected': tuple(Rejection(**rejection) for rejection in entry['rejected']),
    }
    return Answer(**values)


def _points(entries: Sequence[Mapping[str, Any]]) -> tuple[Point, ...]:
    return tuple(
        Point(**{**point, 'score': math.nan if point['score'] is None else point['score']})
        for point in entries
    )


def _files(path: Path) -> list[tuple[str, int, int]]:
    """(path, bytes, time of change) of a file, or of all in a folder; empty if it is none."""
    if not path.exists():
        return []
    path = path.resolve()
    found = sorted(path.rglob('*')) if path.is_dir() else [path]
    stats = [(str(file), file.stat()) for file in found if file.is_file()]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _locked(folder: Path) -> IO[bytes]:
    """A lock on the folder, held until the file is closed or the process ends."""
    file = (folder / LOCK).open('ab')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        file.close()
        raise BadSetting('out', str(folder), 'another run is writing to this folder') from err
    except OSError as err:  # some network file systems have no locks
        _log.warning('%s cannot be locked (%s): let no other run write to it', folder, err)
    return file


def _whole_lines(path: Path) -> bytes:
    """What a file holds up to its last line end; b'' where there is no file."""
    if not path.is_file():
        return b''
    return path.read_bytes().rpartition(b'\n')[0] + b'\n'
