# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The results of all examples with one model, their averages, and both as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from molmo_ground_ros.benchmarks.metrics.summary import (
    ScoreTable,
    Summary,
    SummaryRow,
    count_rows,
    summarize,
)
from molmo_ground_ros.benchmarks.scoring.outcome_file import OutcomeFile
from molmo_ground_ros.benchmarks.scoring.predictions import (
    AnswerState,
    ExampleResult,
    Prediction,
    Predictions,
)
from molmo_ground_ros.errors import BadRecord, BadSetting
from molmo_ground_ros.storage.atomic import atomic_file
from molmo_ground_ros.storage.folder_lock import IN_USE, lock

# The states of examples that count in the averages.
SCORED = (AnswerState.ANSWERED, AnswerState.UNANSWERED)
_TALLIED = ('unanswered', 'truncated', 'missing_media', 'not_asked', 'unscored')


@dataclass(frozen=True, slots=True)
class Result:
    """The results of one model."""

    name: str
    outcomes: OutcomeFile  # in the order of the data
    summary: Summary  # the averages of the scored examples
    counts: tuple[SummaryRow, ...]  # the averages by true count, if counts were asked for
    bad: tuple[BadRecord, ...]  # rows of its predictions that cannot be used
    complete: bool
    # The numbers of examples that are unanswered, cut off, missing, not asked or unscored, and of
    # rows of predictions that cannot be used.
    tally: Mapping[str, int]

    def answers(self) -> Iterator[tuple[str, Prediction]]:
        """(id, answer) of every answered example."""
        for outcome in self.outcomes:
            if outcome.state is AnswerState.ANSWERED:
                yield outcome.id, Prediction(outcome.text, outcome.truncated)

    def numbers(self, skipped: int) -> dict[str, float]:
        """One flat object for JSON: the metrics with their intervals, then the counts of `tally`.

        skipped: records of the data that could not be used.
        """
        return {**self.summary.all.numbers(), 'skipped': skipped, **self.tally}


def result_of(
    answers: Predictions, outcomes: Iterable[ExampleResult], bad: Iterable[BadRecord]
) -> Result:
    """The result of one model. bad: rows of its predictions that cannot be used. Raises OSError."""
    stored = outcomes if isinstance(outcomes, OutcomeFile) else OutcomeFile(outcomes)
    faults = tuple(bad)
    gathered = _Gathered()
    for outcome in stored:
        gathered.add(outcome)
    return Result(
        answers.name,
        stored,
        summarize(gathered.scores, gathered.categories),
        count_rows(gathered.counts, gathered.counted),
        faults,
        answers.complete,
        {**gathered.tally, 'bad_predictions': len(faults)},
    )


class _Gathered:
    """What the averages and the tally are made of, some bytes for each example."""

    def __init__(self) -> None:
        self.scores = ScoreTable()  # of the scored examples
        self.categories: list[str] = []  # of the same
        self.counted = ScoreTable()  # of those that ask for a count
        self.counts: list[int] = []  # of the same
        self.tally = dict.fromkeys(_TALLIED, 0)
        self._names: dict[str, str] = {}  # so that each category is in memory once

    def add(self, outcome: ExampleResult) -> None:
        """Count an example, and its scores if it is scored."""
        tallied = {
            'unanswered': outcome.state is AnswerState.UNANSWERED,
            'truncated': outcome.truncated,
            'missing_media': outcome.state is AnswerState.MISSING,
            'not_asked': outcome.state is AnswerState.NOT_ASKED,
            'unscored': outcome.state in SCORED and not outcome.scores,
        }
        for name in _TALLIED:
            self.tally[name] += tallied[name]
        if outcome.state not in SCORED:
            return
        self.scores.add(outcome.scores)
        self.categories.append(self._names.setdefault(outcome.category, outcome.category))
        if outcome.count is not None:
            self.counted.add(outcome.scores)
            self.counts.append(outcome.count)


def lock_results(folder: Path) -> IO[bytes]:
    """Keep a folder of results to this run, until the file is closed.

    Raises BadSetting where another run holds it, OSError.
    """
    try:
        return lock(folder)
    except BlockingIOError as err:
        raise BadSetting('out', str(folder), IN_USE) from err


def write_results(
    results: Iterable[Result],
    skipped: Sequence[BadRecord],
    about: Mapping[str, Any],
    path: str | Path,
) -> None:
    """Write the results of all examples as one JSON object, without times, so that runs compare.

    skipped: records of the data that cannot be used. about: the data, the models and the settings.
    Raises OSError, and leaves an older file as it was.
    """
    record = {
        'about': dict(about),
        'skipped': [_bad(record) for record in skipped],
        'models': {result.name: _model(result, len(skipped)) for result in results},
    }
    with atomic_file(Path(path)) as partial, partial.open('w', encoding='utf-8') as file:
        json.dump(record, file, indent=1, allow_nan=False)
        file.write('\n')


def _model(result: Result, skipped: int) -> dict[str, Any]:
    return {
        'metrics': result.numbers(skipped),
        'complete': result.complete,
        'categories': {row.name: row.numbers() for row in result.summary.categories},
        'counts': {row.name: row.numbers() for row in result.counts},
        'bad_predictions': [_bad(record) for record in result.bad],
        'examples': _Records(result.outcomes),
    }


class _Records(list[dict[str, Any]]):
    """A list for `json.dump`, which makes each record when it is written."""

    def __init__(self, outcomes: OutcomeFile) -> None:
        self._outcomes = outcomes

    def __len__(self) -> int:
        return len(self._outcomes)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(_outcome, self._outcomes)


def _outcome(outcome: ExampleResult) -> dict[str, Any]:
    return {
        'id': outcome.id,
        'category': outcome.category,
        'state': outcome.state.value,
        'scores': dict(outcome.scores),
        'text': outcome.text,
        'truncated': outcome.truncated,
        'why': outcome.why,
    }


def _bad(record: BadRecord) -> dict[str, Any]:
    return {'file': record.file, 'row': record.row, 'why': record.why}
