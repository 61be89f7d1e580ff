# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make bench`: a table of ratios against transformers, and one JSON object as the last line.

Everything is measured side by side in this process, on the same inputs, in float32 with the same
threads; only memory and start have processes of their own. A text that differs from that of
transformers ends the bench with an error.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench import report
from bench.checkpoints import REAL_4B, REDUCED_4B, SHIPPED, with_graphs
from bench.inputs import COUNTS, FRAMES, Inputs, read_inputs
from bench.large import large
from bench.machine import cores, machine
from bench.memory import memory
from bench.ours import Ours, load
from bench.peer import Peer
from bench.questions import bound, first_and_second, four, slid
from bench.qwen import with_qwen
from bench.referee import DifferentTextError, Referee
from bench.rows import Row
from bench.tracks import tracks
from molmo_ground_ros.backends.base import Savings

_LOG = logging.getLogger('bench')
_BACKENDS = ('transformers', 'torch', 'onnx')


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    frames: of a window. questions: repetitions of a first and a second question.
    slides: windows that a question is asked about after they slid by one frame.
    windows: how many windows four questions are asked about.
    tracked, tracks: clips with tracking questions, and repetitions of each question.
    alone, starts: backends that are started in processes of their own, and how often each.
    large: repetitions with a model of a released size.
    """

    frames: int
    questions: int
    slides: int
    windows: int
    tracked: int
    tracks: int
    alone: tuple[str, ...]
    starts: int
    large: int


FULL = Plan(
    frames=FRAMES,
    questions=15,
    slides=15,
    windows=7,
    tracked=4,
    tracks=3,
    alone=_BACKENDS,
    starts=3,
    large=5,
)
QUICK = Plan(
    frames=8,
    questions=1,
    slides=1,
    windows=1,
    tracked=1,
    tracks=1,
    alone=('onnx',),
    starts=1,
    large=1,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; 1 if a text differed."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser()
    options = parser.parse_args(words)
    if options.quick and options.write:
        parser.error('--quick gives no figures to write')
    logging.basicConfig(format='%(message)s')
    _LOG.setLevel(logging.WARNING if options.json_only else logging.INFO)
    torch.set_num_threads(options.threads)
    cuda = torch.cuda.is_available()
    sizes = options.size or (['shipped', '4b'] if cuda else ['shipped'])
    plan = QUICK if options.quick else FULL
    headed = 'torch' if cuda or 'shipped' not in sizes else 'onnx'
    rows: list[Row] = []
    record: dict[str, Any] = {}
    try:
        with tempfile.TemporaryDirectory(prefix='bench-') as scratch:
            if 'shipped' in sizes:
                rows += shipped(plan, Path(scratch), options.threads)
                record |= report.headline(rows, headed)
            if '4b' in sizes:
                large_rows = released(plan, Path(scratch), options.threads)
                figures = report.large_headline(large_rows)
                record |= figures if cuda else {'reduced_4b': figures}
                rows += large_rows
    except DifferentTextError as error:
        print(f'bench: {error}', file=sys.stderr)
        return 1
    record |= {'backend': headed, 'threads': options.threads}
    record['machine'] = machine()
    if not options.json_only:
        print(report.table(rows))
    if options.out is not None:
        document = {**record, 'rows': [row.record() for row in rows]}
        options.out.write_text(json.dumps(document, indent=2) + '\n')
    if options.write:
        report.write_doc(report.section(rows, record, _command(options)))
    print(json.dumps(record))
    return 0


def released(plan: Plan, scratch: Path, threads: int) -> list[Row]:
    """Molmo2-4B at its real size on a GPU; on a CPU a small model of that shape."""
    cuda = torch.cuda.is_available()
    size, device = (REAL_4B, 'cuda') if cuda else (REDUCED_4B, 'cpu')
    _LOG.info('measuring %s with random weights on %s', size.name, device)
    return large(size, scratch, device, threads, plan.large)


def shipped(plan: Plan, scratch: Path, threads: int) -> list[Row]:
    """All groups on the model that ships."""
    _LOG.info('loading %s and its images', SHIPPED.name)
    folder = with_graphs(SHIPPED, scratch)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    inputs = read_inputs(plan.frames, max(plan.slides, plan.windows), plan.tracked)
    peer = Peer(folder, device)
    sides = [load(name, folder, device, threads) for name in _BACKENDS]
    undrafted = [
        load(name, folder, device, threads, Savings(draft=False)) for name in _BACKENDS[1:]
    ]
    _warm_up(inputs, peer, [*sides, *undrafted])
    referee = Referee(peer)
    _LOG.info('measuring questions on %d frames', plan.frames)
    rows = first_and_second(inputs, peer, sides, plan.questions, referee)
    parts = {row.key: row for row in rows}
    rows += slid(inputs, peer, sides, plan.slides, referee)
    rows += [bound(parts, plan.frames), *four(inputs, peer, sides, plan.windows, referee)]
    _LOG.info('measuring tracking answers')
    rows += tracks(inputs, peer, [*sides, *undrafted], plan.tracks, referee)
    rows += with_qwen(inputs, next(side for side in sides if side.name == 'torch'))
    rows += referee.rows()
    _LOG.info('measuring memory and start')
    return rows + memory(folder, plan.alone, threads, plan.starts)


def _command(options: argparse.Namespace) -> str:
    """The command without the file it writes to, which is of one machine."""
    sizes = [f'--size {size}' for size in options.size or ()]
    return ' '.join(['python -m bench', *sizes, f'--threads {options.threads}'])


def _warm_up(inputs: Inputs, peer: Peer, sides: list[Ours]) -> None:
    """One answer of each before anything is timed."""
    clip = inputs.windows[0]
    peer.ask(clip, COUNTS[0], 2)
    for side in sides:
        side.ask(clip, COUNTS[:1], 2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m bench', description=__doc__.splitlines()[0])
    parser.add_argument(
        '--size',
        action='append',
        choices=['shipped', '4b'],
        help='the model: shipped, or 4b with random weights (on a CPU a small one of that shape); '
        'may be given twice; default: shipped, and on a GPU 4b as well',
    )
    parser.add_argument('--threads', type=int, default=cores(), help='of the CPU, for every side')
    parser.add_argument('--quick', action='store_true', help='few frames, once each: no figures')
    parser.add_argument('--json-only', action='store_true', help='print the last line alone')
    parser.add_argument('--out', type=Path, metavar='FILE', help='write all of it as JSON')
    parser.add_argument('--write', action='store_true', help='refresh docs/performance.md')
    return parser


if __name__ == '__main__':
    sys.exit(main())
