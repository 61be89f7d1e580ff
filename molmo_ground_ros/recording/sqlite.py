# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of one SQLite file (.db3), whole or damaged. The file is never written to."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from molmo_ground_ros.errors import BagError, ImageError
from molmo_ground_ros.recording import cdr
from molmo_ground_ros.recording.cdr import COMPRESSED, RAW, Picture
from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.pages import Pages, Row, Value
from molmo_ground_ros.recording.records import OpenFile
from molmo_ground_ros.recording.source import Found, Place
from molmo_ground_ros.recording.unpack import ZSTD_MAGIC, unpack, zstd_head

MESSAGE_LIMIT = 1 << 28  # bytes of a message

# The module decodes SQLite's own messages, which may quote a damaged name.
_ERRORS = (sqlite3.Error, UnicodeDecodeError)
_JOURNALS = ('-wal', '-journal')
_HEAD_BYTES = 1 << 12  # of a message; a stamp needs 12, more where it is packed
_CELL_BITS = 16  # a page has fewer cells
_MESSAGE_COLUMNS = 4  # id, topic, log time, data
_GUESSES = 3  # messages that are looked at to tell a type that is lost
_CACHE_KIB = 4096


class SqliteSource:
    """Satisfies Source. A place is a row's number, or ~(page, cell) in a damaged file."""

    def __init__(self, path: Path, shown: str) -> None:
        """Read `path`, called `shown` in messages."""
        self._path = path
        self._shown = shown
        self._copied: TemporaryDirectory[str] | None = None
        self._connection: sqlite3.Connection | None = None

    def index(self, loss: LossLog) -> list[Found]:
        """See Source."""
        self._apply_journal(loss)
        try:
            return self._by_rows(loss)
        except _ERRORS as err:
            loss.add(LossKind.BAD_PAGES, detail=str(err))
        return self._by_pages(loss)

    def picture(self, place: Place, kind: str) -> Picture:
        """See Source."""
        try:
            message = self._from_page(~place) if place < 0 else self._from_row(place)
        except (OSError, *_ERRORS) as err:
            raise ImageError(f'{self._shown}: row {place}: {err}') from err
        return cdr.picture(_plain(message), kind)

    def close(self) -> None:
        """Close the database and delete what was copied."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._copied is not None:
            self._copied.cleanup()
            self._copied = None

    def _apply_journal(self, loss: LossLog) -> None:
        """Where the recorder left a journal, let SQLite apply it to a copy."""
        journals = [Path(f'{self._path}{end}') for end in _JOURNALS]
        left = [path for path in journals if path.exists() and path.stat().st_size]
        if not left:
            return
        self._copied = TemporaryDirectory(prefix='molmo_ground_')
        copy = Path(self._copied.name) / self._path.name
        for path in (self._path, *left):
            shutil.copyfile(path, copy.with_name(path.name))
        try:
            with closing(sqlite3.connect(copy)) as database:
                database.execute('SELECT count(*) FROM sqlite_master').fetchall()
                database.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()
        except _ERRORS as err:
            shutil.copyfile(self._path, copy)
            loss.add(LossKind.BAD_PAGES, detail=f'the journal cannot be applied: {err}')
        else:
            loss.add(LossKind.JOURNAL, detail=', '.join(path.name for path in left))
        self._path = copy

    def _database(self) -> sqlite3.Connection:
        if self._connection is None:
            address = f'{self._path.resolve().as_uri()}?immutable=1'
            database = sqlite3.connect(address, uri=True, check_same_thread=False)
            database.text_factory = bytes  # a damaged text is not always UTF-8
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MESSAGE_LIMIT)
            database.execute(f'PRAGMA cache_size = -{_CACHE_KIB}')
            self._connection = database
        return self._connection

    def _by_rows(self, loss: LossLog) -> list[Found]:
        database = self._database()
        topics = {
            number: (_decoded(name), _decoded(kind))
            for number, name, kind in database.execute('SELECT id, name, type FROM topics')
            if isinstance(number, int)
        }
        images = {n: Found(*named) for n, named in topics.items() if named[1] in (RAW, COMPRESSED)}
        wanted = ','.join(str(number) for number in images) or 'NULL'
        rows = database.execute(
            f'SELECT id, topic_id, CASE WHEN topic_id IN ({wanted}) '
            f'THEN substr(data, 1, {_HEAD_BYTES}) END FROM messages ORDER BY id'
        )
        seen, last, unknown = 0, 0, 0
        for last, topic, head in rows:
            seen += 1
            if topic in images:
                images[topic].add(_stamp(head), last)
            elif topic not in topics:
                unknown += 1
        if unknown:
            loss.add(LossKind.UNKNOWN_TOPIC, messages=unknown)
        if last > seen:  # rows are numbered from 1 on
            loss.add(LossKind.FEWER_MESSAGES, messages=last - seen, detail='of all topics')
        return list(images.values())

    def _by_pages(self, loss: LossLog) -> list[Found]:
        topics: dict[Value, tuple[str, str]] = {}
        images: dict[Value, Found] = {}
        with self._path.open('rb', buffering=0) as file:
            pages = Pages(OpenFile(file.fileno(), os.fstat(file.fileno()).st_size))
            for row in pages.rows():
                if (topic := _topic(row)) is not None:
                    topics[row.number] = topic
                elif _is_message(row):
                    head = row.values[3]
                    found = images.setdefault(row.values[1], Found('', ''))
                    found.add(_stamp(head), ~(row.page << _CELL_BITS | row.cell))
            if not images and not topics:
                raise BagError(self._shown, 'it cannot be read: no row of a recording is in it')
            return _named(images, topics, loss, pages)

    def _from_row(self, number: int) -> bytes:
        row = self._database().execute('SELECT data FROM messages WHERE id = ?', (number,))
        (message,) = row.fetchone() or (None,)
        if not isinstance(message, bytes):
            raise ImageError(f'{self._shown}: row {number} holds no message')
        return message

    def _from_page(self, place: int) -> bytes:
        with self._path.open('rb', buffering=0) as file:
            pages = Pages(OpenFile(file.fileno(), os.fstat(file.fileno()).st_size))
            row = pages.row(place >> _CELL_BITS, place & (1 << _CELL_BITS) - 1)
            return b'' if row is None else pages.last_value(row)


def _named(
    images: dict[Value, Found], topics: dict[Value, tuple[str, str]], loss: LossLog, pages: Pages
) -> list[Found]:
    """The image topics, with a name for what has lost its own where no other is left."""
    named, nameless = list[Found](), list[tuple[Value, Found]]()
    for number, (topic, kind) in topics.items():
        if kind in (RAW, COMPRESSED):
            found = images.pop(number, None) or Found('', '')
            found.topic, found.kind = topic, kind
            named.append(found)
        else:
            images.pop(number, None)
    for number, found in images.items():
        found.kind = _guess(found, pages)
        if found.kind:
            nameless.append((number, found))
    for number, found in nameless:
        if named:
            loss.add(LossKind.UNKNOWN_TOPIC, messages=len(found.stamps))
        else:
            found.topic = f'topic {number!r}'
            loss.add(LossKind.NAME_INVENTED, topic=found.topic)
    return named or [found for _, found in nameless]


def _guess(found: Found, pages: Pages) -> str:
    for place in found.places[:_GUESSES]:
        row = pages.row(~place >> _CELL_BITS, ~place & (1 << _CELL_BITS) - 1)
        kind = '' if row is None else cdr.kind_of(_plain(pages.last_value(row)))
        if kind:
            return kind
    return ''


def _topic(row: Row) -> tuple[str, str] | None:
    """(name, type) if it is a row of the table of topics."""
    if len(row.values) < 4:
        return None
    name, kind = row.values[1], row.values[2]
    if isinstance(name, bytes) and isinstance(kind, bytes) and b'/msg/' in kind:
        return _decoded(name), _decoded(kind)
    return None


def _is_message(row: Row) -> bool:
    values = row.values
    return (
        len(values) == _MESSAGE_COLUMNS
        and isinstance(values[1], int)
        and isinstance(values[2], int)
        and isinstance(values[3], bytes)
    )


def _stamp(head: object) -> int | None:
    if not isinstance(head, bytes):
        return None
    if head[:4] == ZSTD_MAGIC:
        head = zstd_head(head, cdr.STAMP_BYTES)
    return cdr.stamp_of(head)


def _plain(message: bytes) -> bytes:
    return unpack(message, 0, MESSAGE_LIMIT)[0] if message[:4] == ZSTD_MAGIC else message


def _decoded(text: object) -> str:
    return text.decode(errors='replace') if isinstance(text, bytes) else str(text)
