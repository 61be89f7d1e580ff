# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cached visual features to training batches: clips cut at random, each with several questions.

A sequence is the video prefix followed by branches (question and answer) that all see the prefix
and not each other, as Molmo2 itself was trained; the prefix is paid for once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tools.tabletop.network import TOKENS
from tools.tabletop.questions import ANY, ClipTruth, answer, wording
from tools.tabletop.vocabulary import COORDINATES, make_tokenizer
from tools.tabletop.world import COLOURS

SEEN, CLEARLY = 0.12, 0.35  # of the silhouette: to be tracked, to be pointed at
FRAME = TOKENS + 4  # ' ', time label, <im_start>, patches, <im_end>
C = len(COLOURS)
KINDS = ('grasp_count', 'grasp_count', 'grasp_count', 'grasp_point', 'point', 'count', 'track')
SHORT_KINDS = ('point', 'point', 'point', 'point', 'count', 'track', 'track', 'grasp_count')
SHORT = 4  # frames


class Coder:
    """Text to ids and back, and the ids the packer needs."""

    def __init__(self) -> None:
        self.tokenizer, self.base = make_tokenizer()
        self.id = self.tokenizer.token_to_id
        self.time = np.array([self.ids(f'{tenth / 10:.1f} ')[0] for tenth in range(640)])
        self.coordinate = self.ids(COORDINATES[0])[0]  # the others follow

    def ids(self, text: str) -> list[int]:
        """Token ids; special tokens in the text count as such."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def prefix(self, labels: list[str]) -> list[int]:
        """BOS and the frames' blocks, 13 ids a frame."""
        visual = [self.id('<im_start>')] + TOKENS * [self.id('<im_patch>')] + [self.id('<im_end>')]
        ids = [self.id('<|im_end|>')]
        for number, label in enumerate(labels):
            space = self.ids(' ') if number else []
            ids += space + [int(self.time[round(float(label) * 10)])] + visual
        return ids

    def branch(self, question: str, reply: str) -> tuple[list[int], int]:
        """Ids of a question and its answer, and where the answer begins."""
        turn = f'<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n'
        start = self.ids(turn)
        return start + self.ids(reply + '<|im_end|>' * bool(reply)), len(start)


@dataclass(frozen=True)
class Clip:
    """F frames of one episode. features: (F, 9, WIDTH) float16."""

    features: NDArray[np.float16]
    truth: ClipTruth
    present: NDArray[np.bool_]  # (6,)


