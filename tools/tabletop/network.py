# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tiny Molmo2: its configuration, its initial weights, and its vision path on raw frames."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SIDE, PATCH, POOL = 126, 14, 3
TOKENS = (SIDE // PATCH // POOL) ** 2  # visual tokens a frame
WIDTH = 160  # of the language model
VISION_WIDTH, VISION_LAYERS, TEXT_LAYERS = 128, 4, 6
HEAD = 32


def make_config(base_vocab: int, extra_vocab: int, ids: dict[str, int]) -> Any:
    """A Molmo2Config at toy size. ids: the special tokens' ids by their text."""
    from transformers.models.molmo2.configuration_molmo2 import Molmo2Config

    vision = {
        'hidden_size': VISION_WIDTH,
        'intermediate_size': 3 * VISION_WIDTH,
        'num_hidden_layers': VISION_LAYERS,
        'num_attention_heads': VISION_WIDTH // HEAD,
        'num_key_value_heads': VISION_WIDTH // HEAD,
        'head_dim': HEAD,
        'image_size': [SIDE, SIDE],
        'patch_size': PATCH,
    }
    adapter = {
        'vision_feature_layer': [VISION_LAYERS - 1, VISION_LAYERS - 3],
        'hidden_size': VISION_WIDTH,
        'num_attention_heads': VISION_WIDTH // HEAD,
        'num_key_value_heads': VISION_WIDTH // HEAD,
        'head_dim': HEAD,
        'intermediate_size': 3 * VISION_WIDTH,
        'text_hidden_size': WIDTH,
    }
    text = {
        'hidden_size': WIDTH,
        'intermediate_size': 448,
        'num_hidden_layers': TEXT_LAYERS,
        'num_attention_heads': WIDTH // HEAD,
        'num_key_value_heads': WIDTH // HEAD,
        'head_dim': HEAD,
        'vocab_size': base_vocab,
        'additional_vocab_size': extra_vocab,
        'max_position_embeddings': 4096,
        'rope_parameters': {'rope_type': 'default', 'rope_theta': 10000.0},
        'bos_token_id': ids['<|im_end|>'],
        'eos_token_id': ids['<|im_end|>'],
        'pad_token_id': ids['<|endoftext|>'],
    }
    return Molmo2Config(
        vision_config=vision,
        adapter_config=adapter,
        text_config=text,
        image_start_token_id=ids['<im_start>'],
        image_end_token_id=ids['<im_end>'],
        image_patch_id=ids['<im_patch>'],
        low_res_image_start_token_id=ids['<low_res_im_start>'],
        frame_start_token_id=ids['<frame_start>'],
        frame_end_token_id=ids['<frame_end>'],
        bos_token_id=ids['<|im_end|>'],
        eos_token_id=ids['<|im_end|>'],
        pad_token_id=ids['<|endoftext|>'],
        architectures=['Molmo2ForConditionalGeneration'],
    )


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Linear weights N(0, 0.8/sqrt(fan_in)), embeddings N(0, 0.3), norms untouched.

    The stock std of 0.02 hardly learns at widths of 100 to 200.
    """
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.Linear):
                part.weight.normal_(0.0, 0.8 * part.in_features**-0.5, generator=generator)
                if part.bias is not None:
                    part.bias.zero_()
            elif isinstance(part, nn.Embedding):
                part.weight.normal_(0.0, 0.3, generator=generator)
            position = getattr(part, 'positional_embedding', None)
            if isinstance(position, nn.Parameter):
                position.normal_(0.0, 0.3, generator=generator)


def patches_of(frames: NDArray[np.uint8] | Tensor) -> Tensor:
    """(N, 126, 126, 3) uint8 RGB -> (N, 81, 588) float32 in [-1, 1], rows then columns."""
    pixels = torch.as_tensor(frames).float() / 127.5 - 1.0
    side = SIDE // PATCH
    tiles = pixels.reshape(-1, side, PATCH, side, PATCH, 3).transpose(2, 3)
    return tiles.reshape(-1, side * side, PATCH * PATCH * 3)


def pooling_index(frames: int) -> Tensor:
    """(frames * 9, 9) patch numbers that each visual token pools, as Molmo2VideoProcessor gives."""
    side = SIDE // PATCH
    grid = torch.arange(side * side).reshape(side // POOL, POOL, side // POOL, POOL)
    one = grid.transpose(1, 2).reshape(TOKENS, POOL * POOL)
    return (one + torch.arange(frames)[:, None, None] * side * side).reshape(-1, POOL * POOL)


def encode(tower: Any, adapter: Any, patches: Tensor) -> tuple[Tensor, Tensor]:
    """Patches (N, 81, 588) to the adapter's input (N, 81, 2 D) and its output (N, 9, WIDTH)."""
    hidden = tower.patch_embedding(patches) + tower.positional_embedding
    states = []
    for layer in tower.layers:
        hidden = layer(hidden, None)
        states.append(hidden)
    features = torch.cat([states[i] for i in adapter.config.vision_feature_layer], dim=-1)
    pooled = adapter(features, pooling_index(len(patches))).last_hidden_state
    return features, pooled.reshape(len(patches), TOKENS, WIDTH)
