# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The vision tower: frames to the features that are added to their <im_patch> embeddings.

A frame's features depend on that frame alone, so they can be cached and used for any question.
Restated from transformers 5.23 models/molmo2/modeling_molmo2.py:420-641, 798-860, with the released
names of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from molmo_ground_ros.backends.molmo2.config import AdapterConfig, Molmo2Config, VisionConfig
from molmo_ground_ros.backends.molmo2.ops import EAGER, Ops


class VisionGraph(nn.Module):
    """The tower and the adapter."""

    def __init__(self, config: Molmo2Config, ops: Ops = EAGER) -> None:
        super().__init__()
        self.image_vit = Tower(config.vision, ops)
        self.image_pooling_2d = Pooling(config.adapter)
        self.image_projector = Projector(config.adapter, config.text.hidden)
        self._layers = config.adapter.feature_layers

    def forward(self, patches: Tensor, pooling: Tensor) -> Tensor:
        """Features of frames.

        patches: (N, P, values of a patch). pooling: (T, K) int64, the patches of a frame that each
        of its tokens pools, -1 is padding; no row is all padding. Gives (N * T, hidden).
        """
        windows, valid = windows_of(self.image_vit(patches, self._layers), pooling)
        pooled = self.image_pooling_2d(windows, valid)  # (N, T, hidden of the adapter)
        return self.image_projector(pooled).flatten(0, 1)  # type: ignore[no-any-return]


def windows_of(layers: Sequence[Tensor], pooling: Tensor) -> tuple[Tensor, Tensor]:
    """The features of the patches that each token pools, (N, T, K, D), and which are none (T, K).

    layers: outputs of the tower, (N, P, hidden) each. pooling: as in `VisionGraph`; what stands for
    no patch is zero.
    """
    read = torch.cat(list(layers), dim=-1)
    valid = pooling >= 0
    return read[:, pooling.clamp(min=0)] * valid[..., None].to(read.dtype), valid


class Tower(nn.Module):
    """The layers up to the last one that is read."""

    def __init__(self, config: VisionConfig, ops: Ops) -> None:
        super().__init__()
        self.patch_embedding = nn.Linear(config.patch_values, config.hidden)
        self.positional_embedding = nn.Parameter(torch.zeros(config.positions, config.hidden))
        blocks = nn.ModuleList(_Block(config, ops) for _ in range(config.layers))
        self.transformer = nn.ModuleDict({'resblocks': blocks})

    def forward(self, patches: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """The outputs of these layers, in their order, (N, P, hidden) each.

        Of a released tower's 25 outputs two are read; the others are not kept in memory.
        """
        x = self.patch_embedding(patches) + self.positional_embedding
        outputs = {}
        blocks: Any = self.transformer['resblocks']
        for layer, block in enumerate(blocks):
            x = block(x)
            if layer in layers:
                outputs[layer] = x
        return [outputs[layer] for layer in layers]


class _Block(nn.Module):
    def __init__(self, config: VisionConfig, ops: Ops) -> None:
        super().__init__()
        width = config.heads * config.head_dim
        self.attention_norm = nn.LayerNorm(config.hidden, eps=config.eps)
        self.attention = _Projections(config.hidden, width, config.hidden)
        self.ffn_norm = nn.LayerNorm(config.hidden, eps=config.eps)
        self.feed_forward = nn.ModuleDict(
            {
                'w1': nn.Linear(config.hidden, config.intermediate),
                'w2': nn.Linear(config.intermediate, config.hidden),
            }
        )
        self._heads = config.heads
        self._ops = ops

    def forward(self, x: Tensor) -> Tensor:
        """(N, P, hidden), every patch sees every patch of its frame."""
        normed = self.attention_norm(x)
        q, k, v = (
            project(normed).unflatten(-1, (self._heads, -1)).transpose(1, 2)  # (N, n, P, d)
            for project in (self.attention.wq, self.attention.wk, self.attention.wv)
        )
        x = x + self.attention.wo(self._ops.attend(q, k, v, None).transpose(1, 2).flatten(2))
        wide = self.feed_forward['w1'](self.ffn_norm(x))
        narrow: Tensor = self.feed_forward['w2'](F.gelu(wide, approximate='tanh'))
        return x + narrow


class _Projections(nn.Module):
    """The matrices of an attention; its outputs stay as they are where `hidden` is 0."""

    def __init__(self, read: int, width: int, hidden: int) -> None:
        super().__init__()
        self.wq, self.wk, self.wv = (nn.Linear(read, width) for _ in range(3))
        self.wo = nn.Linear(width, hidden) if hidden else nn.Identity()


class Pooling(_Projections):
    """Pools the patches of a window with attention; the query is their mean.

    output: whether a matrix follows. MolmoPoint has none.
    """

    def __init__(self, config: AdapterConfig, *, output: bool = True) -> None:
        read = config.hidden * len(config.feature_layers)
        super().__init__(read, config.heads * config.head_dim, config.hidden if output else 0)
        self._heads = config.heads

    def forward(self, windows: Tensor, valid: Tensor) -> Tensor:
        """windows: (N, T, K, D), zero where padded. valid: (T, K). Gives (N, T, hidden)."""
        count = valid.sum(-1, keepdim=True).to(windows.dtype)  # (T, 1), at least 1
        query = self.wq(windows.sum(-2) / count)  # (N, T, width)
        q = query.unflatten(-1, (self._heads, 1, -1))  # (N, T, n, 1, d)
        k, v = (
            project(windows).unflatten(-1, (self._heads, -1)).transpose(-3, -2)  # (N, T, n, K, d)
            for project in (self.wk, self.wv)
        )
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)  # (N, T, n, 1, K)
        scores = torch.where(valid[:, None, None], scores, torch.finfo(q.dtype).min)
        shares = scores.softmax(-1, dtype=torch.float32).to(q.dtype)
        return self.wo((shares @ v).flatten(2))  # type: ignore[no-any-return]


class Projector(nn.Module):
    """The adapter's features as the decoder's embeddings."""

    def __init__(self, config: AdapterConfig, hidden: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.hidden, config.intermediate, bias=False)
        self.w3 = nn.Linear(config.hidden, config.intermediate, bias=False)
        self.w2 = nn.Linear(config.intermediate, hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., hidden of the adapter) to (..., hidden of the decoder)."""
        return self.w2(F.silu(self.w1(x)) * self.w3(x))  # type: ignore[no-any-return]
