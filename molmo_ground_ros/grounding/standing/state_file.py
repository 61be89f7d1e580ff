# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The file that standing questions are remembered in: JSON, replaced completely or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from molmo_ground_ros.errors import GroundError
from molmo_ground_ros.storage.atomic import write_atomically

FORMAT = 1
# The ending of the name of a file that was refused.
REFUSED = '.refused'


class BadState(GroundError):
    """A state file that cannot be used."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        super().__init__(f"state file '{path}': {why}")


class StateFile:
    """Reads and writes one file. For one thread at a time."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()

    def read(self) -> list[dict[str, Any]]:
        """The entries that were written; [] if there is no file. Raises BadState."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as err:
            raise BadState(self.path, f'it cannot be read: {err}') from err
        try:
            state = json.loads(data)
            questions, digest, number = state['questions'], state['digest'], state['format']
        except (ValueError, TypeError, LookupError) as err:
            raise BadState(self.path, f'it is damaged: {type(err).__name__}: {err}') from err
        if number != FORMAT:
            raise BadState(self.path, f'its format is {number!r}, this version reads {FORMAT}')
        if not isinstance(questions, list) or digest != _digest(questions):
            raise BadState(self.path, 'it is damaged: its content does not fit its digest')
        return questions

    def write(self, questions: Sequence[dict[str, Any]]) -> None:
        """Replace the file; its folder is made. Raises OSError, and the older file stays."""
        state = {'format': FORMAT, 'digest': _digest(questions), 'questions': questions}
        write_atomically(self.path, json.dumps(state).encode())

    def set_aside(self) -> Path | None:
        """Rename the file, so that it is not written over; returns its new path, or None."""
        place = self.path.with_name(self.path.name + REFUSED)
        try:
            self.path.replace(place)
        except OSError:
            return None
        return place


def _digest(questions: Sequence[Any]) -> str:
    text = json.dumps(questions, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
