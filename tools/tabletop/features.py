# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Between the stages: run the trained vision path over the episodes once and keep what it says."""

import logging
from pathlib import Path

import numpy as np
import torch

from tools.tabletop import truth
from tools.tabletop.checkpoint import best_of
from tools.tabletop.loop import load_state
from tools.tabletop.network import build_vision, encode, patches_of, quickest_dtype

log = logging.getLogger(__name__)
TOGETHER = 16  # frames: a third quicker than an episode at once, which no cache holds


@torch.inference_mode()
def cache_features(work: Path) -> int:
    """Write features/NAME.npy, (F, 16, WIDTH) float16, for each episode; returns how many.

    Features of another checkpoint must be deleted by hand: they are not told apart.
    """
    parts = load_state(best_of(work, 'vision'))['parts']
    modules = dict(zip(('tower', 'adapter'), build_vision(0), strict=True))
    for name, module in modules.items():
        prefix = f'{name}.'
        own = {k.removeprefix(prefix): v for k, v in parts.items() if k.startswith(prefix)}
        module.load_state_dict(own)
    (work / 'features').mkdir(exist_ok=True)
    dtype = quickest_dtype(torch.device('cpu'))
    done = 0
    for path in sorted((work / 'shards').glob('*.npz')):
        goal = work / 'features' / f'{path.stem}.npy'
        if goal.exists():
            continue
        frames, _ = truth.load(path)
        if not len(frames):  # a truth alone
            continue
        pieces = patches_of(frames).split(TOGETHER)
        encoded = [encode(modules['tower'], modules['adapter'], part, dtype) for part in pieces]
        tokens = torch.cat([part.tokens for part in encoded])
        partial = goal.with_suffix('.partial')
        with partial.open('wb') as file:
            np.save(file, tokens.float().numpy().astype(np.float16))
        partial.rename(goal)
        done += 1
    log.info('%d episodes cached', done)
    return done
