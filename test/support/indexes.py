# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small recordings and runs that index them, in this process or in one of their own.

`python -m support.indexes FOLDER CALLS [HOLD_FILE HOLD_SECONDS]` indexes a folder; it appends a
line to CALLS for each window that the model answers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from molmo_ground_ros.analysis.moments.asking import LocalAsker
from molmo_ground_ros.analysis.moments.database import NAME, Database
from molmo_ground_ros.analysis.moments.indexing import Indexer, IndexOptions, PathReport
from molmo_ground_ros.analysis.moments.lookup import Matches, Search, find
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Question
from support.analyses import CUP, Holding, Knowing
from support.bags import jpeg_message, write_bag


def write_short_bag(path: Path, topic: str = '/image', seconds: float = 5.0) -> Path:
    """Tiny pictures at 2 Hz; another topic or length makes another recording."""
    messages = [jpeg_message(number / 2) for number in range(round(2 * seconds) + 1)]
    return write_bag(path, {topic: messages})


def never() -> Grounder:
    """Fails the test: the model must not be loaded."""
    raise AssertionError('the model was loaded')


def index(
    folder: Path,
    backend: Knowing | None = None,
    questions: Sequence[Question] = (CUP,),
    model: str = 'first',
    load: Callable[[], Grounder] | None = None,
    **options: object,
) -> dict[str, PathReport]:
    """Index the folder; the reports by name of the path."""
    load = load or (lambda: Grounder(backend or Knowing()))
    with (
        Database(folder / NAME, writable=True) as database,
        Indexer(database, questions, model, LocalAsker(load), IndexOptions(**options)) as indexer,
    ):
        return {Path(report.path).name: report for report in indexer.run(folder)}


def look_up(folder: Path, text: str = '', **search: object) -> Matches:
    with Database(folder / NAME, writable=False) as database:
        return find(database, Search(text, **search))


class _Logging(Knowing):
    """Notes every answer in a file that several processes append to."""

    def __init__(self, calls: Path, before: Callable[..., None]) -> None:
        super().__init__(before)
        self._calls = calls

    def generate(self, clip, prompts, options, on_text):
        generations = super().generate(clip, prompts, options, on_text)
        with self._calls.open('a') as file:
            file.write(f'{clip.camera} {clip.start_ns}\n')
        return generations


def main(folder: str, calls: str, hold: str = '', seconds: str = '0') -> None:
    before = Holding(Path(hold), float(seconds)) if hold else lambda *_: None
    index(Path(folder), _Logging(Path(calls), before))


if __name__ == '__main__':
    main(*sys.argv[1:])
