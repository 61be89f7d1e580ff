# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Images, and what says where cameras look, of one SQLite file (.db3), intact or damaged.

The file is never written to. SQLite reads an intact file. A damaged one is read page by page (see
pages), because SQLite stops at the first damaged page.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from molmo_ground_ros.errors import BagError, ImageError
from molmo_ground_ros.frames import cdr
from molmo_ground_ros.frames.cdr import ImageMessage
from molmo_ground_ros.recording.camera_messages import COMPANIONS, HEAD_BYTES
from molmo_ground_ros.recording.formats import FORMATS, image_message, kind_of_type
from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.open_files import OpenFiles
from molmo_ground_ros.recording.pages import Pages, SqliteRow, Value
from molmo_ground_ros.recording.records import OpenFile
from molmo_ground_ros.recording.source import EmptyRecording, MessageIndex, Place, UnreadTopic
from molmo_ground_ros.recording.unpack import ZSTD_MAGIC, unpack, zstd_head

MESSAGE_LIMIT = 1 << 28  # bytes of a message

# sqlite3 raises UnicodeDecodeError where an error message of SQLite quotes a damaged name.
_ERRORS = (sqlite3.Error, UnicodeDecodeError)
_JOURNALS = ('-wal', '-journal')
_HEAD_BYTES = 1 << 12  # read of a message; a stamp needs 12, more where it is compressed
_CELL_BITS = 16  # a page has fewer cells
_MESSAGE_COLUMNS = 4  # id, topic, log time, data
_GUESSES = 3  # messages that are read to work out a type that is lost
_CACHE_KIB = 4096


class SqliteSource:
    """A Source whose places are numbers of rows, or ~(page, cell) in a damaged file."""

    def __init__(self, path: Path, name: str, opened: OpenFiles) -> None:
        """Read `path`, called `name` in messages. opened: bounds how many files are open."""
        self._path = path
        self._name = name
        self._copied: TemporaryDirectory[str] | None = None
        self._connection: sqlite3.Connection | None = None
        self._opened = opened
        self.unread: Sequence[UnreadTopic] = ()

    def index(self, loss: LossLog) -> list[MessageIndex]:
        """See Source."""
        if not self._path.stat().st_size:
            raise EmptyRecording(self._name)
        self._apply_journal(loss)
        try:
            return self._by_rows(loss)
        except _ERRORS as err:
            loss.add(LossKind.BAD_PAGES, detail=str(err))
        return self._by_pages(loss)

    def message(self, place: Place, kind: str) -> ImageMessage:
        """See Source."""
        return image_message(self.payload(place), kind)

    def payload(self, place: Place) -> bytes:
        """See Source."""
        try:
            message = self._from_page(~place) if place < 0 else self._from_row(place)
        except (OSError, *_ERRORS) as err:
            raise ImageError(f'{self._name}: row {place}: {err}') from err
        return _unpacked(message)

    def close(self) -> None:
        """Close the database and delete what was copied."""
        self._disconnect()
        if self._copied is not None:
            self._copied.cleanup()
            self._copied = None

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _apply_journal(self, loss: LossLog) -> None:
        """Where the recorder left a journal, let SQLite apply it to a copy of the file."""
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
        self._opened.note(self, self._disconnect)
        if self._connection is None:
            address = f'{self._path.resolve().as_uri()}?immutable=1'
            database = sqlite3.connect(address, uri=True, check_same_thread=False)
            # A damaged text is not always UTF-8.
            database.text_factory = bytes
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MESSAGE_LIMIT)
            database.execute(f'PRAGMA cache_size = -{_CACHE_KIB}')
            self._connection = database
        return self._connection

    def _by_rows(self, loss: LossLog) -> list[MessageIndex]:
        """The indexes as SQLite reads them. Raises an error of SQLite where a page is damaged."""
        database = self._database()
        topics = {
            number: (_decoded(name), _decoded(kind))
            for number, name, kind in database.execute('SELECT id, name, type FROM topics')
            if isinstance(number, int)
        }
        images = {
            number: MessageIndex(topic, kind_of_type(kind))
            for number, (topic, kind) in topics.items()
            if kind_of_type(kind)
        }
        numbers = ','.join(str(number) for number in images) or 'NULL'
        rows = database.execute(
            f'SELECT id, topic_id, timestamp, CASE WHEN topic_id IN ({numbers}) '  # noqa: S608 - ints
            f'THEN substr(data, 1, {_HEAD_BYTES}) END FROM messages ORDER BY id'
        )
        last, counts = 0, Counter[object]()
        for last, topic, log_ns, head in rows:
            if not isinstance(last, int):
                raise sqlite3.DatabaseError(f'a message has the number {last!r}')
            counts[topic] += 1
            if topic in images:
                _add(images[topic], head, last, log_ns)
        self.unread = [
            UnreadTopic(topic, kind, 'cdr', counts[number])
            for number, (topic, kind) in topics.items()
            if number not in images
        ]
        nameless = sum(count for number, count in counts.items() if number not in topics)
        if nameless:
            loss.add(LossKind.UNKNOWN_TOPIC, messages=nameless)
        # Rows are numbered from 1 on.
        if (missing := last - counts.total()) > 0:
            loss.add(LossKind.FEWER_MESSAGES, messages=missing, detail='of all topics')
        return list(images.values())

    def _by_pages(self, loss: LossLog) -> list[MessageIndex]:
        """The indexes of all rows that lie in any page. Raises BagError where there are none."""
        topics: dict[Value, tuple[str, str]] = {}
        images: dict[Value, MessageIndex] = {}
        with self._path.open('rb', buffering=0) as file:
            pages = Pages(OpenFile(file.fileno(), os.fstat(file.fileno()).st_size))
            for row in pages.rows():
                if (topic := _topic(row)) is not None:
                    topics[row.number] = topic
                elif _is_message(row):
                    number = row.values[1]
                    # Empty for a topic that comes after its messages.
                    name, kind = topics.get(number, ('', ''))
                    index = images.setdefault(number, MessageIndex(name, kind_of_type(kind)))
                    place = ~(row.page << _CELL_BITS | row.cell)
                    _add(index, row.values[3], place, row.values[2])
            if not images and not topics:
                raise BagError(self._name, 'it cannot be read: no row of a recording is in it')
            self.unread = [
                UnreadTopic(topic, kind, 'cdr', images[number].messages if number in images else 0)
                for number, (topic, kind) in topics.items()
                if not kind_of_type(kind)
            ]
            return _image_indexes(images, topics, loss, pages)

    def _from_row(self, number: int) -> bytes:
        row = self._database().execute('SELECT data FROM messages WHERE id = ?', (number,))
        (message,) = row.fetchone() or (None,)
        if not isinstance(message, bytes):
            raise ImageError(f'{self._name}: row {number} holds no message')
        return message

    def _from_page(self, place: int) -> bytes:
        with self._path.open('rb', buffering=0) as file:
            pages = Pages(OpenFile(file.fileno(), os.fstat(file.fileno()).st_size))
            row = pages.row(place >> _CELL_BITS, place & (1 << _CELL_BITS) - 1)
            return b'' if row is None else pages.last_value(row)


