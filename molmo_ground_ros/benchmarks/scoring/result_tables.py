# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Results as tables like the article's: models as rows, metrics as columns, in percent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from molmo_ground_ros.benchmarks.metrics.summary import Statistic, SummaryRow
from molmo_ground_ros.benchmarks.scoring.predictions import AnswerState
from molmo_ground_ros.benchmarks.scoring.published import MARK, PublishedRow
from molmo_ground_ros.benchmarks.scoring.result import Result
from molmo_ground_ros.benchmarks.scoring.score import Rules
from molmo_ground_ros.errors import BadRecord
from molmo_ground_ros.reports.answer_table import text_table

TITLES = {  # in the order of the columns
    'accuracy': 'Acc.',
    'close_accuracy': 'Close Acc.',
    'f1': 'F1',
    'recall': 'Recall',
    'precision': 'Precision',
    'j_and_f': 'J&F',
    'j': 'J',
    'f': 'F',
    'hota': 'HOTA',
    'deta': 'DetA',
    'assa': 'AssA',
    'parse_failures': 'Parse failures',
}
_Line = tuple[str, str, Mapping[str, str]]  # name, examples, cell by metric

_NONE = '-'
_TALLY = {
    'unanswered': 'unanswered, and counted as wrong',
    'truncated': 'cut off by the limit of tokens',
    'missing_media': 'left out: the video is missing or cannot be read',
    'not_asked': 'not asked: the run was interrupted',
    'unscored': 'without a score: the data lacks what the rules need',
    'bad_predictions': 'rows of predictions that cannot be used',
}
_STATES = {
    'unanswered': AnswerState.UNANSWERED,
    'missing_media': AnswerState.MISSING,
}  # that have reasons
_MOST_REASONS = 3  # shown of a state
_REASON = 200  # characters of one


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as plain text."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """For a terminal."""
        return f'{self.title}\n{text_table(self.header, self.rows)}'

    def markdown(self) -> str:
        """For a document."""
        lines = [self.header, tuple('---' for _ in self.header), *self.rows]
        return f'{self.title}\n\n' + '\n'.join(
            f'| {" | ".join(map(_cell, one))} |' for one in lines
        )


def tables(
    name: str, results: Sequence[Result], beside: Sequence[PublishedRow] = ()
) -> list[Table]:
    """Of the data called `name`: all models, then each model's categories and true counts.

    beside: what others published, in rows marked so, below one's own.
    """
    models = [_line(one.name, one.summary.all) for one in results]
    found = [_table(name, 'Model', [*models, *map(_published, beside)])]
    for result in results:
        if result.summary.categories:
            categories = [_line(row.name, row) for row in result.summary.categories]
            found.append(_table(f'{result.name} by category', 'Category', categories))
        if len(result.counts) > 1:
            counts = [_line(row.name, row) for row in result.counts]
            found.append(_table(f'{result.name} by true count', 'Count', counts))
    return found


def notes(results: Sequence[Result], skipped: Sequence[BadRecord], rules: Rules) -> list[str]:
    """What the tables do not tell: the rules, what is left out, what failed; a line each."""
    lines = [rules_line(rules)]
    if skipped:
        lines.append(f'{len(skipped)} broken records of the data were skipped')
    for result in results:
        for key, number in result.tally().items():
            if number:
                lines.append(f'{result.name}: {number} {_TALLY[key]}{_reasons(result, key)}')
    return lines


def _reasons(result: Result, key: str) -> str:
    """The commonest reasons of a tally, behind it."""
    state = _STATES.get(key)
    why = Counter(' '.join(one.why.split()) for one in result.outcomes if one.state is state)
    shown = [f'{text[:_REASON]} ({count})' for text, count in why.most_common(_MOST_REASONS)]
    more = ['...'] if len(why) > len(shown) else []
    return f': {"; ".join([*shown, *more])}' if shown else ''


def rules_line(rules: Rules) -> str:
    """Which rules the scores are by."""
    if rules.parity:
        return "Scored by the reference's rules (--parity), its mistakes included."
    return 'Scored by the default rules; --parity follows the reference, mistakes included.'


def percent_with_interval(one: Statistic) -> str:
    """A mean with its 95 % interval, in percent with one decimal."""
    if not one.examples:
        return _NONE
    return f'{100 * one.mean:.1f} [{100 * one.low:.1f}, {100 * one.high:.1f}]'


def _line(name: str, row: SummaryRow) -> _Line:
    return (
        name,
        str(row.examples),
        {key: percent_with_interval(one) for key, one in row.statistics.items()},
    )


def _published(row: PublishedRow) -> _Line:
    scores = {name: f'{100 * value:.1f}' for name, value in row.scores.items()}
    return f'{row.model} ({MARK}: {row.source})', _NONE, scores


def _table(title: str, kind: str, lines: Sequence[_Line]) -> Table:
    there = dict.fromkeys(metric for _, _, cells in lines for metric in cells)
    metrics = [one for one in TITLES if one in there]
    return Table(
        title,
        (kind, 'n', *(TITLES[metric] for metric in metrics)),
        tuple((name, n, *(cells.get(one, _NONE) for one in metrics)) for name, n, cells in lines),
    )


def _cell(text: str) -> str:
    return ' '.join(text.split()).replace('|', '\\|')
