# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 1: the vision tower and adapter alone, on single frames.

The adapter's output is trained towards the code of `slots.py`; throw-away linear heads on what it
pools say the same as classes (which kind, how large, where, held), and on every patch what covers
it: those reach the tower sooner. One of the tower's own heads is taught to attend, from a
token's patches, to the patches that its thing covers.
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

from tools.tabletop import slots, truth
from tools.tabletop.augment import View
from tools.tabletop.loop import Plan, run
from tools.tabletop.network import (
    ROW,
    VISION_WIDTH,
    build_vision,
    encode,
    initialise,
    patches_of,
    quickest_dtype,
    windows,
)
from tools.tabletop.slots import CODE, PLACE, Slots
from tools.tabletop.truth import CELL_GRIPPER, CELLS, COLOURS, KINDS, SIZES, Truth

BINS = 84  # classes of a coordinate: two pixels each
COVER = len(KINDS) + len(COLOURS) + 1  # and the gripper
OWN = 0.1  # share of a patch that a thing must cover for its token to attend to it
UNSEEN = 20  # every 20th episode is never trained on
FRAMES = 48  # of a batch of one worker
# How much more a part of the code counts than another. Few things are held or lifted, and what the
# language model says of events comes of those; without this, 0.86 was said where 2 is right.
STRESS = {'state': 5.0, 'kind': 2.0}
POOL, SWAP = 40_000, 2  # frames in memory, and how many episodes are replaced at a step


def _stress() -> Tensor:
    """(CODE,) the weights of the code's dimensions."""
    weights = torch.ones(CODE)
    for name, times in STRESS.items():
        weights[PLACE[name]] = times
    return weights


_STRESS = _stress()


@dataclass(frozen=True)
class Batch:
    """N frames."""

    frames: Tensor  # (N, SIDE, SIDE, 3) uint8
    seen: Tensor  # (N, 16) bool
    labels: Tensor  # (N, 16, 3) kind, size, support
    flags: Tensor  # (N, 16, 5) seen, clearly seen, held, lifted, lies on its side
    point: Tensor  # (N, 16, 2)
    grip: Tensor  # (N, 4) as in Slots
    code: Tensor  # (N, 16, CODE)
    cover: Tensor  # (N, 144, COVER) in [0, 1]
    own: Tensor  # (N, 16, 144) bool: the token's thing covers at least OWN of the patch


def is_unseen(path: Path) -> bool:
    """Whether an episode is kept for measuring; decided by its seed, both views alike."""
    digits = ''.join(filter(str.isdigit, path.stem.split('_')[0].split('-')[0]))
    return int(digits or 0) % UNSEEN == 0


