# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Averages the scores of examples into the rows of a table: all, by category, by true count."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.metrics.bootstrap import bootstrap_interval
from molmo_ground_ros.errors import BadArgument

Scores = Mapping[str, float]  # of one example, by metric

ALL = 'All'
SMALL = 30  # a row with fewer examples says how many

# The article's eight categories, in its order. Behind each stand the words that data sets use for
# it: the hub's configs of Molmo2-VideoPoint, its VideoCountEval and the reference (molmo2 f3cb108,
# olmo/eval/evaluators.py:2658). Words are compared by letters only, without the s of a plural.
CATEGORIES: Mapping[str, tuple[str, ...]] = {
    'Objects': ('object',),
    'Animals': ('animal',),
    'Actions/Events': ('action or event', 'action event', 'action', 'event', 'action and event'),
    'Referring expressions': ('referring expression', 'referring'),
    'Indirect references': ('indirect reference', 'indirect'),
    'Spatial references': ('spatial reference', 'spatial'),
    'Comparative references': ('comparative reference', 'comparative'),
    'Visual artifacts/anomalies': (
        *('anomaly', 'anomalie', 'artifact', 'artefact', 'visual artifact', 'visual artefact'),
        *('visual artifact anomalie', 'visual artefact anomalie', 'visual anomaly'),
        *('visual anomalie', 'visual artifact anomaly', 'visual artefact anomaly'),
    ),
}
_CATEGORY_OF_WORDS = {word: name for name, words in CATEGORIES.items() for word in words}

# The bins of the paper's Table 17: 0-5, 5-10, ... 25-60, each without its upper end
# (evaluators.py:2767-2779).
BINS = (0, 5, 10, 15, 20, 25)


@dataclass(frozen=True, slots=True)
class Statistic:
    """The mean of the examples that have a value, with its interval; nan if none has one."""

    mean: float
    low: float
    high: float
    examples: int  # that have a value
    undefined: int  # examples without a value


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One row of a table."""

    name: str
    examples: int
    statistics: Mapping[str, Statistic]  # by metric

    @property
    def title(self) -> str:
        """The name, with the number of examples if there are few."""
        return f'{self.name} (n = {self.examples})' if self.examples < SMALL else self.name

    def numbers(self) -> dict[str, float]:
        """For JSON: each metric, `<metric>_low`, `<metric>_high`, and `examples`.

        A metric without a value is left out, because JSON has no nan.
        """
        record: dict[str, float] = {'examples': self.examples}
        for name, metric in self.statistics.items():
            if metric.examples:
                record |= {
                    name: metric.mean,
                    f'{name}_low': metric.low,
                    f'{name}_high': metric.high,
                }
        return record


@dataclass(frozen=True, slots=True)
class Summary:
    """The row of all examples, and a row for each category."""

    all: SummaryRow
    categories: tuple[SummaryRow, ...]  # the article's in its order, then others by name


def category_name(category: str) -> str:
    """The article's name for a category as a data set writes it; another category is unchanged."""
    words = re.findall(r'[^\W_]+', category.lower())
    return _CATEGORY_OF_WORDS.get(' '.join(word.rstrip('s') for word in words), category)


class ScoreTable:
    """The scores of many examples: 8 bytes for each metric of each, nan where it is undefined."""

    def __init__(self, scores: Iterable[Scores] = ()) -> None:
        """scores: of the first examples."""
        self._columns: dict[str, array[float]] = {}
        self._rows = 0
        for of_example in scores:
            self.add(of_example)

    def __len__(self) -> int:
        """How many examples there are."""
        return self._rows

    def add(self, scores: Scores) -> None:
        """Add an example."""
        for metric in scores:
            if metric not in self._columns:
                self._columns[metric] = array('d', [np.nan] * self._rows)
        self._rows += 1
        for metric, column in self._columns.items():
            column.append(scores.get(metric, np.nan))

    def columns(self, rows: Sequence[int] | None = None) -> dict[str, NDArray[np.float64]]:
        """The values by metric, in the order in which metrics first appear.

        rows: of some examples, of which metrics without a value are left out; None: of all.
        """
        values = {name: np.array(column, np.float64) for name, column in self._columns.items()}
        if rows is None:
            return values
        chosen = {name: column[list(rows)] for name, column in values.items()}
        return {name: column for name, column in chosen.items() if not np.isnan(column).all()}


def summarize(
    scores: Iterable[Scores] | ScoreTable,
    categories: Sequence[str] = (),
    seed: int = 0,
    level: float = 0.95,
) -> Summary:
    """The mean of each metric over the examples that have it: of all, and by category.

    scores: one mapping for each example, by metric. A metric that is nan or missing is undefined:
    it is left out of the mean and counted. categories: as the data writes them, one for each
    example, '' for none; or empty.
    Raises BadArgument for another number of categories, and for a level outside (0, 1).
    """
    table = scores if isinstance(scores, ScoreTable) else ScoreTable(scores)
    if categories and len(categories) != len(table):
        raise BadArgument('categories', len(categories), f'are not one for each of {len(table)}')
    groups: dict[str, list[int]] = {}
    for k, category in enumerate(categories):
        if category:
            groups.setdefault(category_name(category), []).append(k)
    order = [*CATEGORIES, *sorted(groups.keys() - CATEGORIES.keys())]
    rows = [row(name, table, groups[name], seed, level) for name in order if name in groups]
    return Summary(row(ALL, table, None, seed, level), tuple(rows))


def row(
    name: str,
    scores: ScoreTable,
    examples: Sequence[int] | None = None,
    seed: int = 0,
    level: float = 0.95,
) -> SummaryRow:
    """The means of one group of examples. examples: their numbers in the table; None: all."""
    statistics = {
        metric: _statistic(values, seed, level)
        for metric, values in scores.columns(examples).items()
    }
    return SummaryRow(name, len(scores) if examples is None else len(examples), statistics)


def count_rows(
    truths: Sequence[int], scores: Iterable[Scores] | ScoreTable, seed: int = 0
) -> tuple[SummaryRow, ...]:
    """One row for each bin of true counts, as in the paper's Table 17.

    Bin 0-5 holds 0 to 4, and the last bin holds all counts above. A bin without examples has no
    row. truths: the true count of each example. Raises BadArgument for a count below 0, and for
    another number of counts.
    """
    table = scores if isinstance(scores, ScoreTable) else ScoreTable(scores)
    if len(truths) != len(table):
        raise BadArgument('truths', len(truths), f'are not one for each of {len(table)}')
    groups: dict[int, list[int]] = {}
    for k, truth in enumerate(truths):
        if truth < BINS[0]:
            raise BadArgument('count', truth, 'is below 0')
        place = int(np.searchsorted(BINS, truth, side='right')) - 1
        groups.setdefault(place, []).append(k)
    uppers = [str(upper) for upper in BINS[1:]]
    names = [f'{low}-{high}' for low, high in zip(BINS, uppers, strict=False)]
    names.append(f'{BINS[-1]}+')
    return tuple(row(names[k], table, groups[k], seed) for k in sorted(groups))


def _statistic(values: NDArray[np.float64], seed: int, level: float) -> Statistic:
    defined = values[~np.isnan(values)]
    low, high = bootstrap_interval(defined.tolist(), seed, level=level)
    mean = float(defined.mean()) if len(defined) else np.nan
    return Statistic(mean, low, high, len(defined), len(values) - len(defined))
