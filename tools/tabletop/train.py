# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: train the small Molmo2 from nothing, stage by stage; every stage resumes.

Usage:
    python -m tools.tabletop.train vision    # tower and adapter on single frames
    python -m tools.tabletop.train features  # cache what they see
    python -m tools.tabletop.train language  # the language model on that
    python -m tools.tabletop.train export    # models/tabletop
"""

import argparse
import logging
import os
import sys
from pathlib import Path

from tools.tabletop.loop import Plan

WORK = Path('.tabletop')
MODEL = Path(__file__).resolve().parents[2] / 'models' / 'tabletop'


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('stage', choices=('vision', 'features', 'language', 'export'))
    parser.add_argument('--work', type=Path, default=WORK, help='holds shards and checkpoints')
    parser.add_argument('--minutes', type=float, default=30.0, help='of wall time, for a stage')
    parser.add_argument('--rate', type=float, default=1.2e-3, help='peak learning rate')
    parser.add_argument(
        '--floor', type=float, default=0.0, help="the rate's end, share of its peak"
    )
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1)
    parser.add_argument('--out', type=Path, default=MODEL, help='folder that export fills')
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one stage."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    work: Path = options.work
    vision, language = work / 'vision.pt', work / 'language.pt'
    checkpoint = vision if options.stage == 'vision' else language
    plan = Plan(checkpoint, options.minutes, options.rate, options.workers, floor=options.floor)
    if options.stage == 'vision':
        from tools.tabletop.train_vision import train_vision

        train_vision(work / 'shards', plan)
    elif options.stage == 'features':
        from tools.tabletop.features import cache_features

        cache_features(work / 'shards', vision, work / 'features')
    elif options.stage == 'language':
        from tools.tabletop.train_language import train_language

        train_language(work / 'features', plan)
    else:
        from molmo_ground_ros.backends.molmo2.export import export_graphs
        from tools.tabletop.checkpoint import load_model, write_checkpoint

        write_checkpoint(*load_model(vision, language), options.out)
        export_graphs(str(options.out), options.out)
    return 0


if __name__ == '__main__':
    sys.exit(main())
