# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground evaluate`: scores models on a data set, and prints a table like the article's."""

from __future__ import annotations

import argparse
import functools
import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

from molmo_ground_ros import backends, config
from molmo_ground_ros.backends.segmenter import load_segmenter
from molmo_ground_ros.benchmarks.datasets.examples import Example
from molmo_ground_ros.benchmarks.datasets.format_list import format_facts, format_list
from molmo_ground_ros.benchmarks.datasets.media import MediaFolder
from molmo_ground_ros.benchmarks.scoring.answer_store import AnswerStore, settings_digest
from molmo_ground_ros.benchmarks.scoring.article import (
    Benchmark,
    Row,
    benchmark,
    data_of,
    missing_masks,
    own_rows,
    rows_beside,
    table_like_the_articles,
    videos_of,
)
from molmo_ground_ros.benchmarks.scoring.evaluation import (
    AddMaskScores,
    Evaluation,
    evaluate,
    unreached,
)
from molmo_ground_ros.benchmarks.scoring.evaluation_data import EvaluationData
from molmo_ground_ros.benchmarks.scoring.page import write_page
from molmo_ground_ros.benchmarks.scoring.predict import Cut, predict
from molmo_ground_ros.benchmarks.scoring.prediction_files import write_predictions
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
from molmo_ground_ros.commands.evaluate_arguments import (
    ALL_FORMATS,
    ASKING,
    BESIDE,
    RESULTS,
    SETTINGS,
    TABLE,
)
from molmo_ground_ros.commands.evaluate_arguments import add_arguments as add_arguments
from molmo_ground_ros.commands.evaluate_rows import Complaints, label, named, read_rows, unique
from molmo_ground_ros.commands.progress import StepProgress
from molmo_ground_ros.errors import BadSetting, listed
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.loader import GrounderLoader
from molmo_ground_ros.types import Clip, Query

# The exit code that shells give a command that SIGINT ended.
INTERRUPTED = 130
# Up to so many examples are scored without a progress bar.
_QUIET = 200


def run(arguments: argparse.Namespace) -> int:
    """Ask the models or read predictions, score them, print the tables, write the files."""
    if arguments.list_formats is not None:
        is_one = arguments.list_formats != ALL_FORMATS
        print(format_facts(arguments.list_formats) if is_one else format_list())
        return 0
    if not arguments.data:
        raise BadSetting('data', '', 'name the folder of a data set')
    chosen = _chosen(arguments)
    _check(arguments)
    data = EvaluationData(
        arguments.format,
        arguments.data,
        arguments.limit,
        frozenset(Path(path).resolve() for _, path in map(named, arguments.predictions)),
        videos_of(chosen, arguments.data) if chosen else frozenset(),
        arguments.in_boxes,
    )
    rules = rules_of(data.name, arguments.parity, arguments.answer_format)
    media = MediaFolder(arguments.media or _folder(arguments.data), parity=arguments.parity)
    complaints = Complaints(arguments.strict)
    follow = _segmenter(arguments, media, rules)
    with lock_results(Path(_out(arguments))) if _out(arguments) else nullcontext():
        return _evaluate(arguments, data, media, rules, complaints, follow)


def _evaluate(
    arguments: argparse.Namespace,
    data: EvaluationData,
    media: MediaFolder,
    rules: Rules,
    complaints: Complaints,
    follow: AddMaskScores | None,
) -> int:
    if arguments.predictions or arguments.masks:
        models = read_rows(arguments, complaints)
    else:
        models = _ask(arguments, data, media, complaints)
    total = max(map(_answers, models), default=0)
    with StepProgress(
        'scoring', total, sys.stderr, enabled=total > _QUIET or follow is not None
    ) as progress:
        evaluation = evaluate(
            data, models, rules, arguments.processes, complaints, progress.show, follow
        )
    complaints.close()
    if not evaluation.results[0].outcomes and not evaluation.skipped:
        raise BadSetting('data', arguments.data, 'holds no example')
    printed_tables = _tables(arguments, data, evaluation)
    lines = [*notes(evaluation.results, evaluation.skipped, rules), *_needs(arguments, evaluation)]
    if arguments.in_boxes:
        lines.append(
            '--in-boxes: a point in the box of its object is right; the article has masks.'
        )
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
        texts = [lines[0], *(table.text() for table in printed_tables), '\n'.join(lines[1:])]
        print('\n\n'.join(filter(None, texts)))
    return _exit_code(evaluation)


def _answers(model: Predictions) -> int:
    """How many answers a model has: of ready masks, the folders of expressions."""
    return sum(1 for _ in Path(model.masks).glob('*/*/')) if model.masks else len(model.answers)


def _chosen(arguments: argparse.Namespace) -> Benchmark | None:
    """The benchmark of --benchmark, with the format and the folder that it decides.

    Published rows were scored by the reference's rules, so beside them one's own are as well.
    """
    arguments.parity = arguments.parity or arguments.published is not None
    if not arguments.benchmark:
        if not arguments.format:
            raise BadSetting('format', '', 'name one, or a --benchmark; --list-formats prints them')
        if arguments.beside:
            raise BadSetting('beside', arguments.beside[0], 'is for --benchmark')
        return None
    chosen = benchmark(arguments.benchmark)
    if arguments.format not in ('', chosen.format):
        why = f'{chosen.name} is of the format {chosen.format}'
        raise BadSetting('format', arguments.format, why)
    arguments.format = chosen.format
    arguments.data = data_of(chosen, arguments.data)
    # Folders that cannot be put beside are refused before a model is asked.
    rows_beside(arguments.beside, _rules(arguments))
    return chosen


