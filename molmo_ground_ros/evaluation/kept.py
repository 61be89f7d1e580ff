# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Finished answers on disk, so that an interrupted evaluation goes on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from molmo_ground_ros.analysis.lines import Lines, files
from molmo_ground_ros.datasets.values import Example
from molmo_ground_ros.evaluation.values import Said

FORMAT = 1  # of the lines; another one is another run


class Kept:
    """What one model with one choice of settings has said. As a context manager; for one thread.

    Answers go by the question, not by the data as a whole: examples that were added are asked, and
    one that was changed is asked again. Pictures that were changed are not noticed.
    """

    def __init__(self, folder: str | Path, digest: str, *, resume: bool) -> None:
        """Open the file in `folder`, which is made; without `resume` it begins anew.

        See `Lines`. Raises OSError.
        """
        self._lines = Lines(Path(folder) / f'answers-{digest[:16]}.jsonl', digest, resume=resume)
        self._said: dict[str, Said] = {}  # by question
        for entry in self._lines.kept:
            self._read(entry)

    def __enter__(self) -> Kept:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file, which stays."""
        self._lines.close()

    def get(self, example: Example) -> Said | None:
        """What was said to this very question; None: it is to be asked."""
        return self._said.get(question(example))

    def add(self, example: Example, said: Said) -> None:
        """Keep one more. Raises OSError; what was kept before stays."""
        key = question(example)
        entry = {'id': example.id, 'question': key, 'text': said.text, 'truncated': said.truncated}
        self._lines.add(entry)
        self._said[key] = said

    def _read(self, entry: Any) -> None:
        match entry:
            case {'question': str(key), 'text': str(text), 'truncated': bool(truncated)}:
                self._said[key] = Said(text, truncated)


def digest(settings: Mapping[str, str]) -> str:
    """What all answers of a run depend on, as 64 hexadecimal digits.

    The files of a 'model' that is a folder or a file count by path, size and time of change.
    Raises OSError.
    """
    run = {'format': FORMAT, 'settings': dict(settings), 'model': files(Path(settings['model']))}
    return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()


def question(example: Example) -> str:
    """What one answer depends on besides, as 32 hexadecimal digits: words, media and span."""
    asked = [example.id, example.query, example.task, dataclasses.astuple(example.media)]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]
