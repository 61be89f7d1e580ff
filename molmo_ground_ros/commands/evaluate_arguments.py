# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The arguments of `molmo-ground evaluate`."""

from __future__ import annotations

import argparse
import os

from molmo_ground_ros.benchmarks import datasets
from molmo_ground_ros.benchmarks.scoring.article import BENCHMARKS
from molmo_ground_ros.benchmarks.scoring.published import benchmarks
from molmo_ground_ros.commands.settings import add_settings

RESULTS, TABLE = 'results.json', 'table.md'
# The default of --processes: more would wait for the process that reads the examples.
MOST_PROCESSES = 8
# The value of --published without a name: the published rows of the data set's own benchmark.
BESIDE = '.'
# The value of --list-formats without a name.
ALL_FORMATS = ''

# Settings that matter only where a model is asked.
ASKING = ('backend', 'device', 'dtype', 'threads', 'max_new_tokens', 'track_rate_hz')
SETTINGS = (*ASKING, 'answer_format')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    _add_data(parser)
    _add_answers(parser)
    _add_rules(parser)
    _add_outputs(parser)
    add_settings(parser, SETTINGS)


def _add_data(parser: argparse.ArgumentParser) -> None:
    """What is evaluated, and how it is packed."""
    parser.add_argument('--data', default='', metavar='DIR', help='the data set, a folder')
    parser.add_argument(
        '--format', default='', metavar='NAME', help=f'one of {", ".join(datasets.FORMATS)}'
    )
    parser.add_argument(
        '--list-formats', nargs='?', const=ALL_FORMATS, default=None, metavar='NAME',
        help='print what each format gives and was checked against, or all that is known of one; '
        'evaluate nothing',
    )  # fmt: skip
    parser.add_argument(
        '--benchmark', default='', metavar='NAME',
        help="print the article's table: it decides the format, and the split that is in --data. "
        f'One of {", ".join(BENCHMARKS)}',
    )  # fmt: skip
    parser.add_argument(
        '--media', default='', metavar='DIR', help='where the videos are. Default: below --data.'
    )
    parser.add_argument('--limit', type=int, default=0, metavar='N', help='the first N examples')
    parser.add_argument(
        '--strict', action='store_true', help='stop at the first record that cannot be used'
    )


def _add_answers(parser: argparse.ArgumentParser) -> None:
    """Who answers: models, or files of what was said."""
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
        '--masks', action='append', default=[], metavar='[NAME=]FOLDER',
        help='score ready masks by J&F: PNG files FOLDER/VIDEO/EXPRESSION/00000.png',
    )  # fmt: skip
    parser.add_argument(
        '--sam2', default='', metavar='MODEL',
        help='J&F of tracks: a folder or hub id of SAM 2, which makes masks of the points',
    )  # fmt: skip
    parser.add_argument('--resume', action='store_true', help='go on from the answers in --out')


def _add_rules(parser: argparse.ArgumentParser) -> None:
    """How it is scored, and beside what."""
    parser.add_argument(
        '--in-boxes', action='store_true',
        help="of data with boxes: a point in its object's box is right. The article scores masks",
    )  # fmt: skip
    parser.add_argument(
        '--parity', action='store_true', help="score as Molmo2's own code does, mistakes included"
    )
    parser.add_argument(
        '--published', nargs='?', const=BESIDE, default=None, metavar='BENCHMARK',
        help='print what the article and the paper published, marked so, below the table; without '
        'a name of the benchmark that --format is of. They turn --parity on. Others: '
        f'{", ".join(benchmarks())}',
    )  # fmt: skip
    parser.add_argument(
        '--beside', action='append', default=[], metavar='FOLDER',
        help="the --out of an earlier --benchmark, whose cells of the article's table are printed",
    )  # fmt: skip
    parser.add_argument(
        '--processes', type=int, default=min(os.cpu_count() or 1, MOST_PROCESSES), metavar='N',
        help='that score, where there are many examples. Default: %(default)s.',
    )  # fmt: skip


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    """Where results go."""
    parser.add_argument(
        '--out', default='', metavar='FOLDER',
        help=f'write {RESULTS}, {TABLE}, the predictions and what --resume needs. Default, where a '
        'model is asked: evaluation-FORMAT.',
    )  # fmt: skip
    parser.add_argument('--html', default='', metavar='FILE', help='write a page to look at')
    parser.add_argument('--json', action='store_true', help='print one JSON object of the metrics')
