# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks standing questions about all recordings below a folder, and keeps what was answered.

A recording is opened only if a question about it has no answer yet, or was not merged. The model is
loaded only if it has to be asked. Every answer is on the disk before the next window is asked.
"""

from __future__ import annotations

import enum
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from molmo_ground_ros.analysis import run as windows_of
from molmo_ground_ros.analysis.findings import Analysis, WindowState
from molmo_ground_ros.analysis.moments import writing
from molmo_ground_ros.analysis.moments.answers import IndexedAnswers
from molmo_ground_ros.analysis.moments.database import Database, IndexFault
from molmo_ground_ros.analysis.moments.identity import question_digest, recording_identity
from molmo_ground_ros.analysis.positions import with_positions
from molmo_ground_ros.analysis.window import LocalRunner, WindowAnswers, WindowRunner, Work
from molmo_ground_ros.errors import BagError, GroundError, NoFrames
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.recording import (
    MAX_WINDOW_NS,
    RecordedSpace,
    Recording,
    SpaceTopics,
    find_space,
    open_cameras,
)
from molmo_ground_ros.recording.below import recordings_below
from molmo_ground_ros.recording.recorded_frames import frame_reader
from molmo_ground_ros.storage.closing import Closing
from molmo_ground_ros.types import Query, Question, Task

PRESENT, GONE, UNREADABLE = 'present', 'gone', 'unreadable'


class PlaceNews(enum.StrEnum):
    """What became of a path since the index was last brought up to date; stable strings."""

    NEW = 'new'
    # The path held another recording before.
    CHANGED = 'changed'
    # The recording was at another path, which is gone.
    MOVED = 'moved'
    # The recording is at another path as well.
    COPY = 'copy'
    SAME = 'same'
    GONE = 'gone'


class Outcome(enum.StrEnum):
    """What was done about a recording; stable strings."""

    INDEXED = 'indexed'
    # All questions were answered and merged before.
    UNCHANGED = 'unchanged'
    # Some windows have no answer; they are asked again by the next run.
    INCOMPLETE = 'incomplete'
    UNREADABLE = 'unreadable'
    # Another run has it.
    CLAIMED = 'claimed by another run'


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How recordings are asked about.

    topics: cameras; () for all of a recording. length_ns: of a window at most. target_frame: of
    positions; '' for each camera's own. positions, thumbnails: whether there are any.
    """

    topics: tuple[str, ...] = ()
    length_ns: int = MAX_WINDOW_NS
    target_frame: str = ''
    positions: bool = True
    thumbnails: bool = True


@dataclass(frozen=True, slots=True)
class PathReport:
    """What a run did about one path."""

    path: str
    news: PlaceNews
    outcome: Outcome | None = None  # None for a path that is gone
    asked_windows: int = 0  # windows that the model was asked about
    moments: int = 0
    seconds: float = 0.0  # of the recording
    why: str = ''


_DEFAULTS = IndexOptions()


