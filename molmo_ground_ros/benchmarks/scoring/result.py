# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All outcomes of one model, and what they come to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks.metrics.summary import Summary, SummaryRow, count_rows, summarize
from molmo_ground_ros.benchmarks.scoring.predictions import (
    AnswerState,
    ExampleResult,
    Prediction,
    Predictions,
)
from molmo_ground_ros.errors import BadRecord
from molmo_ground_ros.storage.atomic import atomic_file

SCORED = (AnswerState.ANSWERED, AnswerState.UNANSWERED)


@dataclass(frozen=True, slots=True)
class Result:
    """One model's row, and what it was made of."""

    name: str
    outcomes: tuple[ExampleResult, ...]  # in the order of the data
    summary: Summary  # of those that are scored
    counts: tuple[SummaryRow, ...]  # the same by true count, where counts were asked for
    bad: tuple[BadRecord, ...]  # rows of its predictions that cannot be used
    complete: bool

    def tally(self) -> dict[str, int]:
        """How many examples are unanswered, cut off, missing, not asked, and cannot be scored."""
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

    def said(self) -> Iterator[tuple[str, Prediction]]:
        """(id, answer) of every example that has one."""
        for one in self.outcomes:
            if one.state is AnswerState.ANSWERED:
                yield one.id, Prediction(one.text, one.truncated)

    def numbers(self, skipped: int) -> dict[str, float]:
        """One flat object for JSON: metrics with their intervals, then how many of what.

        skipped: records of the data that could not be used.
        """
        return {**self.summary.all.numbers(), 'skipped': skipped, **self.tally()}


def result_of(
    answers: Predictions, outcomes: Sequence[ExampleResult], bad: Iterable[BadRecord]
) -> Result:
    """Sum up one model. bad: rows of its predictions that cannot be used."""
    scored = [outcome for outcome in outcomes if outcome.state in SCORED]
    summary = summarize(
        [outcome.scores for outcome in scored], [outcome.category for outcome in scored]
    )
    counted = [(one.count, one.scores) for one in scored if one.count is not None]
    counts = count_rows([count for count, _ in counted], [scores for _, scores in counted])
    return Result(answers.name, tuple(outcomes), summary, counts, tuple(bad), answers.complete)


def write_results(
    results: Iterable[Result],
    skipped: Sequence[BadRecord],
    about: Mapping[str, Any],
    path: str | Path,
) -> None:
    """Write every example's result as one JSON object. Times are not in it: it can be compared.

    about: what was evaluated, and how. Raises OSError, and leaves an older file as it was.
    """
    record = {
        'about': dict(about),
        'skipped': [_bad(one) for one in skipped],
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
        'bad_predictions': [_bad(one) for one in result.bad],
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
