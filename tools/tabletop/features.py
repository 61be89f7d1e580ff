# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Between the stages: run the trained vision path over the shards once and keep what it says."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tools.tabletop.network import encode, patches_of
from tools.tabletop.train_vision import build

log = logging.getLogger(__name__)


def load_vision(checkpoint: Path) -> tuple[Any, Any]:
    """The tower and the adapter of a stage 1 checkpoint."""
    tower, adapter, heads = build(0)
    parts = torch.nn.ModuleDict({'tower': tower, 'adapter': adapter, 'heads': heads})
    parts.load_state_dict(torch.load(checkpoint)['parts'])
    return tower.eval(), adapter.eval()


def cache_features(shards: Path, checkpoint: Path, out: Path) -> int:
    """Write NAME.features.npz for each shard not done yet; returns how many."""
    tower, adapter = load_vision(checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    done = 0
    for path in sorted(shards.glob('*.frames.npy')):
        name = path.name.removesuffix('.frames.npy')
        goal = out / f'{name}.features.npz'
        if goal.exists():
            continue
        frames = np.load(path, mmap_mode='r')
        with np.load(path.with_name(f'{name}.labels.npz')) as labels:
            kept = {key: labels[key] for key in labels if key != 'cover'}
        kept['features'] = np.stack([_features(tower, adapter, clip) for clip in frames])
        partial = goal.with_suffix('.partial.npz')
        np.savez(partial, **kept)
        partial.rename(goal)
        done += 1
    log.info('%d shards cached', done)
    return done


@torch.inference_mode()
def _features(tower: Any, adapter: Any, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
    """(F, 126, 126, 3) -> (F, 9, WIDTH)."""
    return encode(tower, adapter, patches_of(np.array(frames)))[1].numpy().astype(np.float16)
