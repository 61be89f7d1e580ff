# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The model's answers about one recording in an index: what was asked once is not asked again."""

from __future__ import annotations

import json
from collections.abc import Sequence

from molmo_ground_ros.analysis.moments.database import Database
from molmo_ground_ros.analysis.store import Key, StoredAnswer, stored_json, stored_of


class IndexedAnswers:
    """The answers of one model to some questions about one recording. For one thread.

    An answer belongs to the recording's content, the camera, the window, the question and the
    model. `add` ends when the answer is on the disk.
    """

    def __init__(
        self, database: Database, recording: int, questions: Sequence[int], model: int
    ) -> None:
        """Read what is there. questions: their ids, in the order of the plan. Raises IndexFault."""
        self.answers: dict[Key, StoredAnswer] = {}
        self._database = database
        self._recording = recording
        self._questions = tuple(questions)
        self._model = model
        with database.errors():
            rows = database.connection.execute(
                'SELECT camera, start_ns, end_ns, question, answer FROM answers'
                ' WHERE recording = ? AND model = ?',
                (recording, model),
            ).fetchall()
        for camera, start_ns, end_ns, question, text in rows:
            if question in self._questions:
                self._read((camera, (start_ns, end_ns), self._questions.index(question)), text)

    def add(self, key: Key, stored: StoredAnswer) -> None:
        """Keep an answer. Raises IndexFault; the answers before it stay."""
        camera, (start_ns, end_ns), place = key
        values = (
            *(self._recording, camera, start_ns, end_ns),
            *(self._questions[place], self._model, json.dumps(stored_json(stored))),
        )
        with self._database.transaction() as connection:
            connection.execute(
                'INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)', values
            )
        self.answers[key] = stored

    def _read(self, key: Key, text: str) -> None:
        """Take an answer; one that cannot be read counts as not asked."""
        try:
            self.answers[key] = stored_of(json.loads(text))
        except (ValueError, TypeError, KeyError):
            return
