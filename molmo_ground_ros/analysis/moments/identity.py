# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which recording a path holds, and which model is asked: both by the content of their files.

So a recording that was moved, renamed or copied is the same recording, and one that was changed is
another. A file is read once; after that its path, size and time of change stand for its content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from molmo_ground_ros.analysis.moments.database import Database
from molmo_ground_ros.grounding.loader import GrounderLoader
from molmo_ground_ros.recording.below import files_of
from molmo_ground_ros.types import Question

_DIGEST_BYTES = 20


def recording_identity(database: Database, path: Path) -> str:
    """A digest of all bags and videos of a recording. Their names do not count. Raises OSError."""
    return _joined(sorted(_digest(database, file) for file in files_of(path)))


def fingerprint(database: Database, loader: GrounderLoader) -> str:
    """A digest of all that an answer depends on besides the clip and the question.

    Those are the model's files, or its address, the number format, the answer format, and how
    frames for tracks are sampled. The backend and the device are not among them.
    Raises BadModel, OSError.
    """
    files = loader.files()
    named = [[file.name, _digest(database, file)] for file in files]
    where = [] if files else [loader.settings.model]
    parts: list[object] = [loader.settings.dtype, loader.answer_format, where, named]
    tracks = loader.tracks()
    # What an index holds of models without a rule of their own stays what it is.
    parts += [[tracks.most_hz, tracks.most_frames]] if tracks else []
    return _joined([json.dumps(parts)])


def question_digest(question: Question) -> str:
    """A digest of what the model is asked, and how long its answer may be."""
    asked_for = [question.query.text, question.task.name, question.prompt, question.max_new_tokens]
    return _joined([json.dumps(asked_for)])


def _digest(database: Database, path: Path) -> str:
    """The digest of a file, from the index where the file is as it was."""
    path = path.resolve()
    before = path.stat()
    state = str(path), before.st_size, before.st_mtime_ns
    with database.errors():
        row = database.connection.execute(
            'SELECT digest FROM files WHERE path = ? AND bytes = ? AND changed_ns = ?', state
        ).fetchone()
    if row is not None:
        return str(row[0])
    with path.open('rb') as file:
        digest = hashlib.file_digest(file, _hash).hexdigest()
    after = path.stat()
    # A file that is being written has a digest of no use to a later run.
    if (after.st_size, after.st_mtime_ns) == state[1:]:
        with database.transaction() as connection:
            connection.execute('INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)', (*state, digest))
    return digest


def _joined(parts: Sequence[str]) -> str:
    joined = _hash()
    for part in parts:
        joined.update(part.encode() + b'\n')
    return joined.hexdigest()


def _hash() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=_DIGEST_BYTES)
