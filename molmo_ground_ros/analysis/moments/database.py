# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The SQLite file of an index: its tables, its transactions, its errors. Knows no recording.

Every transaction is complete on the disk when it ends (write-ahead log, synchronous=FULL), so a
run that is killed loses nothing that it has stored. Several processes may use the file at once.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from molmo_ground_ros.errors import GroundError
from molmo_ground_ros.storage.closing import Closing

# The name of the index of a folder, in the folder.
NAME = 'molmo_ground.index.sqlite'
# The format of the tables. A file of another format is refused.
FORMAT = 1
_PREPARING = 0  # byte of the file of claims that is held meanwhile; recordings begin at 1
# How long a writer waits for another one.
PATIENCE_S = 60.0

_TABLES = """
CREATE TABLE files(
    path TEXT PRIMARY KEY, bytes INTEGER NOT NULL, changed_ns INTEGER NOT NULL,
    digest TEXT NOT NULL);
CREATE TABLE recordings(
    id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE, start_ns INTEGER, end_ns INTEGER,
    losses TEXT NOT NULL DEFAULT '[]');
CREATE TABLE places(
    path TEXT PRIMARY KEY, recording INTEGER NOT NULL REFERENCES recordings,
    state TEXT NOT NULL, problem TEXT NOT NULL DEFAULT '');
CREATE INDEX places_by_recording ON places(recording);
CREATE TABLE questions(
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, query TEXT NOT NULL, task TEXT NOT NULL,
    standing INTEGER NOT NULL);
CREATE TABLE models(id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE);
CREATE TABLE answers(
    recording INTEGER NOT NULL REFERENCES recordings, camera TEXT NOT NULL,
    start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
    question INTEGER NOT NULL REFERENCES questions, model INTEGER NOT NULL REFERENCES models,
    answer TEXT NOT NULL,
    PRIMARY KEY(recording, camera, start_ns, end_ns, question, model)) WITHOUT ROWID;
CREATE TABLE done(
    recording INTEGER NOT NULL REFERENCES recordings, plan TEXT NOT NULL,
    PRIMARY KEY(recording, plan)) WITHOUT ROWID;
CREATE TABLE texts(
    id INTEGER PRIMARY KEY, question INTEGER NOT NULL REFERENCES questions, label TEXT NOT NULL,
    UNIQUE(question, label));
CREATE VIRTUAL TABLE words USING fts5(query, label, tokenize='porter unicode61');
CREATE TABLE moments(
    id INTEGER PRIMARY KEY, recording INTEGER NOT NULL REFERENCES recordings,
    camera TEXT NOT NULL, text INTEGER NOT NULL REFERENCES texts, kind TEXT NOT NULL,
    number INTEGER NOT NULL, stamp_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    score REAL, position TEXT, marks TEXT NOT NULL, model TEXT NOT NULL, thumbnail BLOB);
CREATE INDEX moments_by_text ON moments(text, stamp_ns);
CREATE INDEX moments_by_stamp ON moments(stamp_ns);
CREATE INDEX moments_by_recording ON moments(recording, camera);
"""


class IndexFault(GroundError):
    """The file of an index cannot be used."""

    def __init__(self, path: str | Path, why: str) -> None:
        self.path = str(path)
        super().__init__(f"index '{path}': {why}")


class Database(Closing):
    """An open index. Use as a context manager; for one thread."""

    def __init__(self, path: str | Path, *, writable: bool) -> None:
        """Open an index; a writable one is made where there is none.

        Raises IndexFault where it is missing, no index, of another format, or cannot be opened.
        """
        self.path = Path(path)
        self._claims: int | None = None
        if not writable and not self.path.is_file():
            why = 'there is no such file; molmo-ground index FOLDER makes one'
            raise IndexFault(path, why)
        try:
            self.connection = _connect(self.path, writable=writable)
        except sqlite3.Error as err:
            raise IndexFault(path, f'it cannot be opened: {err}') from err
        try:
            with self.errors():
                self._prepare(writable=writable)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file, and release what was claimed."""
        self.connection.close()
        if self._claims is not None:
            os.close(self._claims)
            self._claims = None

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Errors of SQLite inside become IndexFault."""
        try:
            yield
        except sqlite3.Error as err:
            raise IndexFault(self.path, str(err)) from err

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All statements inside, or none of them. Raises IndexFault (a full disk)."""
        with self.errors():
            self.connection.execute('BEGIN IMMEDIATE')
            try:
                yield self.connection
            except BaseException:
                self.connection.rollback()
                raise
            self.connection.commit()

    def claim(self, recording: int) -> bool:
        """Claim a recording for this process; False where another process has it.

        A claim is a lock on a byte of a file beside the index, so it ends with its process.
        """
        try:
            fcntl.lockf(self._claims_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, recording)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _claims_file(self) -> int:
        if self._claims is None:
            try:
                self._claims = os.open(f'{self.path}-claims', os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as err:
                raise IndexFault(self.path, f'its file of claims: {err}') from err
        return self._claims

    def release(self, recording: int) -> None:
        """Give a claim back."""
        if self._claims is not None:
            fcntl.lockf(self._claims, fcntl.LOCK_UN, 1, recording)

    def _prepare(self, *, writable: bool) -> None:
        """Make the tables of a new file; check the format of another."""
        if writable:
            # SQLite does not wait where two processes change a new file's journal mode at once.
            fcntl.lockf(self._claims_file(), fcntl.LOCK_EX, 1, _PREPARING)
            try:
                self.connection.execute('PRAGMA journal_mode = WAL')
            finally:
                self.release(_PREPARING)
            self.connection.execute('PRAGMA synchronous = FULL')
            with self.transaction() as connection:
                if _format(connection) == 0 and not _tables(connection):
                    for statement in _TABLES.split(';\n'):
                        connection.execute(statement)
                    connection.execute(f'PRAGMA user_version = {FORMAT}')
        if _format(self.connection) != FORMAT:
            why = f'it is no index of format {FORMAT}; name another file, or delete it'
            raise IndexFault(self.path, why)


def _connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    location = f'file:{quote(str(path.absolute()))}'
    if writable:
        return sqlite3.connect(f'{location}?mode=rwc', PATIENCE_S, 0, None, uri=True)
    connection = sqlite3.connect(f'{location}?mode=ro', PATIENCE_S, 0, None, uri=True)
    try:
        _format(connection)
    except sqlite3.OperationalError:
        # In a folder that nobody may write to, SQLite cannot make the files of its log.
        connection.close()
        connection = sqlite3.connect(f'{location}?immutable=1', PATIENCE_S, 0, None, uri=True)
    return connection


def _format(connection: sqlite3.Connection) -> int:
    return int(connection.execute('PRAGMA user_version').fetchone()[0])


def _tables(connection: sqlite3.Connection) -> int:
    return int(connection.execute('SELECT count(*) FROM sqlite_master').fetchone()[0])
