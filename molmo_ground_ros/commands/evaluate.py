# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground evaluate`: models' scores on a data set, as a table like the article's."""

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

from molmo_ground_ros import backends, config, datasets
from molmo_ground_ros.analysis.lock import lock
from molmo_ground_ros.backends.segmenter import load_segmenter
from molmo_ground_ros.backends.server.endpoint import is_address
from molmo_ground_ros.commands.progress import Progress
from molmo_ground_ros.datasets.media import MediaFolder
from molmo_ground_ros.errors import BadRecord, BadSetting, listed
from molmo_ground_ros.evaluation.data import Data
from molmo_ground_ros.evaluation.kept import Kept, digest
from molmo_ground_ros.evaluation.page import write_page
from molmo_ground_ros.evaluation.predict import Asking, predict
from molmo_ground_ros.evaluation.predictions import read_predictions, write_predictions
from molmo_ground_ros.evaluation.published import (
    PublishedRow,
    benchmarks,
    published,
    published_beside,
)
from molmo_ground_ros.evaluation.result import write_results
from molmo_ground_ros.evaluation.run import Evaluation, Segmented, evaluate, not_asked
from molmo_ground_ros.evaluation.score import Rules, rules_of
from molmo_ground_ros.evaluation.segmenting import segmented
from molmo_ground_ros.evaluation.table import Table, notes, tables
from molmo_ground_ros.evaluation.values import Answers
from molmo_ground_ros.grammar import format_of
from molmo_ground_ros.replace import replacing

RESULTS, TABLE = 'results.json', 'table.md'
INTERRUPTED = 130  # exit code, as of a shell
MOST_SAID = 100  # broken records named on stderr; results.json has them all
MOST_PROCESSES = 8  # where --processes does not say: more would wait for the one that reads
_QUIET = 200  # examples that are scored without a progress bar
_BESIDE = '.'  # --published without a name: what belongs beside the data

_ASKING = ('backend', 'device', 'dtype', 'threads', 'max_new_tokens')  # of no use to predictions
_SETTINGS = (*_ASKING, 'answer_format')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
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
    defaults = config.Settings()
    for name in _SETTINGS:
        value = getattr(defaults, name)
        text = f'{config.limits()[name].text} Default: {value}.'
        flags = dict.fromkeys((f'--{name.replace("_", "-")}', f'--{name}'))
        parser.add_argument(*flags, type=type(value), default=value, help=text)


def run(arguments: argparse.Namespace) -> int:
    """Ask or read, score, print, write the files."""
    _check(arguments)
    given = frozenset(Path(path).resolve() for _, path in map(_named, arguments.predictions))
    data = Data(arguments.format, arguments.data, arguments.limit, given)
    rules = rules_of(data.name, arguments.parity, arguments.answer_format)
    media = MediaFolder(arguments.media or _folder(arguments.data))
    complaints = _Complaints(arguments.strict)
    follow = _segmenter(arguments, media, rules)
    with lock(Path(_out(arguments))) if _out(arguments) else nullcontext():
        return _evaluate(arguments, data, media, rules, complaints, follow)


def _evaluate(
    arguments: argparse.Namespace,
    data: Data,
    media: MediaFolder,
    rules: Rules,
    complaints: _Complaints,
    follow: Segmented | None,
) -> int:
    if arguments.predictions:
        models = _read(arguments, complaints)
    else:
        models = _ask(arguments, data, media, complaints)
    total = max((len(one.said) for one in models), default=0)
    with _Bar('scoring', total, shown=total > _QUIET or follow is not None) as bar:
        found = evaluate(data, models, rules, arguments.processes, complaints, bar.show, follow)
    complaints.close()
    if not found.results[0].outcomes and not found.skipped:
        raise BadSetting('data', arguments.data, 'holds no example')
    shown = tables(data.name, found.results, _published(arguments, data.name))
    lines = notes(found.results, found.skipped, rules)
    about = _about(arguments)
    if _out(arguments):
        _write_files(arguments, about, found, shown, lines)
    if arguments.html:
        facts = {name: _fact(value) for name, value in about.items() if value}
        what = shown, lines, rules, media.picture
        write_page(f'{data.name}: {arguments.data}', facts, found, *what, arguments.html)
    if arguments.json:
        print(json.dumps(_record(found)))
    else:
        print('\n\n'.join([*(one.text() for one in shown), '\n'.join(lines)]))
    return _exit_code(found)


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
    """Where videos are looked for: the folder of the data."""
    path = Path(data)
    return data if path.is_dir() else str(path.parent)


