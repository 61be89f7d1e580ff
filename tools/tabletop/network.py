# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The small Molmo2: its configuration, its first weights, and its layers restated for training.

`encode` and `read` compute what transformers' modules compute, from those modules' weights, in a
chosen dtype: in bfloat16 they are several times quicker on a CPU with AMX than autocast is. On a
CPU without AMX float32 is quicker: 126 to 150 against 81 to 84 GFLOP/s on one core (Xeon with
avx512_bf16, 2026-11-27).
Source: transformers 5.23, models/molmo2/modeling_molmo2.py. A test compares them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tools.tabletop.attention import over_both, over_prefix

SIDE, PATCH, POOL = 168, 14, 3
ROW = SIDE // PATCH  # patches in a row
TOKENS = (ROW // POOL) ** 2  # visual tokens a frame
WIDTH, TEXT_LAYERS, TEXT_HEAD = 192, 6, 32
VISION_WIDTH, VISION_LAYERS, VISION_HEAD = 192, 4, 64
GUIDED = 2  # the layer of the vision tower whose first head is taught what to attend to
IDS = (
    '<|im_end|>',
    '<|endoftext|>',
    '<im_start>',
    '<im_end>',
    '<im_patch>',
    '<low_res_im_start>',
    '<frame_start>',
    '<frame_end>',
)


def quickest_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where matrices are multiplied quicker in it, else float32."""
    quick = device.type != 'cpu' or torch.cpu.get_capabilities().get('amx_bf16', False)
    return torch.bfloat16 if quick else torch.float32


def make_config(base_vocab: int, extra_vocab: int, ids: dict[str, int]) -> Any:
    """A Molmo2Config at toy size. ids: the special tokens' ids by their text."""
    from transformers.models.molmo2.configuration_molmo2 import Molmo2Config

    heads = VISION_WIDTH // VISION_HEAD
    shared = {'num_attention_heads': heads, 'num_key_value_heads': heads, 'head_dim': VISION_HEAD}
    vision = {
        'hidden_size': VISION_WIDTH,
        'intermediate_size': 3 * VISION_WIDTH,
        'num_hidden_layers': VISION_LAYERS,
        'image_size': [SIDE, SIDE],
        'patch_size': PATCH,
    }
    adapter = {
        'vision_feature_layer': [VISION_LAYERS - 1, VISION_LAYERS - 3],
        'hidden_size': VISION_WIDTH,
        'intermediate_size': 3 * VISION_WIDTH,
        'text_hidden_size': WIDTH,
    }
    return Molmo2Config(
        vision_config=vision | shared,
        adapter_config=adapter | shared,
        text_config=_text_config(base_vocab, extra_vocab, ids),
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


def _text_config(base_vocab: int, extra_vocab: int, ids: dict[str, int]) -> dict[str, Any]:
    return {
        'hidden_size': WIDTH,
        'intermediate_size': 512,
        'num_hidden_layers': TEXT_LAYERS,
        'num_attention_heads': WIDTH // TEXT_HEAD,
        'num_key_value_heads': WIDTH // TEXT_HEAD,
        'head_dim': TEXT_HEAD,
        'vocab_size': base_vocab,
        'additional_vocab_size': extra_vocab,
        'max_position_embeddings': 8192,
        'rope_parameters': {'rope_type': 'default', 'rope_theta': 10000.0},
        'bos_token_id': ids['<|im_end|>'],
        'eos_token_id': ids['<|im_end|>'],
        'pad_token_id': ids['<|endoftext|>'],
    }


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


def build_vision(seed: int) -> tuple[Any, Any]:
    """A fresh vision tower and adapter."""
    from transformers.models.molmo2.modeling_molmo2 import Molmo2Adapter, Molmo2VisionModel

    config = make_config(64, 64, {name: number for number, name in enumerate(IDS)})
    tower, adapter = Molmo2VisionModel(config.vision_config), Molmo2Adapter(config.adapter_config)
    generator = torch.Generator().manual_seed(seed)
    initialise(tower, generator)
    initialise(adapter, generator)
    return tower, adapter


def patches_of(frames: NDArray[np.uint8] | Tensor) -> Tensor:
    """(N, SIDE, SIDE, 3) uint8 RGB -> (N, 144, 588) float32 in [-1, 1], rows then columns."""
    pixels = torch.as_tensor(frames).float() / 127.5 - 1.0
    tiles = pixels.reshape(-1, ROW, PATCH, ROW, PATCH, 3).transpose(2, 3)
    return tiles.reshape(-1, ROW * ROW, PATCH * PATCH * 3)


def windows() -> Tensor:
    """(TOKENS, POOL * POOL) patch numbers that each visual token of a frame pools."""
    grid = torch.arange(ROW * ROW).reshape(ROW // POOL, POOL, ROW // POOL, POOL)
    return grid.transpose(1, 2).reshape(TOKENS, POOL * POOL)


def _linear(part: nn.Linear, inputs: Tensor) -> Tensor:
    bias = part._parameters['bias']
    cast = None if bias is None else bias.to(inputs.dtype)
    return F.linear(inputs, part.weight.to(inputs.dtype), cast)


def _heads(part: nn.Linear, inputs: Tensor, size: int) -> Tensor:
    """(..., S, D) -> (..., heads, S, size)."""
    return _split(_linear(part, inputs), size)


def _split(states: Tensor, size: int) -> Tensor:
    """(..., S, heads * size) -> (..., heads, S, size)."""
    return states.view(*states.shape[:-1], -1, size).transpose(-2, -3)


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """(..., heads, S, size) -> (..., S, heads * size).

    With a mask S is long, and torch's own, which never holds all weights, is quicker.
    """
    if mask is None:
        weights = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        mixed: Tensor = weights.softmax(-1) @ value
    else:
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return _joined(mixed)


def _joined(states: Tensor) -> Tensor:
    """(..., heads, S, size) -> (..., S, heads * size)."""
    return states.transpose(-2, -3).flatten(-2)


def _layer_norm(part: nn.LayerNorm, inputs: Tensor) -> Tensor:
    dtype = inputs.dtype
    return F.layer_norm(
        inputs, part.normalized_shape, part.weight.to(dtype), part.bias.to(dtype), part.eps
    )


def _rms_norm(part: Any, inputs: Tensor) -> Tensor:
    weight = part.weight.to(inputs.dtype)
    return F.rms_norm(inputs, weight.shape, weight, part.variance_epsilon)


@dataclass(frozen=True)
class Encoded:
    """What the vision tower made of N frames."""

    features: Tensor  # (N, 144, 2 D) the adapter's input
    tokens: Tensor  # (N, 16, WIDTH) its output
    attention: Tensor  # (N, 144, 144) logits of layer GUIDED's first head, in float32


def encode(
    tower: Any, adapter: Any, patches: Tensor, dtype: torch.dtype = torch.float32
) -> Encoded:
    """Patches (N, 144, 588) through tower and adapter."""
    hidden = _linear(tower.patch_embedding, patches.to(dtype))
    hidden = hidden + tower.positional_embedding.to(dtype)
    states = []
    for number, layer in enumerate(tower.layers):
        attention, size = layer.self_attn, layer.self_attn.head_dim
        inputs = _layer_norm(layer.layer_norm1, hidden)
        names = ('q_proj', 'k_proj', 'v_proj')
        query, key, value = (_heads(getattr(attention, name), inputs, size) for name in names)
        if number == GUIDED:
            guided = (query[:, 0] * size**-0.5) @ key[:, 0].transpose(-1, -2)
        mixed = _attend(query, key, value)
        hidden = hidden + _linear(attention.o_proj, mixed)
        inputs = _layer_norm(layer.layer_norm2, hidden)
        grown = F.gelu(_linear(layer.mlp.fc1, inputs), approximate='tanh')
        hidden = hidden + _linear(layer.mlp.fc2, grown)
        states.append(hidden)
    features = torch.cat([states[i] for i in adapter.config.vision_feature_layer], dim=-1)
    return Encoded(features, _adapt(adapter, features), guided.float())


def _adapt(adapter: Any, features: Tensor) -> Tensor:
    near = features[:, windows()]  # (N, 16, 9, 2 D)
    pool = adapter.image_pooling_2d
    query = _heads(pool.q_proj, near.mean(-2, keepdim=True), pool.head_dim)
    key, value = (_heads(part, near, pool.head_dim) for part in (pool.k_proj, pool.v_proj))
    pooled = _linear(pool.o_proj, _attend(query, key, value)).squeeze(-2)
    return _gated(adapter.image_projector, pooled)


def _gated(mlp: Any, inputs: Tensor) -> Tensor:
    return _linear(
        mlp.down_proj, F.silu(_linear(mlp.gate_proj, inputs)) * _linear(mlp.up_proj, inputs)
    )


def read(
    text: Any, hidden: Tensor, mask: Tensor, position: Tensor, middle: int
) -> tuple[Tensor, Tensor]:
    """(B, S, WIDTH) after `middle` layers and after the last layer and norm.

    text: a Molmo2TextModel; hidden: (B, S, WIDTH) embeddings; mask: (B, 1, S, S) added to the
    attention's logits; position: (B, S). In hidden's dtype.
    """
    turn = _Turn.at(text, hidden, position)
    half = hidden
    for number, layer in enumerate(text.layers):
        if number == middle:
            half = hidden
        query, key, value = _projected(layer, hidden, turn)
        hidden = _finished(layer, hidden, _attend(query, key, value, mask))
    return half, _rms_norm(text.norm, hidden)


@dataclass(frozen=True)
class Reading:
    """What the language model made of a video and its questions."""

    half: Tensor  # (B, P, WIDTH) the prefix in the middle
    late: Tensor  # (B, P, WIDTH) the prefix before the last layer
    asked: Tensor  # (B, Q, L, WIDTH) the branches two layers later
    last: Tensor  # (B, Q, L, WIDTH) the branches at the end, normed
    attention: Tensor  # (B, Q, L, P + L) logits of the last layer's first head: prefix, then own


def read_branches(
    text: Any, prefix: Tensor, branches: Tensor, allowed: Tensor, middle: int
) -> Reading:
    """What `read` gives for branches that see the prefix and not each other, without the waste.

    prefix: (B, P, WIDTH); branches: (B, Q, L, WIDTH); allowed: (P, P) bool, of the prefix.
    """
    count, size = prefix.shape[:2]
    questions, length = branches.shape[1:3]
    where = torch.arange(size + length).expand(count, -1)
    turn = _Turn.at(text, prefix, where[:, :size])
    turn_branch = _Turn.at(text, prefix, where[:, size:])
    causal = torch.full((length, length), -1e9, dtype=prefix.dtype).triu(1)
    allowed, scale = allowed.to(prefix.dtype), text.layers[0].self_attn.head_dim ** -0.5
    half = asked = prefix
    for number, layer in enumerate(text.layers):
        if number == middle:
            half = prefix
        if number == middle + 2:
            asked = branches
        query, key, value = _projected(layer, prefix, turn)
        own = _projected(layer, branches, turn_branch)
        if number + 1 == len(text.layers):
            guided = _first_head(own, key, causal)
        mixed = _attend_both(own, key, value, causal)
        branches = _finished(layer, branches, mixed.reshape(count, questions, length, -1))
        if number + 1 < len(text.layers):
            mixed = _joined(over_prefix(query * scale, key, value, allowed))
            prefix = _finished(layer, prefix, mixed)
    return Reading(half, prefix, asked, _rms_norm(text.norm, branches), guided)


def _first_head(own: Sequence[Tensor], key: Tensor, causal: Tensor) -> Tensor:
    """(B, Q, L, P + L): the first head's logits, as `_attend_both` has them, in float32."""
    query = own[0][:, :, 0] * own[0].shape[-1] ** -0.5
    far = (query.flatten(1, 2) @ key[:, 0].transpose(1, 2)).unflatten(1, query.shape[1:3])
    near = query @ own[1][:, :, 0].transpose(-1, -2) + causal
    return torch.cat([far, near], -1).float()


def _attend_both(own: Sequence[Tensor], key: Tensor, value: Tensor, causal: Tensor) -> Tensor:
    """(B, Q, L, heads * size): branches over the prefix's keys and their own.

    own: query, key, value (B, Q, heads, L, size); key, value: (B, heads, P, size).
    """
    query = own[0] * own[0].shape[-1] ** -0.5
    return _joined(over_both((query, own[1], own[2]), key, value, causal))


@dataclass(frozen=True)
class _Turn:
    """Rotary positions and head norms in the layout (B, S, heads * size), whose rows are long.

    On (..., heads, S, size) the same is many times slower: every operation works in runs of `size`
    numbers, here 32. cos, sin: (B, S, heads * size).
    """

    cos: Tensor
    sin: Tensor
    half: Tensor  # (heads * size, heads * size): [low, high] of each head to [-high, low]
    mean: Tensor  # likewise: each head's mean, at each of its numbers

    @staticmethod
    def at(text: Any, like: Tensor, position: Tensor) -> '_Turn':
        """Of a text model, for positions (B, S), in the dtype of `like`."""
        attention = text.layers[0].self_attn
        heads, size = attention.q_proj.out_features // attention.head_dim, attention.head_dim
        cos, sin = text.rotary_emb(like, position_ids=position)
        eye = torch.eye(heads)
        turn = torch.eye(size).roll(size // 2, 1)
        turn[size // 2 :] *= -1
        half, mean = torch.kron(eye, turn), torch.kron(eye, torch.full((size, size), 1 / size))
        return _Turn(cos.repeat(1, 1, heads), sin.repeat(1, 1, heads), *_cast(like, half, mean))

    def __call__(self, norm: Any, states: Tensor) -> Tensor:
        """Normed and turned states (B, S, heads * size), or (B, Q, S, ...), all Q alike."""
        heads = states.shape[-1] // len(norm.weight)
        scale = ((states * states) @ self.mean + norm.variance_epsilon).rsqrt()
        normed = states * scale * norm.weight.to(states.dtype).repeat(heads)
        cos, sin = self.cos, self.sin
        if states.ndim > cos.ndim:
            cos, sin = cos[:, None], sin[:, None]
        turned: Tensor = normed * cos + (normed @ self.half) * sin
        return turned


def compile_layers() -> None:
    """Let torch.compile join the small operations of the language model's layers.

    For this process and all shapes; needs a C++ compiler and about two minutes. With attention
    compiled too, a worker on two busy cores with AMX learned from 3500 tokens per second of its own
    time in place of 2600 (2026-11-27). `attention.py` is quicker for long clips; what compiling the
    rest alone gains was not measured.
    """
    for name in ('_projected', '_finished'):
        globals()[name] = torch.compile(globals()[name], dynamic=True)


def _cast(like: Tensor, *parts: Tensor) -> list[Tensor]:
    return [part.to(like.device, like.dtype) for part in parts]


def _projected(layer: Any, hidden: Tensor, turn: _Turn) -> tuple[Tensor, ...]:
    """Query, key and value (..., heads, S, size) of a layer."""
    attention, size = layer.self_attn, layer.self_attn.head_dim
    inputs = _rms_norm(layer.input_layernorm, hidden)
    query = turn(attention.q_norm, _linear(attention.q_proj, inputs))
    key = turn(attention.k_norm, _linear(attention.k_proj, inputs))
    value = _linear(attention.v_proj, inputs)
    return tuple(_split(states, size) for states in (query, key, value))


def _finished(layer: Any, hidden: Tensor, mixed: Tensor) -> Tensor:
    hidden = hidden + _linear(layer.self_attn.o_proj, mixed)
    return hidden + _gated(layer.mlp, _rms_norm(layer.post_attention_layernorm, hidden))
