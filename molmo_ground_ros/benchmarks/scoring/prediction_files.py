# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ready predictions: JSON Lines of {"id": ..., "text": ...}, with "truncated": true if cut off.

Other keys are ignored. An id is a text or a whole number.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks.scoring.predictions import Prediction, Predictions
from molmo_ground_ros.errors import BadRecord
from molmo_ground_ros.storage.atomic import atomic_file


def read_predictions(path: str | Path, name: str) -> Predictions:
    """The predictions of a file. name: of their row in the table. Blank lines are skipped.

    A line that cannot be used is in `bad` with its number: no JSON object, no id, no text, or an id
    of an earlier line, which is used. Raises OSError.
    """
    answers: dict[str, Prediction] = {}
    rows: dict[str, int] = {}
    bad: list[BadRecord] = []
    with Path(path).open('rb') as lines:
        for row, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                key, answer = _prediction(line)
            # ValueError covers text that is no UTF-8.
            except (ValueError, RecursionError) as err:
                bad.append(BadRecord(str(path), row, str(err)))
                continue
            if key in answers:
                bad.append(BadRecord(str(path), row, f'the id {key!r} is there twice'))
            else:
                answers[key], rows[key] = answer, row
    return Predictions(name, answers, file=str(path), rows=rows, bad=tuple(bad))


def without_example(predictions: Predictions, ids: Collection[str]) -> list[BadRecord]:
    """An error for each row of a file whose id is one of `ids`, which no example has."""
    return [
        BadRecord(predictions.file, row, f'no example has the id {key!r}')
        for key, row in predictions.rows.items()
        if key in ids
    ]


def write_predictions(answers: Iterable[tuple[str, Prediction]], path: str | Path) -> None:
    """Write (id, answer) in their order. Raises OSError, and leaves an older file as it was."""
    with atomic_file(Path(path)) as partial, partial.open('w', encoding='utf-8') as file:
        for key, answer in answers:
            cut = {'truncated': True} if answer.truncated else {}
            file.write(json.dumps({'id': key, 'text': answer.text, **cut}) + '\n')


def _prediction(line: bytes) -> tuple[str, Prediction]:
    """(id, answer) of a line. Raises ValueError for a line without them."""
    entry = json.loads(line.strip())
    if not isinstance(entry, dict):
        raise ValueError('no JSON object')
    key, text = _id(entry), entry.get('text')
    if not isinstance(text, str):
        raise ValueError(f"'text' of {key!r} is missing" if text is None else f'no text: {text!r}')
    return key, Prediction(text, entry.get('truncated') is True)


def _id(entry: dict[str, Any]) -> str:
    key = entry.get('id')
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise ValueError("'id' is missing" if key is None else f'no id: {key!r}')
    return str(key)
