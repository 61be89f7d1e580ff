# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which recording lies at which path, as far as an index knows."""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from molmo_ground_ros.analysis.moments.database import Database

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


def note_place(database: Database, path: Path, identity: str) -> tuple[int, PlaceNews]:
    """Note the recording at a path: its id, and what is new about the path. Raises IndexFault."""
    with database.transaction() as connection:
        connection.execute('INSERT OR IGNORE INTO recordings(identity) VALUES (?)', (identity,))
        recording = id_of(connection, 'SELECT id FROM recordings WHERE identity = ?', identity)
        held = connection.execute(
            'SELECT recording FROM places WHERE path = ?', (str(path),)
        ).fetchone()
        rows = connection.execute(
            'SELECT state FROM places WHERE recording = ? AND path != ?', (recording, str(path))
        ).fetchall()
        others = [state for (state,) in rows]
        connection.execute(
            'INSERT OR REPLACE INTO places(path, recording, state) VALUES (?, ?, ?)',
            (str(path), recording, PRESENT),
        )
        news = _news(held, recording, others)
        if news is PlaceNews.MOVED:
            # The old paths are not looked at again: the recording is here now.
            connection.execute(
                'DELETE FROM places WHERE recording = ? AND state = ?', (recording, GONE)
            )
    return recording, news


def note_gone(database: Database, root: Path, paths: Sequence[Path]) -> list[str]:
    """Note which paths at or below `root` are none of `paths` any more. Raises IndexFault."""
    present = {str(path) for path in paths}
    with database.transaction() as connection:
        rows = connection.execute(
            'SELECT path FROM places WHERE state != ? AND (path = ? OR substr(path, 1, ?) = ?)',
            (GONE, str(root), len(f'{root}/'), f'{root}/'),
        ).fetchall()
        gone = [path for (path,) in rows if path not in present]
        connection.executemany(
            'UPDATE places SET state = ? WHERE path = ?', [(GONE, path) for path in gone]
        )
    return gone


def note_problem(database: Database, path: Path, why: str) -> None:
    """Note why a recording cannot be read. Raises IndexFault."""
    with database.transaction() as connection:
        connection.execute(
            'UPDATE places SET state = ?, problem = ? WHERE path = ?', (UNREADABLE, why, str(path))
        )


def id_of(connection: sqlite3.Connection, statement: str, value: str) -> int:
    """The first column of the row that a statement finds for a value."""
    return int(connection.execute(statement, (value,)).fetchone()[0])


def _news(held: tuple[int] | None, recording: int, others: Sequence[str]) -> PlaceNews:
    if held is not None:
        return PlaceNews.SAME if held[0] == recording else PlaceNews.CHANGED
    if not others:
        return PlaceNews.NEW
    return PlaceNews.MOVED if all(state == GONE for state in others) else PlaceNews.COPY