class Indexer(Closing):
    """One run. Use as a context manager; for one thread."""

    def __init__(
        self,
        database: Database,
        questions: Sequence[Question],
        model: str,
        load: Callable[[], Grounder],
        options: IndexOptions = _DEFAULTS,
    ) -> None:
        """Note the questions in the index.

        model: `identity.fingerprint` of the model that `load` loads. Raises IndexFault.
        """
        self._database = database
        self._questions = tuple(questions)
        self._load = load
        self._options = options
        self._grounder: Grounder | None = None
        with database.transaction() as connection:
            connection.execute('INSERT OR IGNORE INTO models(fingerprint) VALUES (?)', (model,))
            self._model = _id(connection, 'SELECT id FROM models WHERE fingerprint = ?', model)
            self._ids = [_question_id(connection, question) for question in questions]
        plan = [sorted(self._ids), model, *astuple(options)]
        self._plan = hashlib.blake2b(json.dumps(plan).encode(), digest_size=20).hexdigest()

    def close(self) -> None:
        """Free the model, if it was loaded."""
        if self._grounder is not None:
            self._grounder.close()
            self._grounder = None

    def run(self, folder: Path) -> Iterator[PathReport]:
        """Bring the index up to date with the recordings below a folder; a report for each path.

        A recording that cannot be read is a report, and the run goes on. Raises IndexFault, what
        loading the model raises, OSError for a folder that cannot be listed, and KeyboardInterrupt
        after what was answered is merged.
        """
        root = folder.resolve()
        paths = recordings_below(root)
        yield from self._note_gone(root, paths)
        for path in paths:
            yield self._update(path)

    def _note_gone(self, root: Path, paths: Sequence[Path]) -> list[PathReport]:
        present = {str(path) for path in paths}
        with self._database.transaction() as connection:
            rows = connection.execute(
                'SELECT path FROM places WHERE state != ? AND (path = ? OR substr(path, 1, ?) = ?)',
                (GONE, str(root), len(f'{root}/'), f'{root}/'),
            ).fetchall()
            gone = [path for (path,) in rows if path not in present]
            connection.executemany(
                'UPDATE places SET state = ? WHERE path = ?', [(GONE, path) for path in gone]
            )
        return [PathReport(path, PlaceNews.GONE) for path in gone]

    def _update(self, path: Path) -> PathReport:
        try:
            identity = recording_identity(self._database, path)
        except OSError as err:
            return PathReport(str(path), PlaceNews.NEW, Outcome.UNREADABLE, why=str(err))
        recording, news = self._note_place(path, identity)
        if self._is_done(recording):
            return PathReport(str(path), news, Outcome.UNCHANGED)
        if not self._database.claim(recording):
            return PathReport(str(path), news, Outcome.CLAIMED)
        try:
            return self._index(path, recording, news)
        finally:
            self._database.release(recording)

    def _note_place(self, path: Path, identity: str) -> tuple[int, PlaceNews]:
        """The id of the recording at a path, and what is new about the path."""
        with self._database.transaction() as connection:
            connection.execute('INSERT OR IGNORE INTO recordings(identity) VALUES (?)', (identity,))
            recording = _id(connection, 'SELECT id FROM recordings WHERE identity = ?', identity)
            held = connection.execute(
                'SELECT recording FROM places WHERE path = ?', (str(path),)
            ).fetchone()
            others = connection.execute(
                'SELECT state FROM places WHERE recording = ? AND path != ?', (recording, str(path))
            ).fetchall()
            connection.execute(
                'INSERT OR REPLACE INTO places(path, recording, state) VALUES (?, ?, ?)',
                (str(path), recording, PRESENT),
            )
            if others and all(state == GONE for (state,) in others) and held is None:
                # The old paths are not looked at again: the recording is here now.
                connection.execute(
                    'DELETE FROM places WHERE recording = ? AND state = ?', (recording, GONE)
                )
        return recording, _news(held, recording, [state for (state,) in others])

    def _note_problem(self, path: Path, why: str) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                'UPDATE places SET state = ?, problem = ? WHERE path = ?',
                (UNREADABLE, why, str(path)),
            )

    def _is_done(self, recording: int) -> bool:
        with self._database.errors():
            row = self._database.connection.execute(
                'SELECT 1 FROM done WHERE recording = ? AND plan = ?', (recording, self._plan)
            ).fetchone()
        return row is not None

    def _index(self, path: Path, recording: int, news: PlaceNews) -> PathReport:
        """Ask what is not answered yet, merge, and write the moments."""
        try:
            recordings = open_cameras([path], self._options.topics)
        except (BagError, OSError) as err:
            return self._unreadable(path, news, err)
        try:
            plan = windows_of.make_plan(
                [str(path)], recordings, self._questions, {}, length_ns=self._options.length_ns
            )
            return self._ask(path, recording, news, recordings, plan)
        except NoFrames as err:
            return self._unreadable(path, news, err)
        finally:
            next(iter(recordings.values())).close()

    def _unreadable(self, path: Path, news: PlaceNews, err: Exception) -> PathReport:
        self._note_problem(path, str(err))
        return PathReport(str(path), news, Outcome.UNREADABLE, why=str(err))

    def _ask(
        self,
        path: Path,
        recording: int,
        news: PlaceNews,
        recordings: Mapping[str, Recording],
        plan: windows_of.AnalysisPlan,
    ) -> PathReport:
        answers = IndexedAnswers(self._database, recording, self._ids, self._model)
        works = windows_of.unanswered(plan, answers)
        runner = self._runner(recordings, bool(works))
        seconds = (plan.span_ns[1] - plan.span_ns[0]) / 1e9
        try:
            analysis = windows_of.analyze(plan, recordings, runner, answers)
        except IndexFault:
            raise
        except GroundError as err:
            # No window gave an answer.
            return PathReport(str(path), news, Outcome.INCOMPLETE, len(works), 0, seconds, str(err))
        analysis = with_positions(analysis, self._spaces(recordings))
        read_frame = frame_reader(recordings) if self._options.thumbnails else None
        moments = writing.write(self._database, recording, analysis, self._ids, read_frame)
        if not analysis.complete:
            raise KeyboardInterrupt
        why = _failure(analysis)
        if not why:
            self._note_done(recording)
        outcome = Outcome.INCOMPLETE if why else Outcome.INDEXED
        return PathReport(str(path), news, outcome, len(works), moments, seconds, why)

    def _runner(self, recordings: Mapping[str, Recording], is_needed: bool) -> WindowRunner:
        if not is_needed:
            return _NoRunner()
        if self._grounder is None:
            self._grounder = self._load()
        return LocalRunner(recordings, self._grounder, self._questions)

    def _spaces(self, recordings: Mapping[str, Recording]) -> dict[str, RecordedSpace]:
        """What each camera's recording knows of the space around it, where it knows something."""
        spaces: dict[str, RecordedSpace] = {}
        for camera, recording in recordings.items() if self._options.positions else ():
            try:
                chosen = find_space(recording, SpaceTopics())
                spaces[camera] = RecordedSpace(recording, chosen, self._options.target_frame)
            except GroundError:
                # It has no depth, or several: such recordings have no positions.
                continue
        return spaces

    def _note_done(self, recording: int) -> None:
        with self._database.transaction() as connection:
            connection.execute('INSERT OR IGNORE INTO done VALUES (?, ?)', (recording, self._plan))