class _Complaints:
    """Names what cannot be used on stderr, each once; or raises it."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._said: set[str] = set()

    def __call__(self, bad: BadRecord) -> None:
        text = str(bad)
        if self._strict:
            raise bad
        if text in self._said:
            return
        self._said.add(text)
        if len(self._said) <= MOST_SAID:
            print(f'molmo-ground: skipped {" ".join(text.split())}', file=sys.stderr)

    def close(self) -> None:
        """Say how many were not named."""
        if len(self._said) > MOST_SAID:
            print(f'molmo-ground: skipped {len(self._said) - MOST_SAID} more', file=sys.stderr)


class _Bar:
    """Progress of one step on stderr, if it is to be shown."""

    def __init__(self, name: str, total: int, *, shown: bool) -> None:
        self._name, self._total, self._shown = name, total, shown
        self._progress = Progress([(name, 1.0)], sys.stderr)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._progress.close()

    def show(self, done: int) -> None:
        """So many are done."""
        if self._shown:
            self._progress.show(self._name, done, max(self._total, done))


def _read(arguments: argparse.Namespace, complaints: _Complaints) -> list[Answers]:
    """Ready predictions. A single row without a name takes that of the model, if one is named."""
    given = [_named(one) for one in arguments.predictions]
    if len(given) == 1 and not given[0][0] and len(arguments.model) == 1:
        given = [(_label(arguments.model[0]), given[0][1])]
    files = [path for _, path in given]
    names = _unique([name or Path(path).stem for name, path in given], files)
    models = [read_predictions(path, name) for name, path in zip(names, files, strict=True)]
    for model in models:
        for bad in model.bad:
            complaints(bad)
    return models


def _named(given: str) -> tuple[str, str]:
    """(name, file) of NAME=FILE; a file that is there is one, whatever its name."""
    name, equals, path = given.partition('=')
    return (name, path) if equals and not Path(given).exists() else ('', given)


def _label(model: str) -> str:
    """What a model is called in a table."""
    if is_address(model):
        return model.rpartition('#')[2] or model
    return Path(model).name or model


def _unique(names: Sequence[str], longer: Sequence[str]) -> list[str]:
    """The names, and the longer ones of those that there are twice; of equals a number tells."""
    counts = Counter(names)
    found: list[str] = []
    for name, long in zip(names, longer, strict=True):
        wanted = long if counts[name] > 1 else name
        number, unique = 1, wanted
        while unique in found:
            number += 1
            unique = f'{wanted} ({number})'
        found.append(unique)
    return found


def _ask(
    arguments: argparse.Namespace, data: Data, media: MediaFolder, complaints: _Complaints
) -> list[Answers]:
    """What each model says, one model after the other. Ctrl-C ends the asking, not the scoring."""
    total = _look(arguments, data, media, complaints)
    names = _unique([_label(model) for model in arguments.model], arguments.model)
    found: list[Answers] = []
    for number, (name, model) in enumerate(zip(names, arguments.model, strict=True), start=1):
        if not total:
            found.append(Answers(name, {}))
            continue
        if found and not found[-1].complete:
            found.append(not_asked(name))
            continue
        given = {key: getattr(arguments, key) for key in _SETTINGS} | {'model': model}
        settings = config.settings(given)
        named = {key: str(getattr(settings, key)) for key in given}
        named |= {'format': data.name, 'media': str(media.folder.resolve())}
        with ExitStack() as stack:
            kept = stack.enter_context(
                Kept(_out(arguments), digest(named), resume=arguments.resume)
            )
            backend = backends.load(settings.backend, backends.settings_of(settings))
            stack.callback(backend.close)
            which = f'{number}/{len(names)} {name}' if len(names) > 1 else name
            bar = stack.enter_context(_Bar(which, total, shown=True))
            answers = format_of(settings.answer_format)
            asking = Asking(backend, settings.max_new_tokens, answers)
            found.append(predict(name, data.examples(), asking, media.clip, kept, bar.show))
    return found


def _look(
    arguments: argparse.Namespace, data: Data, media: MediaFolder, complaints: _Complaints
) -> int:
    """How many examples there are. Names what is broken or missing before anything is asked."""
    report = media.missing(data.examples(complaints))
    if report.names:
        if report.examples == report.of_examples and not arguments.resume:
            raise BadSetting('media', str(media.folder), str(report))
        print(f'molmo-ground: {report}', file=sys.stderr)
    return report.of_examples


def _segmenter(arguments: argparse.Namespace, media: MediaFolder, rules: Rules) -> Segmented | None:
    """What makes masks of tracks for J&F, if it is asked for."""
    if not arguments.sam2:
        return None
    segmenter = load_segmenter(arguments.sam2, arguments.device)
    return functools.partial(
        segmented,
        segmenter=segmenter,
        frames=lambda example: media.pictures(example.media),
        rules=rules,
    )


def _published(arguments: argparse.Namespace, name: str) -> Sequence[PublishedRow]:
    """The published rows that are asked for. Raises BadSetting where there are none."""
    if arguments.published is None:
        return ()
    if arguments.published != _BESIDE:
        return published(arguments.published)
    rows = published_beside(name)
    if not rows:
        raise BadSetting('published', name, f'name one of {listed(benchmarks())}')
    return rows


def _out(arguments: argparse.Namespace) -> str:
    """The folder of what is written; '' for none."""
    if arguments.out or arguments.predictions:
        return str(arguments.out)
    return f'evaluation-{_plain(arguments.format.lower())}'


def _about(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was evaluated, and how."""
    names = ['data', 'format', 'media', 'limit', 'predictions', 'answer_format', 'sam2']
    names += [] if arguments.predictions else ['model', *_ASKING]
    given = {name: getattr(arguments, name) for name in names}
    return {**given, 'rules': 'parity' if arguments.parity else 'default'}


