# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What of a decoder's config makes it one of the two kinds that Molmo2 comes in."""

from __future__ import annotations

from typing import Any

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
