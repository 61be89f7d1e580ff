# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The decoder with its pointing heads, and the vision tower, in torch.

Restated from molmo2 f3cb108, olmo/hf_model/modeling_molmo_point.py:350-470, 895-937, 1580-1600,
with the released names of the weights. The layers and the tower are those of Molmo2. What is turned
by its place, compared and chosen from is left to `pointing`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from molmo_ground_ros.backends.molmo2.config import AdapterConfig, Molmo2Config
from molmo_ground_ros.backends.molmo2.graph import DecoderLayers, Norm
from molmo_ground_ros.backends.molmo2.ops import EAGER, Ops
from molmo_ground_ros.backends.molmo2.vision import Pooling, Projector, Tower, windows_of
from molmo_ground_ros.backends.molmo_point.point_config import LOCATIONS, MolmoPointConfig


class PointDecoder(DecoderLayers):
    """The layers, the head of words, and the heads that point."""

    def __init__(self, config: MolmoPointConfig, embedding_rows: int, ops: Ops = EAGER) -> None:
        super().__init__(config.sizes, embedding_rows, ops)
        self.lm_head = _Head(config.sizes)
        self.point_predictor = _Predictor(config, ops)

    def forward(
        self,
        ids: Tensor,  # (1, S) int64
        slots: Tensor,  # (1, S) int64: 0, or the row of `features`, see below
        features: Tensor | None,  # (T, hidden), at least one row; None where all slots are 0
        visual: Tensor,
        cache_visual: Tensor,
        start: Tensor,
        logit_tokens: Tensor,  # (W,) int64: tokens that are to be followed
        keys: Sequence[Tensor],
        values: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, list[Tensor], list[Tensor]]:
        """Read S tokens; see `molmo2.graph.DecoderGraph.forward`.

        A slot k above zero adds row k - 1 to the token's embedding, one below zero puts row -k - 1
        in its place. Gives the parts of `heads.HeadsReading`, in float32, the first four for W
        tokens, keys for all S; and the caches.
        """
        x = self.wte(ids)
        if features is not None:
            rows = features[(slots.abs() - 1).clamp(min=0)].to(x.dtype)  # (1, S, hidden)
            x = torch.where((slots < 0)[..., None], 0, x)
            x = x + torch.where((slots != 0)[..., None], rows, 0)
        x, new_keys, new_values = self.through(x, visual, cache_visual, start, keys, values)
        last = x.index_select(1, logit_tokens)
        logits = self.lm_head(self.ln_f(last)).float()
        queries = self.point_predictor(last)
        return (logits, *queries, self.point_predictor.keys_of(x), new_keys, new_values)


class PointVision(nn.Module):
    """The tower and the adapter."""

    def __init__(self, config: Molmo2Config, ops: Ops = EAGER) -> None:
        super().__init__()
        self.vit = Tower(config.vision, ops)
        self.connector = _Connector(config.adapter, config.text.hidden)
        self._layers = config.adapter.feature_layers

    def forward(self, patches: Tensor, pooling: Tensor) -> tuple[Tensor, Tensor]:
        """Features of frames; see `molmo2.vision.VisionGraph.forward`.

        Gives what is added to embeddings, (N * T, hidden), and the windows (N * T, K, D).
        """
        windows, valid = windows_of(self.vit(patches, self._layers), pooling)
        pooled = self.connector.image_pooling_2d(windows, valid)
        return self.connector.image_projector(pooled).flatten(0, 1), windows.flatten(0, 1)


class SubpatchGraph(nn.Module):
    """Keys and embeddings of the subpatches of one token."""

    def __init__(self, config: MolmoPointConfig) -> None:
        super().__init__()
        adapter = config.sizes.adapter
        read = adapter.hidden * len(adapter.feature_layers)
        self.point_predictor = nn.ModuleDict({'subpatch_k': nn.Linear(read, config.width)})
        self.build_vit_embedding = nn.Linear(read, config.sizes.text.hidden)

    def forward(self, window: Tensor) -> tuple[Tensor, Tensor]:
        """window: (K, D). Gives (K, width) in float32, and (K, hidden)."""
        keys = self.point_predictor['subpatch_k'](window).float()
        return keys, self.build_vit_embedding(window)


class _Head(nn.Module):
    """The head in two tables, as the checkpoint stores it: joining them would copy both."""

    def __init__(self, config: Molmo2Config) -> None:
        super().__init__()
        text = config.text
        self.output_embeddings = nn.Parameter(torch.empty(text.vocabulary, text.hidden))
        self.new_output_embeddings = nn.Parameter(torch.empty(text.extra_vocabulary, text.hidden))

    def forward(self, x: Tensor) -> Tensor:
        tables = (self.output_embeddings, self.new_output_embeddings)
        return torch.cat([F.linear(x, table) for table in tables], dim=-1)


class _Predictor(nn.Module):
    """The queries and keys of patches and subpatches, and the locations."""

    def __init__(self, config: MolmoPointConfig, ops: Ops) -> None:
        super().__init__()
        text, width = config.sizes.text, config.width
        self.x_norm = Norm(text.hidden, text.eps, ops)
        self.patch_q, self.patch_k, self.subpatch_q = (
            nn.Linear(text.hidden, width) for _ in range(3)
        )
        self.subpatch_loc_k = nn.Linear(text.hidden, LOCATIONS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The query of patches, of subpatches, and the logits of locations after x.

        parity: locations are read from x before any norm.
        """
        normed = self.x_norm(x)
        outputs = self.patch_q(normed), self.subpatch_q(normed), self.subpatch_loc_k(x)
        patches, subpatches, locations = (output.float() for output in outputs)
        return patches, subpatches, locations

    def keys_of(self, x: Tensor) -> Tensor:
        """The key of each token, (1, S, width)."""
        keys: Tensor = self.patch_k(self.x_norm(x)).float()
        return keys


class _Connector(nn.Module):
    def __init__(self, config: AdapterConfig, hidden: int) -> None:
        super().__init__()
        self.image_pooling_2d = Pooling(config, output=False)
        self.image_projector = Projector(config, hidden)
