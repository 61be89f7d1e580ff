# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground evaluate`: scores models on a data set, and prints a table like the article's."""

from __future__ import annotations

import argparse
import functools
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

from molmo_ground_ros import backends, config
from molmo_ground_ros.backends.segmenter import load_segmenter
from molmo_ground_ros.backends.server.endpoint import is_address
from molmo_ground_ros.benchmarks import datasets
from molmo_ground_ros.benchmarks.datasets.media import MediaFolder
from molmo_ground_ros.benchmarks.scoring.answer_store import AnswerStore, settings_digest
from molmo_ground_ros.benchmarks.scoring.evaluation import (
    AddMaskScores,
    Evaluation,
    evaluate,
    unreached,
)
from molmo_ground_ros.benchmarks.scoring.evaluation_data import EvaluationData
from molmo_ground_ros.benchmarks.scoring.page import write_page
from molmo_ground_ros.benchmarks.scoring.predict import predict
from molmo_ground_ros.benchmarks.scoring.prediction_files import read_predictions, write_predictions
from molmo_ground_ros.benchmarks.scoring.predictions import Predictions
from molmo_ground_ros.benchmarks.scoring.published import (
    PublishedRow,
    benchmarks,
    published,
    published_beside,
)
from molmo_ground_ros.benchmarks.scoring.result import lock_results, write_results
from molmo_ground_ros.benchmarks.scoring.result_tables import Table, notes, tables, write_tables
from molmo_ground_ros.benchmarks.scoring.score import Rules, rules_of
from molmo_ground_ros.benchmarks.scoring.segmenting import with_mask_scores
from molmo_ground_ros.commands.progress import StepProgress
from molmo_ground_ros.commands.settings import add_settings
from molmo_ground_ros.errors import BadRecord, BadSetting, listed
from molmo_ground_ros.grounding.loader import GrounderLoader

RESULTS, TABLE = 'results.json', 'table.md'
# The exit code that shells give a command that SIGINT ended.
INTERRUPTED = 130
# Records that cannot be used and are named on stderr; results.json names all of them.
MOST_COMPLAINTS = 100
# The default of --processes: more would wait for the process that reads the examples.
MOST_PROCESSES = 8
# Up to so many examples are scored without a progress bar.
_QUIET = 200
# The value of --published without a name: the published rows of the data set's own benchmark.
_BESIDE = '.'

