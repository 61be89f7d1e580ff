# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tables like the article's: models as rows, metrics as columns, in percent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.benchmarks.metrics.summary import Statistic, SummaryRow
from molmo_ground_ros.benchmarks.scoring.predictions import AnswerState
from molmo_ground_ros.benchmarks.scoring.published import MARK, PublishedRow
from molmo_ground_ros.benchmarks.scoring.result import Result
from molmo_ground_ros.benchmarks.scoring.score import Rules
from molmo_ground_ros.errors import BadRecord
from molmo_ground_ros.reports.answer_table import text_table
from molmo_ground_ros.storage.atomic import atomic_file

# The metrics in the order of the columns, with their titles.
TITLES = {
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
_Line = tuple[str, str, Mapping[str, str]]  # name, number of examples, cells by metric

_NONE = '-'
# What published rows are, beside rows that were measured.
_ELSEWHERE = "measured by others by the reference's rules, of another data set unless yours is"
_TALLY = {
    'unanswered': 'unanswered, and counted as wrong',
    'truncated': 'cut off by the limit of tokens',
    'missing_media': 'left out: the video is missing or cannot be read',
    'not_asked': 'not asked: the run was interrupted',
    'unscored': 'without a score: the data lacks what the rules need',
    'bad_predictions': 'rows of predictions that cannot be used',
}
# The tallies whose examples have reasons.
_STATES = {
    'unanswered': AnswerState.UNANSWERED,
    'missing_media': AnswerState.MISSING,
}
_MOST_REASONS = 3  # of one tally
_REASON = 200  # characters of a reason


@dataclass(frozen=True, slots=True)
class Table:
    """A table of plain text."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """The table for a terminal."""
        return f'{self.title}\n{text_table(self.header, self.rows)}'

    def markdown(self) -> str:
        """The table in Markdown."""
        lines = [self.header, tuple('---' for _ in self.header), *self.rows]
        return f'{self.title}\n\n' + '\n'.join(
            f'| {" | ".join(map(_cell, row))} |' for row in lines
        )


def tables(
    name: str, results: Sequence[Result], beside: Sequence[PublishedRow] = ()
) -> list[Table]:
    """One table of all models, then for each model one by category and one by true count.

    name: of the data. beside: published rows, which are marked and stand in a table of their own,
    because they are of the benchmark's data and not of what was scored here.
    """
    models = [_line(result.name, result.summary.all) for result in results]
    all_tables = [_table(name, 'Model', models)]
    if beside:
        benchmark = beside[0].benchmark
        title = f'{MARK} for {benchmark}: {_ELSEWHERE} {benchmark} itself'
        all_tables.append(_table(title, 'Model', [_published(row) for row in beside]))
    for result in results:
        if result.summary.categories:
            categories = [_line(row.name, row) for row in result.summary.categories]
            all_tables.append(_table(f'{result.name} by category', 'Category', categories))
        if len(result.counts) > 1:
            counts = [_line(row.name, row) for row in result.counts]
            all_tables.append(_table(f'{result.name} by true count', 'Count', counts))
    return all_tables


def write_tables(path: Path, printed: Sequence[Table], lines: Sequence[str]) -> None:
    """Write tables and notes as Markdown: the note of the rules above, the others below.

    Raises OSError, and leaves an older file as it was.
    """
    below = ['\n'.join(f'- {line}' for line in lines[1:])] if lines[1:] else []
    parts = [*lines[:1], *(table.markdown() for table in printed), *below]
    with atomic_file(path) as partial:
        partial.write_text('\n\n'.join(parts) + '\n', encoding='utf-8')


def notes(results: Sequence[Result], skipped: Sequence[BadRecord], rules: Rules) -> list[str]:
    """One line each for the rules, for records that were skipped, and for tallies above 0."""
    lines = [rules_line(rules)]
    if skipped:
        lines.append(f'{len(skipped)} broken records of the data were skipped')
    for result in results:
        for key, number in result.tally.items():
            if number:
                lines.append(f'{result.name}: {number} {_TALLY[key]}{_reasons(result, key)}')
    return lines


def _reasons(result: Result, key: str) -> str:
    """The most frequent reasons of a tally, as the end of its line; '' if it has none."""
    state = _STATES.get(key)
    why = Counter(
        ' '.join(outcome.why.split()) for outcome in result.outcomes if outcome.state is state
    )
    reasons = [f'{text[:_REASON]} ({count})' for text, count in why.most_common(_MOST_REASONS)]
    more = ['...'] if len(why) > len(reasons) else []
    return f': {"; ".join([*reasons, *more])}' if reasons else ''


def rules_line(rules: Rules) -> str:
    """The sentence that names the rules of the scores."""
    if rules.parity:
        return "Scored by the reference's rules (--parity), its mistakes included."
    return 'Scored by the default rules; --parity follows the reference, mistakes included.'


def percent_with_interval(statistic: Statistic) -> str:
    """A mean with its 95 % interval, in percent with one decimal; '-' without a value."""
    if not statistic.examples:
        return _NONE
    return f'{100 * statistic.mean:.1f} [{100 * statistic.low:.1f}, {100 * statistic.high:.1f}]'


def _line(name: str, row: SummaryRow) -> _Line:
    cells = {key: percent_with_interval(value) for key, value in row.statistics.items()}
    return name, str(row.examples), cells


def _published(row: PublishedRow) -> _Line:
    scores = {name: f'{100 * value:.1f}' for name, value in row.scores.items()}
    return f'{row.model} ({MARK}: {row.source})', _NONE, scores


def _table(title: str, kind: str, lines: Sequence[_Line]) -> Table:
    present = dict.fromkeys(metric for _, _, cells in lines for metric in cells)
    metrics = [metric for metric in TITLES if metric in present]
    return Table(
        title,
        (kind, 'n', *(TITLES[metric] for metric in metrics)),
        tuple(
            (name, n, *(cells.get(metric, _NONE) for metric in metrics)) for name, n, cells in lines
        ),
    )


def _cell(text: str) -> str:
    return ' '.join(text.split()).replace('|', '\\|')