def _image_indexes(
    images: dict[Value, MessageIndex],
    topics: dict[Value, tuple[str, str]],
    loss: LossLog,
    pages: Pages,
) -> list[MessageIndex]:
    """The indexes of the image topics.

    A name that is lost is invented, but only where no other image topic has one.
    """
    named, nameless = list[MessageIndex](), list[tuple[Value, MessageIndex]]()
    companions = list[MessageIndex]()
    for number, (topic, name) in topics.items():
        if kind := kind_of_type(name):
            index = images.pop(number, None) or MessageIndex('', kind)
            is_image = kind in FORMATS
            # Messages that were read before their topic were taken for images.
            if is_image or index.kind == kind:
                index.topic, index.kind = topic, kind
                (named if is_image else companions).append(index)
        else:
            images.pop(number, None)
    for number, index in images.items():
        index.kind = _guess(index, pages)
        if index.kind:
            nameless.append((number, index))
    for number, index in nameless:
        if named:
            loss.add(LossKind.UNKNOWN_TOPIC, messages=len(index.stamps))
        else:
            index.topic = f'topic {number!r}'
            loss.add(LossKind.NAME_INVENTED, topic=index.topic)
    return [*(named or [index for _, index in nameless]), *companions]


def _guess(index: MessageIndex, pages: Pages) -> str:
    """RAW or COMPRESSED by the content of the first messages; '' for neither."""
    for place in index.places[:_GUESSES]:
        row = pages.row(~place >> _CELL_BITS, ~place & (1 << _CELL_BITS) - 1)
        kind = '' if row is None else cdr.kind_of(_unpacked(pages.last_value(row)))
        if kind:
            return kind
    return ''


def _topic(row: SqliteRow) -> tuple[str, str] | None:
    """(name, type) if the row is one of the table of topics."""
    if len(row.values) < 4:
        return None
    name, kind = row.values[1], row.values[2]
    if isinstance(name, bytes) and isinstance(kind, bytes) and b'/msg/' in kind:
        return _decoded(name), _decoded(kind)
    return None


def _is_message(row: SqliteRow) -> bool:
    """Whether the row is one of the table of messages."""
    values = row.values
    return (
        len(values) == _MESSAGE_COLUMNS
        and isinstance(values[1], int)
        and isinstance(values[2], int)
        and isinstance(values[3], bytes)
    )


def _add(index: MessageIndex, head: object, place: Place, log_ns: object) -> None:
    """Add a message by its first bytes, compressed or not."""
    start = head if isinstance(head, bytes) else b''
    if start[:4] == ZSTD_MAGIC:
        start = zstd_head(start, HEAD_BYTES)
    if index.kind in COMPANIONS:
        index.add_companion(start[:HEAD_BYTES], place)
    else:
        logged = log_ns if isinstance(log_ns, int) else 0
        index.add(cdr.stamp_of(start[: cdr.STAMP_BYTES]), place, logged)


def _unpacked(message: bytes) -> bytes:
    return unpack(message, 0, MESSAGE_LIMIT)[0] if message[:4] == ZSTD_MAGIC else message


def _decoded(text: object) -> str:
    return text.decode(errors='replace') if isinstance(text, bytes) else str(text)