# Settings that matter only where a model is asked.
_ASKING = ('backend', 'device', 'dtype', 'threads', 'max_new_tokens')
_SETTINGS = (*_ASKING, 'answer_format')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    parser.add_argument('--data', required=True, metavar='DIR', help='the data set, a folder')
    parser.add_argument(
        '--format', required=True, metavar='NAME', help=f'one of {", ".join(datasets.FORMATS)}'
    )
    parser.add_argument(
        '--model', action='append', default=[], metavar='PATH',
        help='the model to ask, as of analyze; several are asked one after the other, a row each',
    )  # fmt: skip
    parser.add_argument(
        '--predictions', action='append', default=[], metavar='[NAME=]FILE',
        help='score what was said, JSON Lines of {"id", "text"}, and ask nobody; several: a row '
        'each, under its name or that of the file',
    )  # fmt: skip
    parser.add_argument(
        '--media', default='', metavar='DIR', help='where the videos are. Default: below --data.'
    )
    parser.add_argument('--limit', type=int, default=0, metavar='N', help='the first N examples')
    parser.add_argument(
        '--parity', action='store_true', help="score as Molmo2's own code does, mistakes included"
    )
    parser.add_argument(
        '--strict', action='store_true', help='stop at the first record that cannot be used'
    )
    parser.add_argument(
        '--out', default='', metavar='FOLDER',
        help=f'write {RESULTS}, {TABLE}, the predictions and what --resume needs. Default, where a '
        'model is asked: evaluation-FORMAT.',
    )  # fmt: skip
    parser.add_argument('--html', default='', metavar='FILE', help='write a page to look at')
    parser.add_argument(
        '--published', nargs='?', const=_BESIDE, default=None, metavar='BENCHMARK',
        help='print what the article and the paper published, marked so, below the table; without '
        f'a name of the benchmark that --format is of. Others: {", ".join(benchmarks())}',
    )  # fmt: skip
    parser.add_argument(
        '--sam2', default='', metavar='MODEL',
        help='J&F of tracks: a folder or hub id of SAM 2, which makes masks of the points',
    )  # fmt: skip
    parser.add_argument('--resume', action='store_true', help='go on from the answers in --out')
    parser.add_argument('--json', action='store_true', help='print one JSON object of the metrics')
    parser.add_argument(
        '--processes', type=int, default=min(os.cpu_count() or 1, MOST_PROCESSES), metavar='N',
        help='that score, where there are many examples. Default: %(default)s.',
    )  # fmt: skip
    add_settings(parser, _SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Ask the models or read predictions, score them, print the tables, write the files."""
    _check(arguments)
    predictions = frozenset(Path(path).resolve() for _, path in map(_named, arguments.predictions))
    data = EvaluationData(arguments.format, arguments.data, arguments.limit, predictions)
    rules = rules_of(data.name, arguments.parity, arguments.answer_format)
    media = MediaFolder(arguments.media or _folder(arguments.data))
    complaints = _Complaints(arguments.strict)
    follow = _segmenter(arguments, media, rules)
    with lock_results(Path(_out(arguments))) if _out(arguments) else nullcontext():
        return _evaluate(arguments, data, media, rules, complaints, follow)


def _evaluate(
    arguments: argparse.Namespace,
    data: EvaluationData,
    media: MediaFolder,
    rules: Rules,
    complaints: _Complaints,
    follow: AddMaskScores | None,
) -> int:
    if arguments.predictions:
        models = _read(arguments, complaints)
    else:
        models = _ask(arguments, data, media, complaints)
    total = max((len(model.answers) for model in models), default=0)
    with StepProgress(
        'scoring', total, sys.stderr, enabled=total > _QUIET or follow is not None
    ) as progress:
        evaluation = evaluate(
            data, models, rules, arguments.processes, complaints, progress.show, follow
        )
    complaints.close()
    if not evaluation.results[0].outcomes and not evaluation.skipped:
        raise BadSetting('data', arguments.data, 'holds no example')
    printed_tables = tables(data.name, evaluation.results, _published(arguments, data.name))
    lines = notes(evaluation.results, evaluation.skipped, rules)
    about = _about(arguments)
    if _out(arguments):
        _write_files(arguments, about, evaluation, printed_tables, lines)
    if arguments.html:
        facts = {name: _fact(value) for name, value in about.items() if value}
        what = printed_tables, lines, rules, media.image
        write_page(f'{data.name}: {arguments.data}', facts, evaluation, *what, arguments.html)
    if arguments.json:
        print(json.dumps(_record(evaluation)))
    else:
        print('\n\n'.join([*(table.text() for table in printed_tables), '\n'.join(lines)]))
    return _exit_code(evaluation)


def _check(arguments: argparse.Namespace) -> None:
    if not arguments.model and not arguments.predictions:
        raise BadSetting('model', '', 'name one to ask, or what was said with --predictions')
    if arguments.resume and arguments.predictions:
        raise BadSetting('resume', True, 'asks a model, and --predictions asks none')
    if arguments.processes < 1:
        raise BadSetting('processes', arguments.processes, 'is below 1')
    config.check('answer_format', arguments.answer_format)
    out = _out(arguments)
    if out and Path(out).resolve().is_relative_to(Path(arguments.data).resolve()):
        raise BadSetting('out', out, f"lies in '{arguments.data}' and would be read as data")


def _folder(data: str) -> str:
    """The folder of the data, where videos are looked for if --media is missing."""
    path = Path(data)
    return data if path.is_dir() else str(path.parent)


class _Complaints:
    """Names each record that cannot be used on stderr, once; raises it if `strict`."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._named_faults: set[str] = set()

    def __call__(self, bad: BadRecord) -> None:
        text = str(bad)
        if self._strict:
            raise bad
        if text in self._named_faults:
            return
        self._named_faults.add(text)
        if len(self._named_faults) <= MOST_COMPLAINTS:
            print(f'molmo-ground: skipped {" ".join(text.split())}', file=sys.stderr)

    def close(self) -> None:
        """Print how many records over MOST_COMPLAINTS were not named."""
        if len(self._named_faults) > MOST_COMPLAINTS:
            print(
                f'molmo-ground: skipped {len(self._named_faults) - MOST_COMPLAINTS} more',
                file=sys.stderr,
            )


def _read(arguments: argparse.Namespace, complaints: _Complaints) -> list[Predictions]:
    """Read predictions from files. A single file without a name is named for --model, if given."""
    sources = [_named(argument) for argument in arguments.predictions]
    if len(sources) == 1 and not sources[0][0] and len(arguments.model) == 1:
        sources = [(_label(arguments.model[0]), sources[0][1])]
    files = [path for _, path in sources]
    names = _unique([name or Path(path).stem for name, path in sources], files)
    models = [read_predictions(path, name) for name, path in zip(names, files, strict=True)]
    for model in models:
        for bad in model.bad:
            complaints(bad)
    return models


def _named(argument: str) -> tuple[str, str]:
    """(name, file) of NAME=FILE; ('', argument) where a file has just that name."""
    name, equals, path = argument.partition('=')
    return (name, path) if equals and not Path(argument).exists() else ('', argument)


def _label(model: str) -> str:
    """The name of a model in a table."""
    if is_address(model):
        return model.rpartition('#')[2] or model
    return Path(model).name or model


def _unique(names: Sequence[str], longer: Sequence[str]) -> list[str]:
    """Distinct names: the longer form of a name that occurs twice, and then with a number."""
    counts = Counter(names)
    uniques: list[str] = []
    for name, long in zip(names, longer, strict=True):
        base = long if counts[name] > 1 else name
        number, unique = 1, base
        while unique in uniques:
            number += 1
            unique = f'{base} ({number})'
        uniques.append(unique)
    return uniques


def _ask(
    arguments: argparse.Namespace, data: EvaluationData, media: MediaFolder, complaints: _Complaints
) -> list[Predictions]:
    """The predictions of each model, asked in turn. After Ctrl-C the finished ones are scored."""
    total = _look(arguments, data, media, complaints)
    names = _unique([_label(model) for model in arguments.model], arguments.model)
    predictions: list[Predictions] = []
    for number, (name, model) in enumerate(zip(names, arguments.model, strict=True), start=1):
        if not total:
            predictions.append(Predictions(name, {}))
            continue
        if predictions and not predictions[-1].complete:
            predictions.append(unreached(name))
            continue
        chosen = {key: getattr(arguments, key) for key in _SETTINGS} | {'model': model}
        settings = config.settings(chosen)
        named = {key: str(getattr(settings, key)) for key in chosen}
        named |= {'format': data.name, 'media': str(media.folder.resolve())}
        with ExitStack() as stack:
            store = stack.enter_context(
                AnswerStore(_out(arguments), settings_digest(named), resume=arguments.resume)
            )
            loader = GrounderLoader(
                settings.backend,
                backends.settings_of(settings),
                settings.max_new_tokens,
                settings.answer_format,
            )
            grounder = loader.load()
            stack.callback(grounder.close)
            which = f'{number}/{len(names)} {name}' if len(names) > 1 else name
            progress = stack.enter_context(StepProgress(which, total, sys.stderr, enabled=True))
            predictions.append(
                predict(name, data.examples(), grounder, media.clip, store, progress.show)
            )
    return predictions


def _look(
    arguments: argparse.Namespace, data: EvaluationData, media: MediaFolder, complaints: _Complaints
) -> int:
    """Count the examples, and name broken records and missing media before any model is asked."""
    report = media.missing(data.examples(complaints))
    if report.names:
        if report.examples == report.of_examples and not arguments.resume:
            raise BadSetting('media', str(media.folder), str(report))
        print(f'molmo-ground: {report}', file=sys.stderr)
    return report.of_examples


def _segmenter(
    arguments: argparse.Namespace, media: MediaFolder, rules: Rules
) -> AddMaskScores | None:
    """The function that turns tracks into masks for J&F; None without --sam2."""
    if not arguments.sam2:
        return None
    segmenter = load_segmenter(arguments.sam2, arguments.device)
    return functools.partial(
        with_mask_scores,
        segmenter=segmenter,
        frames=lambda example: media.images(example.media),
        rules=rules,
    )


def _published(arguments: argparse.Namespace, name: str) -> Sequence[PublishedRow]:
    """The published rows that --published names. Raises BadSetting where there are none."""
    if arguments.published is None:
        return ()
    if arguments.published != _BESIDE:
        return published(arguments.published)
    rows = published_beside(name)
    if not rows:
        raise BadSetting('published', name, f'name one of {listed(benchmarks())}')
    return rows


def _out(arguments: argparse.Namespace) -> str:
    """The output folder; '' where nothing is written."""
    if arguments.out or arguments.predictions:
        return str(arguments.out)
    return f'evaluation-{_plain(arguments.format.lower())}'


def _about(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments that decide the result, for the results file and the page."""
    names = ['data', 'format', 'media', 'limit', 'predictions', 'answer_format', 'sam2']
    names += [] if arguments.predictions else ['model', *_ASKING]
    facts = {name: getattr(arguments, name) for name in names}
    return {**facts, 'rules': 'parity' if arguments.parity else 'default'}


def _fact(value: object) -> str:
    return ', '.join(map(str, value)) if isinstance(value, list) else str(value)


def _write_files(
    arguments: argparse.Namespace,
    about: Mapping[str, Any],
    evaluation: Evaluation,
    printed_tables: Sequence[Table],
    lines: Sequence[str],
) -> None:
    """Write results, tables and predictions; an error leaves the older file in place."""
    out = Path(_out(arguments))
    out.mkdir(parents=True, exist_ok=True)
    write_results(evaluation.results, evaluation.skipped, about, out / RESULTS)
    write_tables(out / TABLE, printed_tables, lines)
    if not arguments.predictions:
        names = [_plain(result.name) for result in evaluation.results]
        for result, name in zip(evaluation.results, _unique(names, names), strict=True):
            write_predictions(result.answers(), out / f'predictions-{name}.jsonl')


def _plain(name: str) -> str:
    """A name with only the characters that are safe in a file name."""
    return re.sub(r'[^A-Za-z0-9._()-]+', '-', name).strip('-') or 'model'


def _record(evaluation: Evaluation) -> dict[str, Any]:
    """The numbers of a single model; of several models a mapping from name to numbers."""
    each = {result.name: result.numbers(len(evaluation.skipped)) for result in evaluation.results}
    return next(iter(each.values())) if len(each) == 1 else each


def _exit_code(evaluation: Evaluation) -> int:
    """130 where the run was interrupted, 2 where no example could be scored, else 0."""
    if not all(result.complete for result in evaluation.results):
        text = 'interrupted; finished answers were kept; --resume goes on from them'
        print(f'molmo-ground: {text}', file=sys.stderr)
        return INTERRUPTED
    if not any(result.summary.all.examples for result in evaluation.results):
        print('molmo-ground: no example could be scored', file=sys.stderr)
        return 2
    return 0