def cover_of(episode: Truth, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """(F, 144, COVER): each kind's, each colour's and the gripper's share of each patch."""
    table = np.zeros((len(rows), 256, COVER), np.float32)
    frame = np.arange(len(rows))[:, None]
    number = np.arange(len(episode.things))[None]
    table[frame, number, episode.kind[rows]] = 1
    table[frame, number, len(KINDS) + episode.colour[rows]] = 1
    table[:, CELL_GRIPPER, -1] = 1
    shares = table[np.arange(len(rows))[:, None, None], _tiles(episode, rows)].mean(2)
    return np.asarray(shares, np.float32)


def _tiles(episode: Truth, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
    """(F, 144, 49) what is seen in each patch."""
    fine = episode.cells[rows].repeat(2, 1).repeat(2, 2)  # (F, 84, 84), 7 x 7 a patch
    step = 2 * CELLS // ROW
    tiles = fine.reshape(len(rows), ROW, step, ROW, step).transpose(0, 1, 3, 2, 4)
    return tiles.reshape(len(rows), ROW * ROW, step * step)


def own_of(episode: Truth, rows: NDArray[np.intp], found: Slots) -> NDArray[np.bool_]:
    """(F, 16, 144): whether each token's thing covers at least OWN of each patch."""
    tiles = _tiles(episode, rows)
    own = [tiles == thing[:, None, None] for thing in found.thing.T]
    shares = np.stack(own, 1).mean(-1)
    covered: NDArray[np.bool_] = (shares >= OWN) & found.seen[..., None]
    return covered


def batch_of(
    frames: NDArray[np.uint8], episode: Truth, rows: NDArray[np.intp], view: View | None = None
) -> list[NDArray[np.generic]]:
    """A Batch's fields for some frames of an episode; view: how they are changed."""
    pictures = frames[rows]
    if view is not None:
        pictures, episode = view.pictures(pictures), view.truth(episode, rows)
        rows = np.arange(len(rows))
    found = slots.slots_of(episode, rows)
    return [
        pictures,
        found.seen,
        np.stack([found.kind, found.size, found.support], -1),
        _flags(found),
        found.point,
        found.grip,
        slots.code(found),
        cover_of(episode, rows),
        own_of(episode, rows, found),
    ]


def _flags(found: Slots) -> NDArray[np.float32]:
    shown = np.stack([found.seen, slots.clear(found)], -1)
    return np.concatenate([shown, found.state], -1).astype(np.float32)


def _joined(parts: list[list[NDArray[np.generic]]]) -> Batch:
    columns = zip(*parts, strict=True)
    return Batch(*(torch.from_numpy(np.concatenate(column)) for column in columns))


class Episodes:
    """Random frames of the episodes in a folder, as many in memory as POOL says."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._rng = folder, np.random.default_rng(seed)
        self._paths: list[Path] = []
        self._pool: list[tuple[NDArray[np.uint8], Truth]] = []
        self.refresh()

    def refresh(self) -> int:
        """Look for new episodes; returns how many there are."""
        self._paths = [path for path in sorted(self._folder.glob('*.npz')) if not is_unseen(path)]
        return len(self._paths)

    def _load(self) -> tuple[NDArray[np.uint8], Truth]:
        """A random episode that has pictures. Raises ValueError where there is none."""
        for number in self._rng.permutation(len(self._paths)):
            pictures, episode = truth.load(self._paths[number])
            if len(pictures):
                return pictures, episode
        raise ValueError(f'{self._folder}: no episode with pictures to train on')

    def _fill(self, frames: int) -> None:
        """Take in episodes, each once, until there are so many more frames or no more episodes."""
        for number in self._rng.permutation(len(self._paths)):
            pictures, episode = truth.load(self._paths[number])
            if not len(pictures):  # a truth alone
                continue
            self._pool.append((pictures, episode))
            frames -= len(pictures)
            if frames <= 0:
                return

    def draw(self, count: int, mix: int = 24) -> Batch:
        """A random batch of about `count` frames from `mix` episodes, each in a view of its own."""
        mix = min(mix, count)
        free = POOL - sum(len(frames) for frames, _ in self._pool)
        if free > 0 and len(self._pool) < len(self._paths):
            self._fill(free)
        for _ in range(SWAP):
            self._pool[int(self._rng.integers(len(self._pool)))] = self._load()
        parts = []
        for pick in self._rng.integers(len(self._pool), size=mix):
            frames, episode = self._pool[pick]
            rows = self._rng.integers(len(frames), size=count // mix)
            parts.append(batch_of(frames, episode, rows, View.drawn(self._rng)))
        return _joined(parts)


def unseen_batches(folder: Path, total: int = 192, most: int = 16) -> list[Batch]:
    """Frames of episodes that are never trained on, evenly spread; always the same.

    total: of all frames, about; most: of an episode.
    """
    batches, frames = [], 0
    for path in [path for path in sorted(folder.glob('*.npz')) if is_unseen(path)]:
        pictures, episode = truth.load(path)
        if not len(pictures):
            continue
        rows = np.linspace(0, len(pictures) - 1, min(most, len(pictures))).astype(np.intp)
        batches.append(_joined([batch_of(pictures, episode, rows)]))
        frames += len(rows)
        if frames >= total:
            break
    return batches


class Heads(nn.Module):
    """Linear read-outs of the features; thrown away after training."""

    def __init__(self) -> None:
        super().__init__()
        wide = 2 * VISION_WIDTH
        self.cover = nn.Linear(wide, COVER)
        self.flags = nn.Linear(wide, 5)
        self.kind = nn.Linear(wide, len(KINDS))
        self.size = nn.Linear(wide, len(SIZES))
        self.support = nn.Linear(wide, PLACE['support'].stop - PLACE['support'].start)
        self.place = nn.Linear(wide, 2 * BINS)
        self.grip = nn.Linear(wide, 2 * BINS)


def place_loss(logits: Tensor, share: Tensor, width: float = 1.0) -> Tensor:
    """Cross entropy against a bell of `width` bins. logits: (N, bins); share: (N,) in [0, 1]."""
    bins = logits.shape[-1]
    centres = (torch.arange(bins) + 0.5) / bins
    bell = torch.softmax(-0.5 * ((centres - share[:, None]) * bins / width) ** 2, dim=-1)
    return -(bell * logits.log_softmax(-1)).sum(-1)


def losses(parts: nn.ModuleDict, batch: Batch) -> dict[str, Tensor]:
    """The terms of stage 1's loss, and (detached) its measures."""
    dtype = quickest_dtype(batch.frames.device)
    encoded = encode(parts['tower'], parts['adapter'], patches_of(batch.frames), dtype)
    features, tokens = encoded.features.float(), encoded.tokens.float()
    heads: Any = parts['heads']
    seen = batch.seen
    window = features[:, windows()].mean(2)  # (N, 16, 2 D)
    thing = window[seen]
    terms = {'cover': F.binary_cross_entropy_with_logits(heads.cover(features), batch.cover)}
    terms['flags'] = F.binary_cross_entropy_with_logits(heads.flags(window), batch.flags)
    weight = 0.2 + 0.8 * batch.flags[..., 1][seen]
    for column, name in enumerate(('kind', 'size', 'support')):
        head, label = getattr(heads, name), batch.labels[..., column][seen]
        each = F.cross_entropy(head(thing), label, reduction='none')
        terms[name] = (each * weight).sum() / weight.sum()
    place = heads.place(thing).unflatten(-1, (2, BINS))
    for axis in (0, 1):
        each = place_loss(place[:, axis], batch.point[seen][:, axis].clamp(0, 0.999))
        terms['xy'[axis]] = (each * weight).sum() / weight.sum()
    hand = batch.grip[:, 2] > 0
    grip = heads.grip(window.mean(1)[hand]).unflatten(-1, (2, BINS))
    for axis in (0, 1):
        goal = batch.grip[hand][:, axis].clamp(0, 0.999)
        terms['grip_' + 'xy'[axis]] = place_loss(grip[:, axis], goal).mean()
    off = _STRESS.to(tokens) * (tokens[..., :CODE] - batch.code) ** 2
    rest = (tokens[..., CODE:] ** 2).mean()
    terms['code'] = off[seen].mean() + 0.3 * off[~seen].mean() + 0.1 * rest
    return terms | _attended(encoded.attention, batch) | _measures(tokens, batch)


def _attended(attention: Tensor, batch: Batch) -> dict[str, Tensor]:
    """How much the guided head attends, from a token's patches, to its thing."""
    frame, token = torch.nonzero(batch.own.any(-1), as_tuple=True)
    logits = attention[frame[:, None], windows()[token]]  # (n, 9, 144)
    shares = logits.log_softmax(-1)
    own = batch.own[frame, token][:, None]
    there = shares.masked_fill(~own, -1e9).logsumexp(-1)
    return {'attention': -there.mean(), 'm_attention': there.detach().exp().mean()}


@torch.no_grad()
def _measures(tokens: Tensor, batch: Batch) -> dict[str, Tensor]:
    """What the code itself says, of the things that are clearly seen."""
    clear = batch.flags[..., 1] > 0
    thing = tokens[clear]
    right = {}
    for column, name in enumerate(('kind', 'size', 'support')):
        said = thing[:, PLACE[name]].argmax(-1)
        right['m_' + name] = (said == batch.labels[..., column][clear]).float().mean()
    where = [slots.coordinates(thing[:, PLACE[name]].cpu().numpy()) for name in 'xy']
    away = np.abs(np.stack(where, 1) - batch.point[clear].cpu().numpy()).max(1)
    right['m_near'] = torch.tensor((away < 0.025).mean())
    right['m_off'] = torch.tensor(np.median(away))
    right['m_seen'] = _f1(tokens[..., PLACE['seen']][..., 1] > 1.0, clear)
    for column, name in enumerate(('m_held', 'm_lift')):
        said = tokens[..., PLACE['state']][..., column]
        right[name] = _f1(said > 1.0, batch.flags[..., 2 + column] > 0)
    return right


def _f1(got: Tensor, want: Tensor) -> Tensor:
    both = (got & want).sum()
    return 2 * both / (got.sum() + want.sum()).clamp(min=1)


WEIGHTS = {
    'cover': 4.0,
    'flags': 4.0,
    'kind': 1.0,
    'size': 0.3,
    'support': 0.5,
    'x': 1.0,
    'y': 1.0,
    'grip_x': 0.3,
    'grip_y': 0.3,
    'code': 8.0,
    'attention': 0.3,
}


@dataclass(frozen=True)
class FrameSource:
    """Random frames for the training loop."""

    episodes: Episodes
    batch: int

    def draw(self, step: int) -> Batch:
        """A fresh batch."""
        del step
        return self.episodes.draw(self.batch)

    def refresh(self) -> int:
        """Look for new episodes."""
        return self.episodes.refresh()


class VisionTask:
    """Stage 1 for the training loop."""

    weights = WEIGHTS

    def __init__(self, folder: Path, batch: int, seed: int, worker: int) -> None:
        del worker
        tower, adapter = build_vision(seed)
        heads = Heads()
        initialise(heads, torch.Generator().manual_seed(seed))
        self.parts = nn.ModuleDict({'tower': tower, 'adapter': adapter, 'heads': heads})
        self._folder, self._batch, self._seed = folder, batch, seed

    def source(self, worker: int) -> FrameSource:
        """Frames of the folder's episodes."""
        return FrameSource(Episodes(self._folder, 100_000 * self._seed + worker), self._batch)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Loss terms and measures of a batch."""
        return losses(self.parts, batch)

    def held_out(self) -> list[Batch]:
        """Frames of episodes that are never trained on."""
        return unseen_batches(self._folder)


def train_vision(folder: Path, plan: Plan, batch: int = FRAMES, seed: int = 0) -> None:
    """Train the vision path on the episodes in a folder; resumes from the plan's checkpoint."""
    run(partial(VisionTask, folder, batch, seed), plan)
