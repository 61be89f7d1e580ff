# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An evaluation as one HTML page that holds all it needs and asks nothing of any network.

Tables, a histogram of the scores, the worst and best examples drawn, and what is left out. No
script runs on it. What it looks like is `reports/templates/evaluation.html`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.benchmarks.datasets.examples import (
    CountTruth,
    Example,
    ImageTruth,
    PointTruth,
    Truth,
)
from molmo_ground_ros.benchmarks.scoring.drawing import (
    ExampleFigure,
    ImageReader,
    drawn_frames,
    figure,
)
from molmo_ground_ros.benchmarks.scoring.evaluation import Evaluation
from molmo_ground_ros.benchmarks.scoring.predictions import ExampleResult
from molmo_ground_ros.benchmarks.scoring.result import Result
from molmo_ground_ros.benchmarks.scoring.result_tables import TITLES, Table
from molmo_ground_ros.benchmarks.scoring.score import Rules, points_of
from molmo_ground_ros.benchmarks.scoring.worst_and_best import MAIN, JudgedExample, main_score
from molmo_ground_ros.reports.html import write_html

BINS = 10  # of the scores' histogram
MOST_EXAMPLES = 48  # drawn on a page: 192 images of at most 60 kB
MOST_TEXT = 2000  # characters of an answer
MOST_SKIPPED = 200  # broken records named
_TALLEST = 85  # percent of the histogram's height


@dataclass(frozen=True, slots=True)
class HistogramBar:
    """The examples whose score lies in one tenth."""

    label: str  # '0.1 to 0.2'
    count: int
    percent: float  # of the histogram's height


@dataclass(frozen=True, slots=True)
class Histogram:
    """How the examples' scores are spread."""

    name: str  # of the score
    label: str  # the counts in words
    bars: tuple[HistogramBar, ...]


@dataclass(frozen=True, slots=True)
class DrawnExample:
    """One example of the page, with its answer."""

    query: str
    scores: str
    origin: str  # its id, category, truth, video and row
    outcome: ExampleResult
    frames: int  # how many figures there are
    figures: Iterator[ExampleFigure]  # can be read once: it decodes their images


@dataclass(frozen=True, slots=True)
class ModelSection:
    """What the page shows of one model."""

    name: str
    histogram: Histogram | None  # None where nothing was scored
    examples: tuple[tuple[str, list[DrawnExample]], ...]  # by heading


def write_page(
    title: str,
    about: Mapping[str, str],
    evaluation: Evaluation,
    tables: Sequence[Table],
    notes: Sequence[str],
    rules: Rules,
    read_image: ImageReader,
    path: str | Path,
) -> None:
    """Write the page. title: of the data. about: facts of the run. tables, notes: as printed.

    One image is decoded at a time; where it cannot be, the page says why. Raises OSError, which
    leaves an older file as it was, and MissingPackage.
    """
    bad = (record for result in evaluation.results for record in result.bad)
    write_html(
        Path(path),
        'evaluation.html',
        'page.css',
        'evaluation.css',
        title=title,
        about=about,
        complete=all(result.complete for result in evaluation.results),
        tables=tables,
        notes=notes,
        sections=_sections(evaluation, rules, read_image),
        skipped=[*evaluation.skipped, *bad],
        most_skipped=MOST_SKIPPED,
        most_text=MOST_TEXT,
    )


def _sections(
    evaluation: Evaluation, rules: Rules, read_image: ImageReader
) -> Iterator[ModelSection]:
    each = max(1, MOST_EXAMPLES // max(1, 2 * len(evaluation.results)))

    def draw(examples: Sequence[JudgedExample]) -> list[DrawnExample]:
        return [_example(*judged, rules, read_image) for judged in examples[:each]]

    for result, extremes in zip(evaluation.results, evaluation.extremes, strict=True):
        examples = (('The worst', draw(extremes.worst())), ('The best', draw(extremes.best())))
        yield ModelSection(result.name, _histogram(result), examples)


def _histogram(result: Result) -> Histogram | None:
    scores = [
        score for outcome in result.outcomes if (score := main_score(outcome.scores)) is not None
    ]
    if not scores:
        return None
    counts = [0] * BINS
    for score in scores:
        counts[min(int(score * BINS), BINS - 1)] += 1
    bars = tuple(
        HistogramBar(
            f'{place / BINS:.1f} to {(place + 1) / BINS:.1f}', count, _TALLEST * count / max(counts)
        )
        for place, count in enumerate(counts)
    )
    label = ', '.join(f'{tenth.label}: {tenth.count}' for tenth in bars if tenth.count)
    name = next(TITLES[metric] for metric in MAIN if metric in result.summary.all.statistics)
    return Histogram(name, label, bars)


def _example(
    example: Example, outcome: ExampleResult, rules: Rules, read_image: ImageReader
) -> DrawnExample:
    frames = drawn_frames(example, points_of(example, outcome.text, rules))
    figures = (figure(example, frame, read_image) for frame in frames)
    scores = ', '.join(
        f'{TITLES.get(name, name)} {100 * value:.1f}' for name, value in outcome.scores.items()
    )
    return DrawnExample(example.query, scores, _origin(example), outcome, len(frames), figures)


def _origin(example: Example) -> str:
    """Where an example comes from, in words."""
    parts = [f'id {example.id}', example.category, _truth(example.truth)]
    video = f'{example.media.name}'
    if example.media.start_s or example.media.end_s is not None:
        end = 'its end' if example.media.end_s is None else f'{example.media.end_s:g} s'
        video += f', {example.media.start_s:g} s to {end}'
    return '; '.join(part for part in (*parts, video, f'{example.file}:{example.row}') if part)


def _truth(truth: Truth) -> str:
    match truth:
        case CountTruth(count):
            return f'truth: {count}'
        case PointTruth(objects):
            return f'truth: {len(objects)} to point to'
        case ImageTruth(masks):
            return f'truth: {len(masks)} masks'
        case _:
            return f'truth: {len(truth.objects)} to follow'
