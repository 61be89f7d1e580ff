# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The sizes of the released checkpoints, for estimates without a checkpoint.

Source: allenai/molmo2 f3cb108, olmo/model_configs.py:97-124, 203-347 and README.md:403, as their
config.json files state them; tests hold these to `config.read_config`.
"""

from __future__ import annotations

from dataclasses import replace

from molmo_ground_ros.backends.molmo2.config import (
    AdapterConfig,
    Molmo2Config,
    TextConfig,
    VisionConfig,
    Yarn,
)

FRAME_FEATURES = 81  # of 9 x 9 pooled patches
FRAME_TOKENS = FRAME_FEATURES + 2  # and a marker at either end

_VISION = VisionConfig(
    hidden=1152,
    layers=25,  # of 27 that are declared; the last two are not read
    heads=16,
    head_dim=72,
    intermediate=4304,
    positions=729,
    patch_values=588,
    eps=1e-6,
)
_TEXT_4B = TextConfig(
    hidden=2560,
    layers=36,
    heads=32,
    kv_heads=8,
    head_dim=128,
    intermediate=9728,
    vocabulary=151936,
    extra_vocabulary=128,
    positions=36864,
    eps=1e-6,
    bias=False,
    norm_heads=True,
    norm_after=False,
    rope_theta=5e6,
    yarn=None,
    scaled_layers=frozenset(range(36)),
)
_TEXT_8B = replace(_TEXT_4B, hidden=4096, intermediate=12288, rope_theta=1e6)
_TEXT_O_7B = replace(
    _TEXT_8B,
    layers=32,
    kv_heads=32,
    intermediate=11008,
    vocabulary=100278,
    positions=65536,
    norm_heads=False,
    norm_after=True,
    rope_theta=5e5,
    yarn=Yarn(factor=8.0, original_positions=8192, attention_factor=1.2079441541679836),
    scaled_layers=frozenset(range(3, 32, 4)),
)


def _config(text: TextConfig) -> Molmo2Config:
    adapter = AdapterConfig(
        hidden=1152, heads=16, head_dim=72, intermediate=text.intermediate, feature_layers=(24, 18)
    )
    return Molmo2Config(text, _VISION, adapter, patch_token=text.vocabulary + 2)


PUBLISHED: dict[str, Molmo2Config] = {
    'Molmo2-4B': _config(_TEXT_4B),
    'Molmo2-8B': _config(_TEXT_8B),
    'Molmo2-O-7B': _config(_TEXT_O_7B),
}
