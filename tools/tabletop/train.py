# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: train the tabletop's model from nothing, stage by stage; every stage resumes.

Usage:
    python -m tools.tabletop.train vision    # tower and adapter on single frames
    python -m tools.tabletop.train language  # the language model on codes of the truth
    python -m tools.tabletop.train features  # cache what the trained tower sees
    python -m tools.tabletop.train tune      # the language model on that
    python -m tools.tabletop.train export    # WORK/model, a checkpoint to load
    python -m tools.tabletop.train save      # models/tabletop, and what to go on from
    python -m tools.tabletop.train start     # checkpoints in WORK out of that

`vision` and `language` need nothing of each other, so that they may run at the same time.
"""

import argparse
import logging
import os
import sys
from pathlib import Path

from tools.tabletop.loop import Plan

log = logging.getLogger(__name__)
WORK = Path('.tabletop/work')
MODEL = Path(__file__).resolve().parents[2] / 'models' / 'tabletop'
STAGES = ('vision', 'language', 'features', 'tune', 'export', 'save', 'start')
TRAINED = ('vision', 'language', 'tune')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('stage', choices=STAGES)
    parser.add_argument('--work', type=Path, default=WORK, help='holds shards and checkpoints')
    parser.add_argument('--minutes', type=float, default=60.0, help='of wall time, for a stage')
    parser.add_argument('--rate', type=float, default=2e-3, help='peak learning rate')
    parser.add_argument('--workers', type=int, default=0, help='0: one a core, or one GPU')
    parser.add_argument('--device', default='cpu', help='cpu or cuda')
    parser.add_argument('--batch', type=int, default=0, help='frames of vision, tokens of language')
    parser.add_argument(
        '--compile', action='store_true', help='language and tune: quicker after minutes'
    )
    parser.add_argument('--model', type=Path, default=MODEL, help='of start and save')
    return parser


def train(stage: str, plan: Plan, batch: int, compiled: bool = False) -> None:
    """Train a stage; it goes on from the plan's checkpoint. batch: 0 is the stage's own."""
    work = plan.checkpoint.parent
    if stage == 'vision':
        from tools.tabletop.train_vision import FRAMES, train_vision

        train_vision(work / 'shards', plan, batch or FRAMES)
    else:
        from tools.tabletop.checkpoint import begin_tune
        from tools.tabletop.train_language import CLIP_TOKENS, train_language

        features = None
        if stage == 'tune':
            begin_tune(work)
            features = work / 'features'
        train_language(work / 'shards', features, plan, batch or CLIP_TOKENS, compiled=compiled)


def convert(stage: str, work: Path, model: Path) -> None:
    """What stands between the stages, and before and after them."""
    from tools.tabletop import checkpoint

    if stage == 'features':
        from tools.tabletop.features import cache_features

        cache_features(work)
    elif stage == 'save':
        checkpoint.save_states(work, model)
    elif stage == 'start':
        log.info('started: %s', ' '.join(checkpoint.start_from(model, work)) or 'nothing')
    else:
        checkpoint.write_model(work, work / 'model')


def main(arguments: list[str] | None = None) -> int:
    """Run one stage."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    work: Path = options.work
    if options.stage in TRAINED:
        checkpoint = work / f'{options.stage}.pt'
        cores = os.cpu_count() or 1
        is_gpu = options.device != 'cpu'
        plan = Plan(
            checkpoint,
            options.minutes,
            options.rate,
            options.workers or (1 if is_gpu else cores),
            device=options.device,
            loaders=max(1, cores - 1) if is_gpu else 0,
        )
        train(options.stage, plan, options.batch, options.compile)
    else:
        convert(options.stage, work, options.model)
    return 0


if __name__ == '__main__':
    sys.exit(main())