def _fact(value: object) -> str:
    return ', '.join(map(str, value)) if isinstance(value, list) else str(value)


def _write_files(
    arguments: argparse.Namespace,
    about: Mapping[str, Any],
    found: Evaluation,
    shown: Sequence[Table],
    lines: Sequence[str],
) -> None:
    """Results, tables and what was said; each file is whole or is the one that was there before."""
    out = Path(_out(arguments))
    out.mkdir(parents=True, exist_ok=True)
    write_results(found.results, found.skipped, about, out / RESULTS)
    parts = [one.markdown() for one in shown] + ['\n'.join(f'- {line}' for line in lines)]
    with replacing(out / TABLE) as partial:
        partial.write_text('\n\n'.join(parts) + '\n', encoding='utf-8')
    if not arguments.predictions:
        names = [_plain(result.name) for result in found.results]
        for result, name in zip(found.results, _unique(names, names), strict=True):
            write_predictions(result.said(), out / f'predictions-{name}.jsonl')


def _plain(name: str) -> str:
    """A name as part of a file's."""
    return re.sub(r'[^A-Za-z0-9._()-]+', '-', name).strip('-') or 'model'


def _record(found: Evaluation) -> dict[str, Any]:
    """Of one model its numbers; of several an object of them by name."""
    each = {result.name: result.numbers(len(found.skipped)) for result in found.results}
    return next(iter(each.values())) if len(each) == 1 else each


def _exit_code(found: Evaluation) -> int:
    """0; 130 where the run was interrupted; 2 where no example could be scored."""
    if not all(result.complete for result in found.results):
        text = 'interrupted; finished answers were kept; --resume goes on from them'
        print(f'molmo-ground: {text}', file=sys.stderr)
        return INTERRUPTED
    if not any(result.summary.all.examples for result in found.results):
        print('molmo-ground: no example could be scored', file=sys.stderr)
        return 2
    return 0
