# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks standing questions about all recordings below a folder, and keeps what was answered.

A recording is opened only if a question about it has no answer yet, or was not merged. The model is
loaded only if it has to be asked.
"""

from __future__ import annotations

import enum
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import islice
from pathlib import Path

from molmo_ground_ros.analysis import run as windows_of
from molmo_ground_ros.analysis.findings import Analysis, WindowState
from molmo_ground_ros.analysis.moments import writing
from molmo_ground_ros.analysis.moments.answers import IndexedAnswers
from molmo_ground_ros.analysis.moments.asking import AlreadyAsked, OpenRecording, WindowAsker
from molmo_ground_ros.analysis.moments.database import Database, IndexFault
from molmo_ground_ros.analysis.moments.identity import question_digest, recording_identity
from molmo_ground_ros.analysis.moments.places import (
    PlaceNews,
    id_of,
    note_gone,
    note_place,
    note_problem,
)
from molmo_ground_ros.analysis.positions import with_positions
from molmo_ground_ros.errors import BagError, GroundError, NoFrames
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
        asker: WindowAsker,
        options: IndexOptions = _DEFAULTS,
    ) -> None:
        """Note the questions in the index. `asker` is closed with the run.

        model: `identity.fingerprint` of the model that `asker` asks. Raises IndexFault.
        """
        self._database = database
        self._questions = tuple(questions)
        self._asker = asker
        self._options = options
        with database.transaction() as connection:
            connection.execute('INSERT OR IGNORE INTO models(fingerprint) VALUES (?)', (model,))
            self._model = id_of(connection, 'SELECT id FROM models WHERE fingerprint = ?', model)
            self._ids = [_question_id(connection, question) for question in questions]
        plan = [sorted(self._ids), model, *astuple(options)]
        self._plan = hashlib.blake2b(json.dumps(plan).encode(), digest_size=20).hexdigest()

    def close(self) -> None:
        """Free the model, if it was loaded."""
        self._asker.close()

    def run(self, folder: Path) -> Iterator[PathReport]:
        """Bring the index up to date with the recordings below a folder; a report for each path.

        A recording that cannot be read is a report, and the run goes on. Raises IndexFault, what
        loading the model raises, OSError for a folder that cannot be listed, and KeyboardInterrupt
        after what was answered is merged.
        """
        root = folder.resolve()
        paths = recordings_below(root)
        for path in note_gone(self._database, root, paths):
            yield PathReport(path, PlaceNews.GONE)
        rest = iter(paths)
        while batch := list(islice(rest, self._asker.batch)):
            yield from self._update(batch)

    def _update(self, paths: Sequence[Path]) -> Iterator[PathReport]:
        """Open recordings, ask about them together, then merge one after the other."""
        opened: list[OpenRecording] = []
        try:
            for path in paths:
                outcome = self._open(path)
                if isinstance(outcome, PathReport):
                    yield outcome
                else:
                    opened.append(outcome)
            interrupted = False
            try:
                self._asker.ask(opened, self._questions)
            except KeyboardInterrupt:
                interrupted = True
            for recording in opened:
                yield self._merged(recording)
            if interrupted:
                raise KeyboardInterrupt
        finally:
            for recording in opened:
                recording.close()
                self._database.release(recording.id)

    def _open(self, path: Path) -> OpenRecording | PathReport:
        """A recording that there is something to do about, or what there is to say about it."""
        try:
            identity = recording_identity(self._database, path)
        except OSError as err:
            return PathReport(str(path), PlaceNews.NEW, Outcome.UNREADABLE, why=str(err))
        recording, news = note_place(self._database, path, identity)
        if self._is_done(recording):
            return PathReport(str(path), news, Outcome.UNCHANGED)
        if not self._database.claim(recording):
            return PathReport(str(path), news, Outcome.CLAIMED)
        try:
            return self._opened(path, recording, news)
        except (BagError, NoFrames, OSError) as err:
            self._database.release(recording)
            note_problem(self._database, path, str(err))
            return PathReport(str(path), news, Outcome.UNREADABLE, why=str(err))

    def _opened(self, path: Path, recording: int, news: PlaceNews) -> OpenRecording:
        cameras = open_cameras([path], self._options.topics)
        try:
            plan = windows_of.make_plan(
                [str(path)], cameras, self._questions, {}, length_ns=self._options.length_ns
            )
            answers = IndexedAnswers(self._database, recording, self._ids, self._model)
            works = windows_of.unanswered(plan, answers)
        except BaseException:
            next(iter(cameras.values())).close()
            raise
        return OpenRecording(path, recording, news, cameras, plan, answers, works)

    def _merged(self, of: OpenRecording) -> PathReport:
        """Merge the answers of a recording, and write its moments."""
        seconds = (of.plan.span_ns[1] - of.plan.span_ns[0]) / 1e9
        report = PathReport(str(of.path), of.news, Outcome.INCOMPLETE, len(of.works), 0, seconds)
        try:
            runner = AlreadyAsked(of.failed)
            analysis = windows_of.analyze(of.plan, of.cameras, runner, of.answers)
        except IndexFault:
            raise
        except GroundError as err:
            # No window has an answer.
            return replace(report, why=str(err))
        analysis = with_positions(analysis, self._spaces(of.cameras))
        read_frame = frame_reader(of.cameras) if self._options.thumbnails else None
        why = _failure(analysis)
        plan = '' if why else self._plan
        moments = writing.write(self._database, of.id, analysis, self._ids, read_frame, plan)
        outcome = Outcome.INCOMPLETE if why else Outcome.INDEXED
        return replace(report, outcome=outcome, moments=moments, why=why)

    def _is_done(self, recording: int) -> bool:
        with self._database.errors():
            row = self._database.connection.execute(
                'SELECT 1 FROM done WHERE recording = ? AND plan = ?', (recording, self._plan)
            ).fetchone()
        return row is not None

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
    return id_of(connection, 'SELECT id FROM questions WHERE digest = ?', digest)
