# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores of examples to the rows of a table: all, by category, by true count."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.metrics.bootstrap import interval

ALL = 'All'
SMALL = 30  # examples; a row of fewer says how many

# The article's eight, in its order, with the words that data sets have for them: the hub's configs
# of Molmo2-VideoPoint, its VideoCountEval and the reference (molmo2 f3cb108,
# olmo/eval/evaluators.py:2658), compared by letters alone and without a plural's s.
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
_KNOWN = {word: name for name, words in CATEGORIES.items() for word in words}

# The paper's Table 17: 0-5, 5-10, ... 25-60, each without its upper end (evaluators.py:2767-2779).
BINS = (0, 5, 10, 15, 20, 25)


@dataclass(frozen=True, slots=True)
class Statistic:
    """A mean over the examples that have a value, with its interval; nan where none has."""

    mean: float
    low: float
    high: float
    examples: int  # with a value
    undefined: int  # without


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    name: str
    examples: int
    statistics: Mapping[str, Statistic]  # by metric

    @property
    def title(self) -> str:
        """The name, and how many examples where those are few."""
        return f'{self.name} (n = {self.examples})' if self.examples < SMALL else self.name

    def numbers(self) -> dict[str, float]:
        """For JSON: each metric, `<metric>_low`, `<metric>_high`, and `examples`.

        A metric without a value is left out: JSON has no nan.
        """
        told: dict[str, float] = {'examples': self.examples}
        for name, one in self.statistics.items():
            if one.examples:
                told |= {name: one.mean, f'{name}_low': one.low, f'{name}_high': one.high}
        return told


@dataclass(frozen=True, slots=True)
class Summary:
    """All examples, and their rows by category."""

    all: Row
    categories: tuple[Row, ...]  # the article's eight that there are, then others by name


def category_name(found: str) -> str:
    """The article's name of a category as a data set writes it; another is kept as it is."""
    words = re.findall(r'[^\W_]+', found.lower())
    return _KNOWN.get(' '.join(word.rstrip('s') for word in words), found)


def summarize(
    scores: Sequence[Mapping[str, float]],
    categories: Sequence[str] = (),
    seed: int = 0,
    level: float = 0.95,
) -> Summary:
    """Means of each metric over the examples that have it, in all and by category.

    scores: by metric, an example each; nan or a missing metric is undefined, left out of the mean
    and counted. categories: as the data writes them, one an example, '' for none; or none at all.
    Raises BadSetting for categories that are not as many, or a level not within 0 and 1.
    """
    if categories and len(categories) != len(scores):
        raise BadSetting('categories', len(categories), f'are not one for each of {len(scores)}')
    groups: dict[str, list[Mapping[str, float]]] = {}
    for one, category in zip(scores, categories, strict=False):
        if category:
            groups.setdefault(category_name(category), []).append(one)
    order = [*CATEGORIES, *sorted(groups.keys() - CATEGORIES.keys())]
    rows = [row(name, groups[name], seed, level) for name in order if name in groups]
    return Summary(row(ALL, scores, seed, level), tuple(rows))


def row(
    name: str, scores: Sequence[Mapping[str, float]], seed: int = 0, level: float = 0.95
) -> Row:
    """The means of one group of examples, metrics in the order they are met."""
    metrics = dict.fromkeys(metric for one in scores for metric in one)
    statistics = {
        metric: _statistic([one.get(metric, np.nan) for one in scores], seed, level)
        for metric in metrics
    }
    return Row(name, len(scores), statistics)


def count_rows(
    truths: Sequence[int], scores: Sequence[Mapping[str, float]], seed: int = 0
) -> tuple[Row, ...]:
    """Rows by true count, as the paper's Table 17: 0-5 holds 0 to 4; the last holds all above.

    truths: one an example. A bin without examples has no row. Raises BadSetting.
    """
    if len(truths) != len(scores):
        raise BadSetting('truths', len(truths), f'are not one for each of {len(scores)}')
    groups: dict[int, list[Mapping[str, float]]] = {}
    for truth, one in zip(truths, scores, strict=True):
        if truth < BINS[0]:
            raise BadSetting('count', truth, 'is below 0')
        groups.setdefault(int(np.searchsorted(BINS, truth, side='right')) - 1, []).append(one)
    uppers = [str(upper) for upper in BINS[1:]]
    names = [f'{low}-{high}' for low, high in zip(BINS, uppers, strict=False)]
    names.append(f'{BINS[-1]}+')
    return tuple(row(names[k], groups[k], seed) for k in sorted(groups))


def _statistic(values: Sequence[float], seed: int, level: float) -> Statistic:
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    low, high = interval(known.tolist(), seed, level=level)
    mean = float(known.mean()) if len(known) else np.nan
    return Statistic(mean, low, high, len(known), len(values) - len(known))
