# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground index`: asks standing questions about all recordings below a folder.

Answers and moments go to one SQLite file, which `molmo-ground find` reads. Questions that an index
was once given are asked about every recording from then on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from molmo_ground_ros.analysis.moments.asking import LocalAsker, RayAsker, WindowAsker
from molmo_ground_ros.analysis.moments.database import NAME, Database
from molmo_ground_ros.analysis.moments.identity import fingerprint
from molmo_ground_ros.analysis.moments.indexing import (
    Indexer,
    IndexOptions,
    Outcome,
    PathReport,
    drop_query,
    standing_queries,
)
from molmo_ground_ros.analysis.moments.places import PlaceNews
from molmo_ground_ros.commands.loading import add_model, add_ray, check_ray, loader_of
from molmo_ground_ros.commands.questions import read_questions
from molmo_ground_ros.commands.window import add_window, window_ns
from molmo_ground_ros.errors import BadSetting, one_line
from molmo_ground_ros.grounding.loader import GrounderLoader
from molmo_ground_ros.types import Query, Question, Task

_INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    parser.add_argument('folder', metavar='FOLDER', type=Path, help='bags and videos are below it')
    parser.add_argument(
        '--index', default='', metavar='FILE', help=f'the index. Default: {NAME} in FOLDER'
    )
    parser.add_argument(
        '--query', action='append', default=[],
        help='a question that is asked from now on; may be given several times. Without any, those '
        'that the index has are asked about what is new',
    )  # fmt: skip
    parser.add_argument(
        '--questions', default='', metavar='FILE', help='more: a YAML list, or text, one a line'
    )
    parser.add_argument(
        '--task', default='auto', choices=[task.name.lower() for task in Task], help='their kind'
    )
    parser.add_argument(
        '--drop', action='append', default=[], metavar='QUERY',
        help='ask this question no more; what was found stays',
    )  # fmt: skip
    parser.add_argument(
        '--topic', action='append', default=[],
        help='image topic, may be given several times. Default: all but depth',
    )  # fmt: skip
    add_window(parser)
    parser.add_argument(
        '--target-frame', default='', metavar='FRAME',
        help="coordinate frame of positions. Default: each camera's own",
    )  # fmt: skip
    add_ray(parser)
    parser.add_argument('--no-positions', action='store_true', help='compute none')
    parser.add_argument('--no-thumbnails', action='store_true', help='store none')
    parser.add_argument('--json', action='store_true', help='print one JSON object a recording')
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print a line for each recording and a sum."""
    folder: Path = arguments.folder
    if not folder.exists():
        raise BadSetting('folder', str(folder), 'there is no such folder or file')
    check_ray(arguments)
    loader, _ = loader_of(arguments)
    options = _options(arguments, loader)
    path = arguments.index or (folder if folder.is_dir() else folder.parent) / NAME
    outcomes: Counter[str] = Counter()
    with Database(path, writable=True) as database:
        for text in arguments.drop:
            if not drop_query(database, text):
                raise BadSetting('drop', text, 'the index asks no such question')
        questions = _questions(arguments, database, loader)
        model = fingerprint(database, loader)
        with Indexer(database, questions, model, _asker(arguments, loader), options) as indexer:
            try:
                for report in indexer.run(folder):
                    outcomes[report.outcome or PlaceNews.GONE] += 1
                    _print(report, arguments.json)
            except KeyboardInterrupt:
                print('molmo-ground: interrupted; what was answered is kept', file=sys.stderr)
                return _INTERRUPTED
    if not arguments.json:
        _print_sum(outcomes, str(path))
    return 0


def _options(arguments: argparse.Namespace, loader: GrounderLoader) -> IndexOptions:
    return IndexOptions(
        topics=tuple(arguments.topic),
        length_ns=window_ns(arguments, loader),
        target_frame=arguments.target_frame,
        positions=not arguments.no_positions,
        thumbnails=not arguments.no_thumbnails,
    )


def _asker(arguments: argparse.Namespace, loader: GrounderLoader) -> WindowAsker:
    """What asks: a backend in this process, or workers on Ray."""
    if arguments.ray:
        return RayAsker(arguments.ray, arguments.ray_workers, loader)
    return LocalAsker(loader.load)


def _questions(
    arguments: argparse.Namespace, database: Database, loader: GrounderLoader
) -> list[Question]:
    """The questions that the index asks already, and those that are given now."""
    task = Task[arguments.task.upper()]
    queries = [*standing_queries(database), *(Query(text, task) for text in arguments.query)]
    if arguments.questions:
        queries += read_questions(arguments.questions, task)
    if not queries:
        raise BadSetting('query', '', 'the index has no question; give --query or --questions')
    return [loader.question(query) for query in dict.fromkeys(queries)]


def _print(report: PathReport, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(report)), flush=True)
    elif line := ': '.join(_words(report)):
        print(one_line(line), flush=True)


def _words(report: PathReport) -> Iterator[str]:
    """The parts of a report's line; none where nothing happened."""
    if report.outcome is Outcome.UNCHANGED and report.news is PlaceNews.SAME:
        return
    yield report.path
    news = '' if report.news is PlaceNews.SAME else report.news
    yield ', '.join(filter(None, [news, report.outcome or '']))
    if report.outcome is Outcome.INDEXED:
        yield f'{report.asked_windows} windows asked, {report.moments} moments'
    if report.why:
        yield report.why


def _print_sum(outcomes: Counter[str], path: str) -> None:
    counts = ', '.join(f'{number} {name}' for name, number in outcomes.items())
    print(one_line(f'{path}: {counts or "there is no recording below the folder"}'))
