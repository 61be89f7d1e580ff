# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tiny checkpoints of both norm styles, and the reference backend on each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

YARN = {
    'rope_type': 'yarn',
    'rope_theta': 10000.0,
    'factor': 8.0,
    'original_max_position_embeddings': 64,
    'beta_fast': 32.0,
    'beta_slow': 1.0,
    'attention_factor': 1.2,
}
STYLES: dict[str, dict[str, Any]] = {
    'qwen3': {},
    'olmo': {
        'qk_norm_type': 'olmo',
        'norm_after': True,
        'num_key_value_heads': 4,
        'num_hidden_layers': 3,
        'rope_parameters': YARN,
        'rope_scaling_layers': [1],
    },
}


@pytest.fixture(scope='session')
def folders(make_checkpoint) -> dict[str, Path]:
    """One checkpoint a style."""
    return {
        style: make_checkpoint(nested=False, seed=seed, text=text)
        for seed, (style, text) in enumerate(STYLES.items(), start=3)
    }
