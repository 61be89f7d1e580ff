# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 1: the vision tower and adapter alone, on single frames, with throw-away linear heads.

Visual token k of the first six carries colour k (seen? where? held? lifted?), whatever cell of the
picture it pools, and that it is token k; the last three carry the gripper. So the language model
finds a colour's state by its token, and compares it with the same token of the frame before.
(Without the token's own number the language model took ten times longer to find a colour.)
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tools.tabletop.loop import Plan, run
from tools.tabletop.network import (
    TOKENS,
    VISION_WIDTH,
    WIDTH,
    encode,
    initialise,
    make_config,
    patches_of,
)
from tools.tabletop.world import COLOURS

BINS = 100  # classes of a coordinate: 1 % of the picture each
C = len(COLOURS)
ANY_IDS = {
    name: i
    for i, name in enumerate(
        ('<|im_end|>', '<|endoftext|>', '<im_start>', '<im_end>', '<im_patch>')
        + ('<low_res_im_start>', '<frame_start>', '<frame_end>')
    )
}


@dataclass(frozen=True)
class Batch:
    """N frames."""

    frames: Tensor  # (N, 126, 126, 3) uint8
    colour: Tensor  # (N, 6, 4) seen at all, clearly seen, held, lifted
    point: Tensor  # (N, 6, 2) shares of the picture, nan where there is none
    grip: Tensor  # (N, 4)
    cover: Tensor  # (N, 81, 7) in [0, 1]


class Heads(nn.Module):
    """Linear read-outs of the features; thrown away after training."""

    def __init__(self) -> None:
        super().__init__()
        self.cover = nn.Linear(2 * VISION_WIDTH, C + 1)
        self.colour = nn.Linear(WIDTH, 4)
        self.place = nn.Linear(WIDTH, 2 * BINS)
        self.grip = nn.Linear(WIDTH, 2 * BINS + 2)
        self.slot = nn.Linear(WIDTH, TOKENS)


class Shards:
    """Random frames from the shards in a folder; new shards are picked up by refresh()."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._rng = folder, np.random.default_rng(seed)
        self._open: dict[Path, tuple[NDArray[np.uint8], dict[str, NDArray[Any]]]] = {}
        self.refresh()

    def refresh(self) -> int:
        """Open what is new; returns the number of shards."""
        for path in sorted(self._folder.glob('*.frames.npy')):
            if path not in self._open:
                labels = path.with_name(path.name.replace('.frames.npy', '.labels.npz'))
                with np.load(labels) as arrays:
                    self._open[path] = (np.load(path, mmap_mode='r'), dict(arrays))
        return len(self._open)

    def draw(self, count: int) -> Batch:
        """A random batch, mixed from 16 shards."""
        shards = list(self._open.values())
        parts = []
        for pick in self._rng.integers(len(shards), size=16):
            frames, labels = shards[pick]
            e = self._rng.integers(frames.shape[0], size=count // 16)
            f = self._rng.integers(frames.shape[1], size=count // 16)
            seen = labels['visible'][e, f]
            flags = [seen > 0.02, seen >= 0.35, labels['held'][e, f], labels['lifted'][e, f]]
            row = (frames[e, f], np.stack(flags, -1).astype(np.float32), labels['point'][e, f])
            parts.append((*row, labels['grip'][e, f], labels['cover'][e, f] / np.float32(255)))
        return Batch(
            *(torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True))
        )


def place_loss(logits: Tensor, share: Tensor, width: float = 1.0) -> Tensor:
    """Cross entropy against a bell of `width` bins. logits: (N, bins); share: (N,) in [0, 1]."""
    bins = logits.shape[-1]
    centres = (torch.arange(bins) + 0.5) / bins
    bell = torch.softmax(-0.5 * ((centres - share[:, None]) * bins / width) ** 2, dim=-1)
    return -(bell * logits.log_softmax(-1)).sum(-1)


def losses(tower: Any, adapter: Any, heads: Heads, batch: Batch) -> dict[str, Tensor]:
    """The terms of stage 1's loss, and (detached) its measures."""
    features, tokens = encode(tower, adapter, patches_of(batch.frames))
    slots, rest = tokens[:, :C], tokens[:, C:].mean(1)
    flags = heads.colour(slots)
    seen = ~torch.isnan(batch.point[..., 0])
    weight = batch.colour[..., 1][seen] * 0.9 + 0.1
    place = heads.place(slots[seen]).reshape(-1, 2, BINS)
    goal = batch.point[seen].clamp(0.0, 0.999)
    terms = {'cover': F.binary_cross_entropy_with_logits(heads.cover(features), batch.cover)}
    which = torch.arange(TOKENS).expand(len(tokens), TOKENS)
    terms['slot'] = F.cross_entropy(heads.slot(tokens).flatten(0, 1), which.flatten())
    terms['flags'] = F.binary_cross_entropy_with_logits(flags, batch.colour)
    for axis in (0, 1):
        each = place_loss(place[:, axis], goal[:, axis])
        terms['xy'[axis]] = (each * weight).sum() / weight.sum()
    grip = heads.grip(rest)
    inside = ((batch.grip[:, :2] > 0) & (batch.grip[:, :2] < 1)).all(1)
    for axis in (0, 1):
        logits = grip[:, axis * BINS : (axis + 1) * BINS]
        terms['grip_' + 'xy'[axis]] = place_loss(logits[inside], batch.grip[inside, axis]).mean()
    terms['grip_form'] = F.mse_loss(grip[:, 2 * BINS :], batch.grip[:, 2:] * 10.0)
    with torch.no_grad():
        clear = batch.colour[..., 1][seen] > 0
        off = ((place.argmax(-1) + 0.5) / BINS - goal).abs().amax(-1)[clear]
        terms['m_near'] = (off < 0.025).float().mean()
        terms['m_lift'] = _f1(flags[..., 3] > 0, batch.colour[..., 3] > 0)
        terms['m_clear'] = _f1(flags[..., 1] > 0, batch.colour[..., 1] > 0)
    return terms


def _f1(got: Tensor, want: Tensor) -> Tensor:
    both = (got & want).sum()
    return 2 * both / (got.sum() + want.sum()).clamp(min=1)


WEIGHTS = {
    'cover': 4.0,
    'flags': 4.0,
    'slot': 0.5,
    'x': 1.0,
    'y': 1.0,
    'grip_x': 0.3,
    'grip_y': 0.3,
    'grip_form': 0.5,
}


def build(seed: int) -> tuple[Any, Any, Heads]:
    """A fresh vision tower, adapter and heads."""
    from transformers.models.molmo2.modeling_molmo2 import Molmo2Adapter, Molmo2VisionModel

    config = make_config(64, 64, ANY_IDS)
    tower, adapter = Molmo2VisionModel(config.vision_config), Molmo2Adapter(config.adapter_config)
    heads = Heads()
    generator = torch.Generator().manual_seed(seed)
    for module in (tower, adapter, heads):
        initialise(module, generator)
    return tower, adapter, heads


class VisionTask:
    """Stage 1 for the training loop."""

    weights = WEIGHTS

    def __init__(self, shards: Path, batch: int, seed: int, worker: int) -> None:
        tower, adapter, heads = build(seed)
        self.parts = nn.ModuleDict({'tower': tower, 'adapter': adapter, 'heads': heads})
        self._data = Shards(shards, 1000 * seed + worker)
        self._batch = batch

    def terms(self, step: int) -> dict[str, Tensor]:
        """Loss terms of a fresh batch."""
        del step
        parts: Any = self.parts
        batch = self._data.draw(self._batch)
        return losses(parts['tower'], parts['adapter'], parts['heads'], batch)

    def refresh(self) -> int:
        """Open new shards."""
        return self._data.refresh()


def train_vision(shards: Path, plan: Plan, batch: int = 48, seed: int = 0) -> None:
    """Train the vision path on the shards in a folder; resumes from the plan's checkpoint."""
    run(partial(VisionTask, shards, batch, seed), plan)
