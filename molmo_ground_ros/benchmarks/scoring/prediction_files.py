# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ready predictions: JSON Lines of {"id": ..., "text": ...}, with "truncated": true where cut off.

Other keys are not looked at. An id may be a text or a whole number.
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
    """The predictions of a file under the name of a row. Blank lines are skipped.

    A row that cannot be used is in `bad` with its number: no JSON object, no id, no text, or an id
    that an earlier row has, which stays. Raises OSError.
    """
    said: dict[str, Prediction] = {}
    rows: dict[str, int] = {}
    bad: list[BadRecord] = []
    with Path(path).open('rb') as lines:
        for row, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                key, found = _prediction(line)
            except (ValueError, RecursionError) as err:  # also where it is not UTF-8
                bad.append(BadRecord(str(path), row, str(err)))
                continue
            if key in said:
                bad.append(BadRecord(str(path), row, f'the id {key!r} is there twice'))
            else:
                said[key], rows[key] = found, row
    return Predictions(name, said, file=str(path), rows=rows, bad=tuple(bad))


def without_example(answers: Predictions, examples: Collection[str]) -> list[BadRecord]:
    """The rows of a file whose id none of the examples has."""
    return [
        BadRecord(answers.file, row, f'no example has the id {key!r}')
        for key, row in answers.rows.items()
        if key not in examples
    ]


def write_predictions(said: Iterable[tuple[str, Prediction]], path: str | Path) -> None:
    """Write (id, answer) in their order. Raises OSError, and leaves an older file as it was."""
    with atomic_file(Path(path)) as partial, partial.open('w', encoding='utf-8') as file:
        for key, one in said:
            cut = {'truncated': True} if one.truncated else {}
            file.write(json.dumps({'id': key, 'text': one.text, **cut}) + '\n')


def _prediction(line: bytes) -> tuple[str, Prediction]:
    """Raises ValueError for what is none."""
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
