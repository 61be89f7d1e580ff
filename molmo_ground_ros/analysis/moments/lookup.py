# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Moments of an index by words, time, camera and recording. Opens no recording, asks no model.

The words are looked for in the question that was asked and in the label that the model gave, with
SQLite's FTS5: every word must be in one of them. Case, accents and endings do not count, so that
`grasped` finds `grasps`; words in double quotes must follow each other; `word*` is a beginning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmo_ground_ros.analysis.moments.database import Database

_TERM = re.compile(r'"([^"]*)"|(\S+)')
_LETTER = re.compile(r'\w')


@dataclass(frozen=True, slots=True)
class Search:
    """What moments are looked for. All that is set must be so; '' and None set nothing."""

    text: str = ''
    since_ns: int | None = None
    until_ns: int | None = None
    camera: str = ''  # a part of the topic
    recording: str = ''  # a part of the path
    least_score: float = 0.0
    most: int = 100  # moments, the newest; 0 for all


@dataclass(frozen=True, slots=True)
class Moment:
    """An event or the beginning of a track, in one camera of one recording."""

    kind: str  # 'event' or 'track'
    query: str
    label: str
    recording: str  # path
    camera: str  # topic
    number: int  # of the event or track, from 1 for each question and camera
    stamp_ns: int
    end_ns: int  # of a track the stamp of its last point; of an event its stamp
    seconds: float  # from the recording's first image
    x: float  # source pixels
    y: float
    width: int  # of the image, pixels
    height: int
    score: float | None
    # As analysis.moments.writing stores it: status, x, y, z in metres, frame_id, reason.
    position: dict[str, Any] | None
    marks: tuple[str, ...]
    model: str
    gone: bool  # the recording's file is gone
    thumbnail: bytes | None  # a JPEG


@dataclass(frozen=True, slots=True)
class Matches:
    """The moments that were found, newest first, and what they are a part of."""

    moments: tuple[Moment, ...]
    total: int  # without the limit
    recordings: int  # that have one of them
    searched: int  # recordings of the index whose content is still at a path, or was deleted
    unreadable: tuple[tuple[str, str], ...]  # path, why: recordings that were not asked about
    queries: tuple[str, ...]  # that the index has answers to


def find(database: Database, search: Search) -> Matches:
    """The moments that fit. Those of a file that was overwritten since are left out.

    Raises IndexFault.
    """
    where, values = _conditions(search)
    with database.errors():
        rows = database.connection.execute(
            f'{_SELECT} WHERE {where} ORDER BY moments.stamp_ns DESC, moments.id'
            + (' LIMIT ?' if search.most else ''),
            [*values, *([search.most] if search.most else [])],
        ).fetchall()
        total, recordings = database.connection.execute(
            f'SELECT count(*), count(DISTINCT moments.recording) {_FROM} WHERE {where}',
            values,
        ).fetchone()
        searched = database.connection.execute(
            'SELECT count(DISTINCT recording) FROM places WHERE problem = ?', ('',)
        ).fetchone()[0]
        unreadable = database.connection.execute(
            'SELECT path, problem FROM places WHERE problem != ? ORDER BY path', ('',)
        ).fetchall()
        queries = database.connection.execute('SELECT query FROM questions ORDER BY id').fetchall()
    exists: dict[str, bool] = {}
    return Matches(
        moments=tuple(_moment(row, exists) for row in rows),
        total=total,
        recordings=recordings,
        searched=searched,
        unreadable=tuple(unreadable),
        queries=tuple(dict.fromkeys(query for (query,) in queries)),
    )


# One path of each recording: the first of those that are there, else of those that are gone.
_FROM = """
FROM moments
JOIN texts ON texts.id = moments.text
JOIN questions ON questions.id = texts.question
JOIN recordings ON recordings.id = moments.recording
JOIN (SELECT recording, path, max(state = 'present') FROM places
      GROUP BY recording) AS held ON held.recording = moments.recording
"""
_SELECT = f"""
SELECT moments.kind, questions.query, texts.label, held.path, moments.camera, moments.number,
    moments.stamp_ns, moments.end_ns, recordings.start_ns, moments.x, moments.y, moments.width,
    moments.height, moments.score, moments.position, moments.marks, moments.model,
    moments.thumbnail
{_FROM}
"""


def match_expression(text: str) -> str:
    """The words of a person as an FTS5 expression, with every word quoted; '' without a word."""
    terms = []
    for phrase, word in _TERM.findall(text):
        plain = (phrase or word).replace('"', ' ').strip()
        beginning = '*' if word.endswith('*') else ''
        if _LETTER.search(plain):
            terms.append(f'"{plain}"{beginning}')
    return ' '.join(terms)


def _conditions(search: Search) -> tuple[str, list[object]]:
    """The WHERE clause of a search, and its values. No text of the search is in the clause."""
    conditions: list[str] = ['1']
    values: list[object] = []

    def require(condition: str, value: object) -> None:
        """Add a condition with one value."""
        conditions.append(condition)
        values.append(value)

    if expression := match_expression(search.text):
        matching = 'SELECT rowid FROM words WHERE words MATCH ?'
        require(f'moments.text IN ({matching})', expression)
    if search.since_ns is not None:
        require('moments.end_ns >= ?', search.since_ns)
    if search.until_ns is not None:
        require('moments.stamp_ns <= ?', search.until_ns)
    if search.camera:
        require('instr(moments.camera, ?)', search.camera)
    if search.recording:
        require('instr(held.path, ?)', search.recording)
    if search.least_score:
        require('moments.score >= ?', search.least_score)
    return ' AND '.join(conditions), values


def _moment(row: Sequence[Any], exists: dict[str, bool]) -> Moment:
    """A row of _SELECT. exists: whether paths are there, as far as it was looked up."""
    *first, start_ns, x, y, width, height, score, position, marks, model, thumbnail = row
    kind, query, label, path, camera, number, stamp_ns, end_ns = first
    if path not in exists:
        exists[path] = Path(path).exists()
    return Moment(
        kind=kind,
        query=query,
        label=label,
        recording=path,
        camera=camera,
        number=number,
        stamp_ns=stamp_ns,
        end_ns=end_ns,
        seconds=(stamp_ns - (start_ns or stamp_ns)) / 1e9,
        x=x,
        y=y,
        width=width,
        height=height,
        score=score,
        position=json.loads(position) if position else None,
        marks=tuple(json.loads(marks)),
        model=model,
        gone=not exists[path],
        thumbnail=thumbnail,
    )
