# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The results of all examples with one model, their averages, and both as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from molmo_ground_ros.benchmarks.metrics.summary import Summary, SummaryRow, count_rows, summarize
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


@dataclass(frozen=True, slots=True)
class Result:
    """The results of one model."""

    name: str
    outcomes: tuple[ExampleResult, ...]  # in the order of the data
    summary: Summary  # the averages of the scored examples
    counts: tuple[SummaryRow, ...]  # the averages by true count, if counts were asked for
    bad: tuple[BadRecord, ...]  # rows of its predictions that cannot be used
    complete: bool

    def tally(self) -> dict[str, int]:
        """The numbers of examples that are unanswered, cut off, missing, not asked or unscored."""
        states = Counter(outcome.state for outcome in self.outcomes)
        return {
            'unanswered': states[AnswerState.UNANSWERED],
            'truncated': sum(outcome.truncated for outcome in self.outcomes),
            'missing_media': states[AnswerState.MISSING],
            'not_asked': states[AnswerState.NOT_ASKED],
            'unscored': sum(
                outcome.state in SCORED and not outcome.scores for outcome in self.outcomes
            ),
            'bad_predictions': len(self.bad),
        }

    def answers(self) -> Iterator[tuple[str, Prediction]]:
        """(id, answer) of every answered example."""
        for outcome in self.outcomes:
            if outcome.state is AnswerState.ANSWERED:
                yield outcome.id, Prediction(outcome.text, outcome.truncated)

    def numbers(self, skipped: int) -> dict[str, float]:
        """One flat object for JSON: the metrics with their intervals, then the counts of `tally`.

        skipped: records of the data that could not be used.
        """
        return {**self.summary.all.numbers(), 'skipped': skipped, **self.tally()}


def result_of(
    answers: Predictions, outcomes: Sequence[ExampleResult], bad: Iterable[BadRecord]
) -> Result:
    """The result of one model. bad: rows of its predictions that cannot be used."""
    scored = [outcome for outcome in outcomes if outcome.state in SCORED]
    summary = summarize(
        [outcome.scores for outcome in scored], [outcome.category for outcome in scored]
    )
    counted = [(outcome.count, outcome.scores) for outcome in scored if outcome.count is not None]
    counts = count_rows([count for count, _ in counted], [scores for _, scores in counted])
    return Result(answers.name, tuple(outcomes), summary, counts, tuple(bad), answers.complete)


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
        'examples': [_outcome(outcome) for outcome in result.outcomes],
    }


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
