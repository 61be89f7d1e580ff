# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Keeps finished answers on disk, so that an interrupted evaluation can be resumed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks.datasets.examples import Example
from molmo_ground_ros.benchmarks.scoring.predictions import Prediction
from molmo_ground_ros.storage.closing import Closing
from molmo_ground_ros.storage.json_lines import JsonLinesFile, files

# The version of the lines. Another version makes another digest, and so another file.
FORMAT = 1


class AnswerStore(Closing):
    """The answers of one model with one choice of settings. A context manager, for one thread.

    An answer is found by its question, not by the data set as a whole: examples that were added
    are asked, and an example that was changed is asked again. Images that were changed are not
    noticed.
    """

    def __init__(self, folder: str | Path, digest: str, *, resume: bool) -> None:
        """Open the file in `folder`, which is created. Without `resume` the file begins empty.

        digest: of the settings, see `settings_digest`. Raises as `JsonLinesFile` does, and OSError.
        """
        self._lines = JsonLinesFile(
            Path(folder) / f'answers-{digest[:16]}.jsonl', digest, resume=resume
        )
        self._answers: dict[str, Prediction] = {}  # by the digest of the question
        for entry in self._lines.entries:
            self._read(entry)

    def close(self) -> None:
        """Close the file, which stays."""
        self._lines.close()

    def get(self, example: Example) -> Prediction | None:
        """The stored answer to this very question; None if there is none."""
        return self._answers.get(question_digest(example))

    def add(self, example: Example, answer: Prediction) -> None:
        """Append an answer. Raises OSError; the answers stored before stay."""
        key = question_digest(example)
        entry = {
            'id': example.id,
            'question': key,
            'text': answer.text,
            'truncated': answer.truncated,
        }
        self._lines.add(entry)
        self._answers[key] = answer

    def _read(self, entry: Any) -> None:
        match entry:
            case {'question': str(key), 'text': str(text), 'truncated': bool(truncated)}:
                self._answers[key] = Prediction(text, truncated)


def settings_digest(settings: Mapping[str, str]) -> str:
    """64 hexadecimal digits of the settings that all answers of a run depend on.

    If 'model' is a folder or a file, the path, size and time of change of its files count.
    Raises OSError.
    """
    run = {'format': FORMAT, 'settings': dict(settings), 'model': files(Path(settings['model']))}
    return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()


def question_digest(example: Example) -> str:
    """32 hexadecimal digits of what one answer depends on: id, words, task, media and span."""
    media = dataclasses.astuple(example.media)
    # The names of files are left out where there are none, as before there were any.
    media = media if example.media.files else media[:-1]
    question = [example.id, example.query, example.task, media]
    return hashlib.sha256(json.dumps(question).encode()).hexdigest()[:32]
