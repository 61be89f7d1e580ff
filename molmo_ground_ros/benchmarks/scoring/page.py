# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An evaluation as one HTML page that holds all it needs and asks nothing of any network.

Tables, how the scores are spread, what is left out, and the worst and best examples drawn. No
script runs on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from molmo_ground_ros.benchmarks.datasets.examples import (
    CountTruth,
    Example,
    ImageTruth,
    PointTruth,
    Truth,
)
from molmo_ground_ros.benchmarks.scoring.drawing import PictureOf, figures
from molmo_ground_ros.benchmarks.scoring.evaluation import Evaluation
from molmo_ground_ros.benchmarks.scoring.predictions import ExampleResult
from molmo_ground_ros.benchmarks.scoring.result import Result
from molmo_ground_ros.benchmarks.scoring.result_tables import TITLES, Table
from molmo_ground_ros.benchmarks.scoring.score import Rules, points_of
from molmo_ground_ros.benchmarks.scoring.worst_and_best import MAIN, JudgedExample, main_score
from molmo_ground_ros.reports import html
from molmo_ground_ros.reports.style import STYLE
from molmo_ground_ros.reports.words import escaped
from molmo_ground_ros.storage.atomic import atomic_file

BINS = 10  # of the scores' histogram
MOST_SHOWN = 48  # examples drawn on a page: 192 pictures of at most 60 kB
MOST_TEXT = 2000  # characters of an answer
MOST_SKIPPED = 200  # broken records named

_READING = """Coloured areas are the true masks, crosses the points of the data. Rings are points
that the model said, with their ids: green in some mask of the frame, red and dashed in none, white
where the data has no masks. Which point stands for which object is decided for the whole example,
so a green one may still be too many."""
_STYLE = """
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .75rem; }
.strip .shot { margin: 0; }
.strip figcaption { font-size: .8rem; }
.strip path.true { fill: none; }
.example { margin: 1rem 0 2rem; }
.example h4 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
.histogram { display: flex; align-items: flex-end; gap: 2px; height: 8rem; max-width: 36rem;
  border-bottom: 1px solid var(--faint); }
.histogram span { flex: 1; min-height: 1px; background: #8fb4d9; position: relative; }
.histogram b { position: absolute; bottom: 100%; width: 100%; text-align: center;
  font-size: .75rem; font-weight: 400; }
.ends { display: flex; justify-content: space-between; max-width: 36rem; font-size: .75rem;
  color: var(--faint); }
.interval { display: block; white-space: nowrap; font-size: .75rem; color: var(--faint); }
.tables .scroll { max-height: none; }
"""


def write_page(
    title: str,
    about: Mapping[str, str],
    found: Evaluation,
    tables: Sequence[Table],
    notes: Sequence[str],
    rules: Rules,
    picture: PictureOf,
    path: str | Path,
) -> None:
    """Write the page. title: of the data. about: facts of the run. tables, notes: as printed.

    Pictures are asked for one at a time; one that is not there is told in its place. Raises
    OSError, and leaves an older file as it was.
    """
    body = _body(title, about, found, tables, notes, rules, picture)
    with atomic_file(Path(path)) as partial, partial.open('w', encoding='utf-8') as file:
        file.writelines(html.document(title, body, STYLE + _STYLE))


