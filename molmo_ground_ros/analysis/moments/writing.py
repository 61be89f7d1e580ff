# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes the moments of an analysis to an index, with a small JPEG of each.

The JPEG is stored, and not decoded again for each page: a page then needs no recording, takes no
time, and shows moments of recordings that are archived or deleted. It costs about 4 KB a moment.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.analysis.findings import Analysis, Finding, FrameReader
from molmo_ground_ros.analysis.moments.database import Database
from molmo_ground_ros.errors import ImageError, NoFrames
from molmo_ground_ros.types import Point, Position

EVENT, TRACK = 'event', 'track'
THUMBNAIL_WIDTH = 192  # pixels
_QUALITY = 75


@dataclass(frozen=True, slots=True)
class MomentEntry:
    """One event, or one track at its first point, as it is written."""

    kind: str
    label: str
    point: Point  # its id is the event's or the track's
    end_ns: int  # the stamp of a track's last point; an event's own
    score: float  # of a track the median of its points
    width: int  # of the image, pixels
    height: int
    marks: tuple[str, ...]
    model: str


def entries(finding: Finding) -> Iterator[MomentEntry]:
    """The moments of one finding: its events, and the beginnings of its tracks."""
    for event in finding.events:
        window = finding.windows[event.sighting.window]
        point = event.point
        size = window.image_width, window.image_height
        yield MomentEntry(
            *(EVENT, event.sighting.label, point, point.stamp_ns, point.score, *size),
            *(event.marks, window.model),
        )
    for track in finding.tracks:
        window = finding.windows[track.points[0].window]
        size = window.image_width, window.image_height
        end_ns = track.points[-1].point.stamp_ns
        score = median(sighting.point.score for sighting in track.points)
        yield MomentEntry(
            *(TRACK, track.label, track.path[0], end_ns, score, *size),
            *(track.marks, window.model),
        )


def write(
    database: Database,
    recording: int,
    analysis: Analysis,
    questions: Sequence[int],
    read_frame: FrameReader | None,
    plan: str,
) -> int:
    """Replace the moments of these questions about a recording; returns how many there are.

    questions: their ids, in the order of the plan. read_frame: for thumbnails; None for none.
    plan: of which the recording is done with this, and with no other; '' if it is not done.
    All is one transaction, begun after the thumbnails are made. Raises IndexFault.
    """
    thumbnails = _Thumbnails(read_frame)
    made = [
        (camera, questions[place % len(questions)], entry, thumbnails.of(camera, entry))
        for place, finding in enumerate(analysis.findings)
        for camera in [finding.camera]
        for entry in entries(finding)
    ]
    with database.transaction() as connection:
        connection.execute(
            'UPDATE recordings SET start_ns = ?, end_ns = ?, losses = ? WHERE id = ?',
            (*analysis.span_ns, json.dumps(analysis.losses), recording),
        )
        connection.execute('DELETE FROM done WHERE recording = ?', (recording,))
        if plan:
            connection.execute('INSERT INTO done VALUES (?, ?)', (recording, plan))
        for camera in analysis.cameras:
            connection.executemany(
                'DELETE FROM moments WHERE recording = ? AND camera = ?'
                ' AND text IN (SELECT id FROM texts WHERE question = ?)',
                [(recording, camera, question) for question in questions],
            )
        for camera, question, entry, thumbnail in made:
            text = _text_id(connection, question, entry.label)
            connection.execute(
                'INSERT INTO moments VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
                (recording, camera, text, *_values(entry), thumbnail),
            )
    return len(made)


def _values(entry: MomentEntry) -> tuple[object, ...]:
    """The columns from kind to model."""
    point = entry.point
    return (
        *(entry.kind, point.id, point.stamp_ns, entry.end_ns, point.x, point.y),
        *(entry.width, entry.height, None if math.isnan(entry.score) else entry.score),
        *(_position_text(point.position), json.dumps(entry.marks), entry.model),
    )


def _position_text(position: Position | None) -> str | None:
    """A position as JSON, metres; a number that is unknown is null."""
    if position is None:
        return None
    values = {**asdict(position), 'status': position.status.name.lower()}
    return json.dumps(
        {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in values.items()
        }
    )


def _text_id(connection: sqlite3.Connection, question: int, label: str) -> int:
    """The id of a question's words with a label, which is made where there is none."""
    where = (question, label)
    row = connection.execute('SELECT id FROM texts WHERE question = ? AND label = ?', where)
    if (present := row.fetchone()) is not None:
        return int(present[0])
    cursor = connection.execute('INSERT INTO texts(question, label) VALUES (?, ?)', where)
    connection.execute(
        'INSERT INTO words(rowid, query, label)'
        ' SELECT texts.id, query, label FROM texts JOIN questions ON questions.id = question'
        ' WHERE texts.id = ?',
        (cursor.lastrowid,),
    )
    return int(cursor.lastrowid or 0)


class _Thumbnails:
    """The JPEG of each frame, made once."""

    def __init__(self, read_frame: FrameReader | None) -> None:
        self._read_frame = read_frame
        self._made: dict[tuple[str, int], bytes | None] = {}

    def of(self, camera: str, entry: MomentEntry) -> bytes | None:
        """The JPEG of a moment's frame; None where it cannot be read, or none is wanted."""
        if self._read_frame is None:
            return None
        key = camera, entry.point.stamp_ns
        if key not in self._made:
            try:
                self._made[key] = thumbnail(self._read_frame(*key).image)
            except (ImageError, NoFrames):
                self._made[key] = None
        return self._made[key]


def thumbnail(image: NDArray[np.uint8]) -> bytes:
    """An (H, W, 3) RGB image as a JPEG of at most THUMBNAIL_WIDTH pixels a side."""
    shrink = min(1.0, THUMBNAIL_WIDTH / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    return cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
