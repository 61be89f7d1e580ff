# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The decoder: tokens and features to the next token, over a cache of given capacity.

Restated from transformers 5.23 models/molmo2/modeling_molmo2.py:144-410, 642-735, 862-900, with the
released names of the weights. What differs, and why:
- the cache is a buffer of C rows, written in place; the mask hides the rows after the last written
  one, so a cache goes back to an earlier length when rows are written there again;
- the mask is explicit, (j <= row of s) | (s is visual & j is visual): all tokens of the video see
  each other, across frames, all others are causal;
- features are added to the embeddings by a gather, because TensorRT has no boolean indexing;
- logits are computed only for the tokens that are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from molmo_ground_ros.backends.molmo2.config import Molmo2Config, TextConfig, Yarn
from molmo_ground_ros.backends.molmo2.ops import EAGER, Ops, cut


class DecoderLayers(nn.Module):
    """The embedding, all layers and the last norm. Batch size is 1."""

    def __init__(self, config: Molmo2Config, embedding_rows: int, ops: Ops = EAGER) -> None:
        super().__init__()
        text = config.text
        rows = text.vocabulary + text.extra_vocabulary
        self.wte = _Embedding(embedding_rows, rows - embedding_rows, text.hidden)
        self.blocks = nn.ModuleList(_Block(text, ops) for _ in range(text.layers))
        self.ln_f = Norm(text.hidden, text.eps, ops)
        self._scaled = [layer in text.scaled_layers for layer in range(text.layers)]
        # These are real numbers, even while the weights are on the meta device.
        with torch.device('cpu'):
            self._angles = [_angles(text, None), _angles(text, text.yarn)]

    def through(
        self,
        x: Tensor,  # (1, S, hidden)
        visual: Tensor,
        cache_visual: Tensor,
        start: Tensor,
        keys: Sequence[Tensor],
        values: Sequence[Tensor],
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """What the last layer makes of S embedded tokens, and the caches; see DecoderGraph."""
        rows = start + torch.arange(x.shape[1], device=x.device)  # (S,)
        mask = self._mask(rows, visual, cache_visual)
        tables = [self._table(rows, angles) for angles in self._angles]
        new_keys, new_values = [], []
        for i, block in enumerate(self.blocks):
            table = tables[self._scaled[i]]
            x, key, value = block(x, table, mask, start, keys[i], values[i])
            new_keys.append(key)
            new_values.append(value)
        return x, new_keys, new_values

    def move_angles(self, device: torch.device) -> None:
        """Move the rotary angles to the device. They are no weights, so loading does not."""
        self._angles = [(frequencies.to(device), scale) for frequencies, scale in self._angles]

    @staticmethod
    def _mask(rows: Tensor, visual: Tensor, cache_visual: Tensor) -> Tensor:
        """(1, 1, S, C) bool, True where a token sees a row."""
        columns = torch.arange(cache_visual.shape[1], device=rows.device)
        causal = columns[None, :] <= rows[:, None]  # (S, C)
        together = visual[0, :, None] & cache_visual[0, None, :]
        return (causal | together)[None, None]

    @staticmethod
    def _table(rows: Tensor, angles: tuple[Tensor, float]) -> tuple[Tensor, Tensor]:
        """Cosine and sine of each position, (1, S, d / 2) each, float32."""
        frequencies, scale = angles
        turned = rows[:, None].float() * frequencies
        return turned.cos()[None] * scale, turned.sin()[None] * scale


class DecoderGraph(DecoderLayers):
    """Molmo2's decoder: the layers and the head."""

    def __init__(self, config: Molmo2Config, embedding_rows: int, ops: Ops = EAGER) -> None:
        super().__init__(config, embedding_rows, ops)
        self.lm_head = nn.Linear(config.text.hidden, config.text.vocabulary, bias=False)

    def forward(
        self,
        ids: Tensor,  # (1, S) int64
        slots: Tensor,  # (1, S) int64: 0, or 1 + the row of `features` to add
        features: Tensor | None,  # (T, hidden), at least one row; None where all slots are 0
        visual: Tensor,  # (1, S) bool: tokens of the video
        cache_visual: Tensor,  # (1, C) bool: the same for every row of the cache, these included
        start: Tensor,  # (1,) int64: the row of the cache, and the position, of the first token
        logit_tokens: Tensor,  # (W,) int64: tokens whose logits are asked for
        keys: Sequence[Tensor],  # a layer: (1, m, C, d)
        values: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor, Tensor, list[Tensor], list[Tensor]]:
        """Read S tokens.

        Gives the logits (1, W, vocabulary) in float32, the likeliest token of each (1, W), its
        natural-log probability (1, W), and the caches with rows start .. start + S - 1 written.
        """
        x = self.wte(ids)  # (1, S, hidden)
        if features is not None:
            added = features[(slots - 1).clamp(min=0)]  # (1, S, hidden)
            x = x + torch.where((slots > 0)[..., None], added.to(x.dtype), 0)
        x, new_keys, new_values = self.through(x, visual, cache_visual, start, keys, values)
        logits = self.lm_head(self.ln_f(x.index_select(1, logit_tokens))).float()
        tokens = logits.argmax(-1)
        logprobs = logits.amax(-1) - logits.logsumexp(-1)
        return logits, tokens, logprobs, new_keys, new_values


class _Embedding(nn.Module):
    """An embedding in two tables, as the checkpoint stores it: joining them would copy both."""

    def __init__(self, first: int, second: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(first, hidden))
        self.new_embedding = nn.Parameter(torch.empty(second, hidden))

    def forward(self, ids: Tensor) -> Tensor:
        first = self.embedding.shape[0]
        low = F.embedding(ids.clamp(max=first - 1), self.embedding)
        high = F.embedding((ids - first).clamp(min=0), self.new_embedding)
        return torch.where((ids < first)[..., None], low, high)


class Norm(nn.Module):
    """Root mean square norm, times a weight."""

    def __init__(self, width: int, eps: float, ops: Ops) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self._eps = eps
        self._ops = ops

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) normed over the last axis."""
        return self._ops.rms_norm(x, self.weight, self._eps)


class _Attention(nn.Module):
    def __init__(self, text: TextConfig, ops: Ops) -> None:
        super().__init__()
        self._widths = [n * text.head_dim for n in (text.heads, text.kv_heads, text.kv_heads)]
        self._head_dim = text.head_dim
        self._norm_heads = text.norm_heads
        self._ops = ops
        self.att_proj = nn.Linear(text.hidden, sum(self._widths), bias=text.bias)
        self.attn_out = nn.Linear(self._widths[0], text.hidden, bias=False)
        normed = [text.head_dim] * 2 if text.norm_heads else self._widths[:2]
        self.q_norm, self.k_norm = (Norm(width, text.eps, ops) for width in normed)

    def forward(
        self,
        x: Tensor,  # (1, S, hidden)
        table: tuple[Tensor, Tensor],
        mask: Tensor,
        start: Tensor,
        key: Tensor,  # (1, m, C, d)
        value: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = cut(self.att_proj(x), self._widths)
        if not self._norm_heads:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k, v = (head.unflatten(-1, (-1, self._head_dim)) for head in (q, k, v))
        if self._norm_heads:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k, v = (head.transpose(1, 2) for head in (q, k, v))  # (1, n or m, S, d)
        q, k = self._ops.rotate(q, *table), self._ops.rotate(k, *table)
        key, value = self._ops.write(key, k, start), self._ops.write(value, v, start)
        attended = self._ops.attend(q, key, value, mask)
        return self.attn_out(attended.transpose(1, 2).flatten(2)), key, value


class _Feed(nn.Module):
    def __init__(self, text: TextConfig) -> None:
        super().__init__()
        self.ff_proj = nn.Linear(text.hidden, 2 * text.intermediate, bias=False)
        self.ff_out = nn.Linear(text.intermediate, text.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        up, gate = cut(self.ff_proj(x), [self.ff_out.in_features] * 2)
        return self.ff_out(F.silu(gate) * up)  # type: ignore[no-any-return]


class _Block(nn.Module):
    def __init__(self, text: TextConfig, ops: Ops) -> None:
        super().__init__()
        self.self_attn = _Attention(text, ops)
        self.mlp = _Feed(text)
        self.attn_norm = Norm(text.hidden, text.eps, ops)
        self.ff_norm = Norm(text.hidden, text.eps, ops)
        self._after = text.norm_after

    def forward(
        self,
        x: Tensor,
        table: tuple[Tensor, Tensor],
        mask: Tensor,
        start: Tensor,
        key: Tensor,
        value: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        if self._after:
            attended, key, value = self.self_attn(x, table, mask, start, key, value)
            x = x + self.attn_norm(attended)
            return x + self.ff_norm(self.mlp(x)), key, value
        attended, key, value = self.self_attn(self.attn_norm(x), table, mask, start, key, value)
        x = x + attended
        return x + self.mlp(self.ff_norm(x)), key, value


def _angles(text: TextConfig, yarn: Yarn | None) -> tuple[Tensor, float]:
    """Frequencies (d / 2,) of the rotary embedding, float32, and the factor of its cos and sin.

    In float32 and in this order of operations: one unit in the last place of a frequency is half a
    degree at position 30000. Source: transformers 5.23 modeling_rope_utils.py:346-481.
    """
    width = text.head_dim
    periods = text.rope_theta ** (torch.arange(0, width, 2, dtype=torch.float) / width)
    if yarn is None:
        return 1.0 / periods, 1.0
    low, high = (
        _turns(text, yarn.original_positions, beta) for beta in (yarn.beta_fast, yarn.beta_slow)
    )
    if yarn.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, width - 1)
    if low == high:
        high += 0.001
    unscaled = 1 - torch.clamp(
        (torch.arange(width // 2, dtype=torch.float) - low) / (high - low), 0, 1
    )
    frequencies = 1.0 / (yarn.factor * periods) * (1 - unscaled) + 1.0 / periods * unscaled
    return frequencies, _attention_factor(yarn)


def _turns(text: TextConfig, positions: int, rotations: float) -> float:
    """The dimension that turns so often within so many positions."""
    share = math.log(positions / (rotations * 2 * math.pi))
    return text.head_dim * share / (2 * math.log(text.rope_theta))


def _attention_factor(yarn: Yarn) -> float:
    if yarn.attention_factor is not None:
        return yarn.attention_factor

    def scale(weight: float) -> float:
        return 1.0 if yarn.factor <= 1 else 0.1 * weight * math.log(yarn.factor) + 1.0

    if yarn.mscale and yarn.mscale_all_dim:
        return scale(yarn.mscale) / scale(yarn.mscale_all_dim)
    return scale(1.0)