def _body(
    title: str,
    about: Mapping[str, str],
    found: Evaluation,
    tables: Sequence[Table],
    notes: Sequence[str],
    rules: Rules,
    picture: PictureOf,
) -> Iterator[str]:
    yield f'<header><h1>Evaluation</h1><h2>{escaped(title)}</h2>'
    yield html.facts(*about.items())
    if not all(result.complete for result in found.results):
        yield '<p class="warn">The run was interrupted: what it did not reach is left out.</p>'
    yield '</header><main><section class="tables">'
    for table in tables:
        yield f'<h3>{escaped(table.title)}</h3>'
        rows = ([_cell(cell) for cell in row] for row in table.rows)
        yield from html.table([escaped(cell) for cell in table.header], rows)
    yield '<ul>' + ''.join(f'<li>{escaped(note)}</li>' for note in notes) + '</ul>'
    yield '<p class="faint">In percent; in brackets the 95 % interval of the mean over examples '
    yield '(bootstrap). n: examples that are scored.</p></section>\n'
    each = max(1, MOST_SHOWN // max(1, 2 * len(found.results)))
    for result, extremes in zip(found.results, found.extremes, strict=True):
        yield f'<section class="finding"><h2>{escaped(result.name)}</h2>'
        yield from _histogram(result)
        yield from _shown('The worst', extremes.worst()[:each], rules, picture)
        yield from _shown('The best', extremes.best()[:each], rules, picture)
        yield '</section>\n'
    yield from _left_out(found)
    yield f'<section class="about"><h3>How to read this</h3><p>{_READING}</p></section></main>'


def _cell(text: str) -> str:
    """A mean stands over its interval."""
    mean, bracket, rest = text.partition(' [')
    if not (bracket and rest.endswith(']')):
        return escaped(text)
    return f'{escaped(mean)}<span class="interval">[{escaped(rest)}</span>'


def _histogram(result: Result) -> Iterator[str]:
    scores = [score for one in result.outcomes if (score := main_score(one.scores)) is not None]
    if not scores:
        return
    counts = [0] * BINS
    for score in scores:
        counts[min(int(score * BINS), BINS - 1)] += 1
    ends = [f'{place / BINS:.1f} to {(place + 1) / BINS:.1f}' for place in range(BINS)]
    said = ', '.join(f'{end}: {count}' for end, count in zip(ends, counts, strict=True) if count)
    name = next(TITLES[one] for one in MAIN if one in result.summary.all.statistics)
    yield f'<h3>{escaped(name)} by example</h3>'
    yield f'<div class="histogram" role="img" aria-label="{escaped(said)}">'
    for end, count in zip(ends, counts, strict=True):
        tall = 85 * count / max(counts)
        yield f'<span style="height:{tall:.1f}%" title="{end}: {count}"><b>{count or ""}</b></span>'
    yield '</div><p class="ends"><span>0</span><span>1</span></p>'


def _shown(
    heading: str, shown: Sequence[JudgedExample], rules: Rules, picture: PictureOf
) -> Iterator[str]:
    if not shown:
        return
    yield f'<h3>{heading}</h3>'
    for example, outcome in shown:
        yield '<div class="example">'
        yield f'<h4>{escaped(example.query)}</h4>'
        yield f'<p>{escaped(_scores(outcome))}</p>'
        yield f'<p class="faint">{escaped(_whence(example))}</p>'
        yield from figures(example, points_of(example, outcome.text, rules), picture)
        yield from _answer(outcome)
        yield '</div>\n'


def _answer(outcome: ExampleResult) -> Iterator[str]:
    if outcome.why:
        yield f'<p class="warn">{escaped(outcome.state)}: {escaped(outcome.why)}</p>'
        return
    cut = '\u2026' if len(outcome.text) > MOST_TEXT else ''
    yield f'<p class="said">{escaped(outcome.text[:MOST_TEXT])}{cut}</p>'
    if outcome.truncated:
        yield '<p class="warn">The answer was cut off by the limit of tokens.</p>'


def _scores(outcome: ExampleResult) -> str:
    return ', '.join(
        f'{TITLES.get(name, name)} {100 * value:.1f}' for name, value in outcome.scores.items()
    )


def _whence(example: Example) -> str:
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


def _left_out(found: Evaluation) -> Iterator[str]:
    bad = [*found.skipped, *(one for result in found.results for one in result.bad)]
    if not bad:
        return
    yield f'<section class="about"><h3>Skipped ({len(bad)})</h3><ul>'
    yield from (f'<li class="said">{escaped(one)}</li>' for one in bad[:MOST_SKIPPED])
    yield '</ul>'
    if len(bad) > MOST_SKIPPED:
        yield f'<p>and {len(bad) - MOST_SKIPPED} more</p>'
    yield '</section>'