def _tables(
    arguments: argparse.Namespace, data: EvaluationData, evaluation: Evaluation
) -> list[Table]:
    """The tables of an evaluation; of a benchmark, the article's own stands above them."""
    if not arguments.benchmark:
        return tables(data.name, evaluation.results, _published(arguments, data.name))
    chosen = benchmark(arguments.benchmark)
    rows = [rows_beside(arguments.beside, _rules(arguments)), _own_rows(chosen, evaluation)]
    is_published = arguments.published is not None
    article = table_like_the_articles(chosen, rows, with_published=is_published)
    return [article, *tables(data.name, evaluation.results)]


def _own_rows(chosen: Benchmark, evaluation: Evaluation) -> dict[str, Row]:
    return own_rows(chosen, {result.name: result.numbers(0) for result in evaluation.results})


def _needs(arguments: argparse.Namespace, evaluation: Evaluation) -> list[str]:
    """What is missing for the cells of a benchmark, a line."""
    if not arguments.benchmark:
        return []
    chosen = benchmark(arguments.benchmark)
    return [text] if (text := missing_masks(chosen, _own_rows(chosen, evaluation))) else []


def _check(arguments: argparse.Namespace) -> None:
    is_ready = arguments.predictions or arguments.masks
    if not arguments.model and not is_ready:
        why = 'name one to ask, or what was said with --predictions, or --masks'
        raise BadSetting('model', '', why)
    if arguments.resume and is_ready:
        raise BadSetting('resume', True, 'asks a model, and --predictions and --masks ask none')
    for name, folder in map(named, arguments.masks):
        if not Path(folder).is_dir():
            raise BadSetting('masks', folder, 'is no folder')
        del name
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


def _ask(
    arguments: argparse.Namespace, data: EvaluationData, media: MediaFolder, complaints: Complaints
) -> list[Predictions]:
    """The predictions of each model, asked in turn. After Ctrl-C the finished ones are scored."""
    total = _look(arguments, data, media, complaints)
    names = unique([label(model) for model in arguments.model], arguments.model)
    predictions: list[Predictions] = []
    for number, (name, model) in enumerate(zip(names, arguments.model, strict=True), start=1):
        if not total:
            predictions.append(Predictions(name, {}))
            continue
        if predictions and not predictions[-1].complete:
            predictions.append(unreached(name))
            continue
        chosen = {key: getattr(arguments, key) for key in SETTINGS} | {'model': model}
        settings = config.settings(chosen)
        named = {key: str(getattr(settings, key)) for key in chosen}
        named |= {'format': data.name, 'media': str(media.folder.resolve())}
        # Models see other labels with it.
        named |= {'parity': 'true'} if media.parity else {}
        with ExitStack() as stack:
            store = stack.enter_context(
                AnswerStore(_out(arguments), settings_digest(named), resume=arguments.resume)
            )
            grounder = _loader(settings).load()
            stack.callback(grounder.close)
            which = f'{number}/{len(names)} {name}' if len(names) > 1 else name
            progress = stack.enter_context(StepProgress(which, total, sys.stderr, enabled=True))
            predictions.append(
                predict(
                    name, data.examples(), grounder, _cut(media, grounder), store, progress.show
                )
            )
    return predictions


def _loader(settings: config.Settings) -> GrounderLoader:
    """What loads a model. Points need no probability to be scored."""
    return GrounderLoader(
        settings.backend,
        backends.settings_of(settings),
        settings.max_new_tokens,
        settings.answer_format,
        track_rate_hz=settings.track_rate_hz,
    )


def _cut(media: MediaFolder, grounder: Grounder) -> Cut:
    """What gives the clip of an example, as this model is shown it."""

    def clip_of(example: Example) -> Clip:
        question = grounder.question(Query(example.query, example.task), verbatim=True)
        return media.clip(example, grounder.sampling(question))

    return clip_of


def _look(
    arguments: argparse.Namespace, data: EvaluationData, media: MediaFolder, complaints: Complaints
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
    if arguments.published != BESIDE:
        return published(arguments.published)
    rows = published_beside(name)
    if not rows:
        raise BadSetting('published', name, f'name one of {listed(benchmarks())}')
    return rows


def _out(arguments: argparse.Namespace) -> str:
    """The output folder; '' where nothing is written."""
    if arguments.out or arguments.predictions or arguments.masks:
        return str(arguments.out)
    return f'evaluation-{_plain(arguments.benchmark or arguments.format.lower())}'


def _about(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments that decide the result, for the results file and the page."""
    names = ['data', 'format', 'benchmark', 'media', 'limit', 'predictions', 'masks', 'in_boxes']
    names += ['answer_format', 'sam2']
    names += [] if arguments.predictions or arguments.masks else ['model', *ASKING]
    facts = {name: getattr(arguments, name) for name in names}
    return {**facts, 'rules': _rules(arguments)}


def _rules(arguments: argparse.Namespace) -> str:
    return 'parity' if arguments.parity else 'default'


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
    if not arguments.predictions and not arguments.masks:
        names = [_plain(result.name) for result in evaluation.results]
        for result, name in zip(evaluation.results, unique(names, names), strict=True):
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