class _NoRunner:
    """Is asked about no window: all are answered."""

    model = ''

    def ask(self, works: Sequence[Work]) -> Iterator[WindowAnswers]:
        """Nothing. Raises ValueError where there is a window."""
        if works:
            raise ValueError(f'{len(works)} windows have no answer')
        return iter(())


def standing_queries(database: Database) -> list[Query]:
    """The questions that an index keeps asking, in the order in which they came."""
    with database.errors():
        rows = database.connection.execute(
            'SELECT query, task FROM questions WHERE standing ORDER BY id'
        ).fetchall()
    return [Query(text, Task[task.upper()]) for text, task in rows]


def drop_query(database: Database, text: str) -> int:
    """Ask a question no more; its moments stay. Returns how many questions had these words."""
    with database.transaction() as connection:
        return connection.execute(
            'UPDATE questions SET standing = 0 WHERE standing AND query = ?', (text,)
        ).rowcount


def _news(held: tuple[int] | None, recording: int, others: Sequence[str]) -> PlaceNews:
    if held is not None:
        return PlaceNews.SAME if held[0] == recording else PlaceNews.CHANGED
    if not others:
        return PlaceNews.NEW
    return PlaceNews.MOVED if all(state == GONE for state in others) else PlaceNews.COPY


def _failure(analysis: Analysis) -> str:
    """Why windows have no answer: the first reason; '' where all have one."""
    reasons = (
        window.reason
        for finding in analysis.findings
        for window in finding.windows
        if window.state is WindowState.FAILED
    )
    return next(reasons, '')


def _question_id(connection: sqlite3.Connection, question: Question) -> int:
    """The id of a question, which stands from now on."""
    digest = question_digest(question)
    connection.execute(
        'INSERT INTO questions(digest, query, task, standing) VALUES (?, ?, ?, 1)'
        ' ON CONFLICT(digest) DO UPDATE SET standing = 1',
        (digest, question.query.text, question.query.task.name.lower()),
    )
    return _id(connection, 'SELECT id FROM questions WHERE digest = ?', digest)


def _id(connection: sqlite3.Connection, statement: str, value: str) -> int:
    return int(connection.execute(statement, (value,)).fetchone()[0])
