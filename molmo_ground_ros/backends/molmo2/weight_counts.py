# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How many weights a model has, by its config."""

from __future__ import annotations

from molmo_ground_ros.backends.molmo2.config import (
    AdapterConfig,
    Molmo2Config,
    TextConfig,
    VisionConfig,
)


def layer_matrices(text: TextConfig) -> int:
    """Weights of att_proj, attn_out, ff_proj and ff_out of one layer."""
    read, width = text.heads * text.head_dim, (text.heads + 2 * text.kv_heads) * text.head_dim
    return text.hidden * (width + read + 3 * text.intermediate)


def layer_others(text: TextConfig) -> int:
    """Weights of one layer's norms and biases."""
    width = (text.heads + 2 * text.kv_heads) * text.head_dim
    heads = 2 if text.norm_heads else text.heads + text.kv_heads
    return 2 * text.hidden + heads * text.head_dim + (width if text.bias else 0)


def vision_weights(config: Molmo2Config) -> int:
    """How many weights the tower and the adapter have."""
    return _tower(config.vision) + _adapter(config.adapter, config.text.hidden)


def _tower(vision: VisionConfig) -> int:
    width = vision.heads * vision.head_dim
    attention = 3 * (vision.hidden + 1) * width + (width + 1) * vision.hidden
    feed = (vision.hidden + 1) * vision.intermediate + (vision.intermediate + 1) * vision.hidden
    layer = attention + feed + 2 * 2 * vision.hidden
    return (vision.patch_values + 1 + vision.positions) * vision.hidden + vision.layers * layer


def _adapter(adapter: AdapterConfig, hidden: int) -> int:
    width, read = adapter.heads * adapter.head_dim, adapter.hidden * len(adapter.feature_layers)
    pooling = 3 * (read + 1) * width + (width + 1) * adapter.hidden
    return pooling + adapter.intermediate * (2 * adapter.hidden + hidden)