class Bank:
    """All cached episodes: arrays with E episodes of 56 frames, as shards.Labels describes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: list[str] = []
        self._parts: list[dict[str, NDArray[Any]]] = []
        self.refresh()

    def refresh(self) -> int:
        """Load what is new; returns the number of episodes."""
        for path in sorted(self._folder.glob('*.features.npz')):
            if path.name not in self._names:
                with np.load(path) as arrays:
                    self._parts.append(dict(arrays))
                self._names.append(path.name)
        return sum(len(part['features']) for part in self._parts)

    def draw(self, rng: np.random.Generator, frames: int) -> Clip:
        """A random clip of so many frames (2 to 49), half of them ending off the grid."""
        part = self._parts[rng.integers(len(self._parts))]
        e = int(rng.integers(len(part['features'])))
        grid = np.flatnonzero(part['on_grid'][e])
        extras = np.flatnonzero(~part['on_grid'][e])
        last = np.searchsorted(grid, extras) - 1  # the grid frame before each extra one
        fit = np.flatnonzero(last + 2 >= frames)
        if len(fit) and rng.random() < 0.5:
            pick = rng.choice(fit)
            rows = np.append(grid[last[pick] + 2 - frames : last[pick] + 1], extras[pick])
        else:
            start = int(rng.integers(len(grid) - frames + 1))
            rows = grid[start : start + frames]
        return cut(part, e, rows)


def cut(part: dict[str, NDArray[Any]], e: int, rows: NDArray[np.intp]) -> Clip:
    """The clip of some frames of an episode, its times re-zeroed."""
    times = part['time_s'][e, rows]
    labels = [f'{t:.1f}' for t in times - times[0]]
    visible, lifted = part['visible'][e, rows], part['lifted'][e, rows]
    point = np.where((visible >= SEEN)[..., None], part['point'][e, rows], np.nan)
    hidden = lifted & np.isnan(point[..., 0])
    grip = np.broadcast_to(part['grip'][e, rows, None, :2].clip(0, 1), point.shape)
    point[hidden] = grip[hidden]
    truth = ClipTruth(labels, point, visible >= CLEARLY, lifted)
    return Clip(part['features'][e, rows], truth, part['present'][e])


@dataclass(frozen=True)
class Batch:
    """B packed sequences of S tokens; the prefix of P tokens holds F frames."""

    ids: Tensor  # (B, S)
    position: Tensor  # (B, S)
    allowed: Tensor  # (B, 1, S, S) bool attention mask
    features: Tensor  # (B, F, 9, WIDTH) float32
    patch: Tensor  # (P,) bool: <im_patch> places
    weight: Tensor  # (B, S) of predicting the NEXT token
    states: Tensor  # (B, F, 6, 3) lifted, grasp begins, first clear appearance
    totals: Tensor  # (B, F, 6) grasps so far
    time: Tensor  # (B, F) token ids of the frames' labels


def questions_for(clip: Clip, rng: np.random.Generator) -> list[tuple[str, int]]:
    """A mix of (kind, colour): mostly present blocks, some absent ones, some 'a block'."""
    there, absent = np.flatnonzero(clip.present), np.flatnonzero(~clip.present)
    grasped = np.flatnonzero(clip.truth.lifted.any(0))
    chosen: list[tuple[str, int]] = []
    for kind in KINDS if len(clip.features) > SHORT else SHORT_KINDS:
        dice = rng.random()
        if dice < 0.12:
            colour = int(rng.choice(absent))
        elif dice < (0.4 if kind == 'count' else 0.22) and kind != 'track':
            colour = ANY
        elif kind.startswith('grasp') and len(grasped) and dice < 0.6:
            colour = int(rng.choice(grasped))
        else:
            colour = int(rng.choice(there))
        if (kind, colour) not in chosen:
            chosen.append((kind, colour))
    return chosen


def pack(coder: Coder, clips: list[Clip], rng: np.random.Generator) -> Batch:
    """Clips of equal length with their questions as one batch."""
    rows = [_row(coder, clip, rng) for clip in clips]
    longest = max(len(row[0]) for row in rows)
    fill = coder.id('<|endoftext|>')
    ids = np.full((len(rows), longest), fill)
    segment, position = np.full_like(ids, -1), np.zeros_like(ids)
    weight = np.zeros(ids.shape, np.float32)
    for i, (tokens, parts, places, weights) in enumerate(rows):
        n = len(tokens)
        ids[i, :n], segment[i, :n], position[i, :n], weight[i, :n] = tokens, parts, places, weights
    prefix = FRAME * len(clips[0].features)
    patch = ids[0, :prefix] == coder.id('<im_patch>')
    truths = [clip.truth for clip in clips]
    states, totals = zip(*(_states(truth) for truth in truths), strict=True)
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(position),
        _allowed(coder, torch.from_numpy(ids), torch.from_numpy(segment)),
        torch.from_numpy(np.stack([clip.features for clip in clips])).float(),
        torch.from_numpy(patch),
        torch.from_numpy(weight),
        torch.from_numpy(np.stack(states)),
        torch.from_numpy(np.stack(totals)),
        torch.tensor([[int(coder.time[round(float(x) * 10)]) for x in t.labels] for t in truths]),
    )


def _row(
    coder: Coder, clip: Clip, rng: np.random.Generator
) -> tuple[list[int], list[int], list[int], list[float]]:
    tokens = coder.prefix(list(clip.truth.labels))
    prefix = len(tokens)
    parts, places, weights = [0] * prefix, list(range(prefix)), [0.0] * prefix
    for number, (kind, colour) in enumerate(questions_for(clip, rng), start=1):
        reply = answer(kind, colour, clip.truth)
        ids, start = coder.branch(wording(kind, colour, rng), reply)
        each = 2.0 if kind.startswith('grasp') else 0.4 if kind == 'track' else 1.0
        tokens += ids
        parts += [number] * len(ids)
        places += range(prefix, prefix + len(ids))
        weights += [0.0] * (start - 1) + [each] * (len(ids) - start) + [0.0]
    return tokens, parts, places, weights


def _allowed(coder: Coder, ids: Tensor, segment: Tensor) -> Tensor:
    """Causal inside a branch and towards the prefix; visual tokens see each other both ways."""
    order = torch.arange(ids.shape[1])
    causal = order[:, None] >= order[None]
    ours = (segment[:, None, :] == 0) | (segment[:, None, :] == segment[:, :, None])
    visual = (ids >= coder.base) & (segment == 0)
    block = visual[:, None, :] & visual[:, :, None]
    return ((causal & ours) | block)[:, None]


def _states(truth: ClipTruth) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(F, 6, 3) flags and (F, 6) grasps so far, for the throw-away heads."""
    begins = np.zeros_like(truth.lifted)
    begins[1:] = truth.lifted[1:] & ~truth.lifted[:-1]
    firsts = truth.clear & (np.cumsum(truth.clear, 0) == 1)
    flags = np.stack([truth.lifted, begins, firsts], -1).astype(np.float32)
    return flags, np.cumsum(begins, 0).clip(max=7)
