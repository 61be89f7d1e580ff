# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads the sizes of the graph from a checkpoint's config.json. Knows neither torch nor weights.

Both spellings are read: the released one (`vit_config`, `rope_theta`) and that of transformers 5.23
(`vision_config`, `rope_parameters`). A missing key has the default that transformers gives it. A
value that our graph cannot compute is refused, and the error names the key.
Source: transformers 5.23 models/molmo2/configuration_molmo2.py:28-240.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.backends.checkpoint import read_json
from molmo_ground_ros.backends.molmo2.section import Section


@dataclass(frozen=True, slots=True)
class Yarn:
    """Scaled rotary embedding. Source: transformers 5.23 modeling_rope_utils.py:346-481."""

    factor: float
    original_positions: int
    attention_factor: float | None = None
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    mscale: float | None = None
    mscale_all_dim: float | None = None
    truncate: bool = True


@dataclass(frozen=True, slots=True)
class TextConfig:
    """The decoder."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int  # what can be generated
    extra_vocabulary: int  # further rows of the embedding: the visual tokens
    positions: int  # longest context
    eps: float
    bias: bool  # of att_proj
    norm_heads: bool  # True: q and k normed per head (qwen3); False: over all heads (olmo)
    norm_after: bool  # True: sublayers' outputs are normed (olmo); False: their inputs
    rope_theta: float
    yarn: Yarn | None
    scaled_layers: frozenset[int]  # that use `yarn`; the others are unscaled

    @property
    def kv_bytes_per_token(self) -> int:
        """Values of the cache that one token takes, times one byte each."""
        return 2 * self.layers * self.kv_heads * self.head_dim


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """The vision tower, up to the last layer that is read."""

    hidden: int
    layers: int
    heads: int
    head_dim: int
    intermediate: int
    positions: int  # patches of a frame
    patch_values: int  # numbers of a patch
    eps: float


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """Pooling and projection of the tower's features."""

    hidden: int
    heads: int
    head_dim: int
    intermediate: int
    feature_layers: tuple[int, ...]  # whose outputs are concatenated, 0-based


@dataclass(frozen=True, slots=True)
class Molmo2Config:
    """All sizes of one checkpoint's graph."""

    text: TextConfig
    vision: VisionConfig
    adapter: AdapterConfig
    patch_token: int  # <im_patch>: where features are added


def read_config(model: str, folder: Path) -> Molmo2Config:
    """The config of a checkpoint. Raises BadModel naming the key whose value is not supported."""
    section = Section(model, 'config.json', read_json(model, folder / 'config.json'))
    section.only('model_type', 'molmo2', default=None)
    section.only('tie_word_embeddings', False, default=False)
    section.section('text_config').only('tie_word_embeddings', False, default=False)
    return sizes_of(section)


def sizes_of(section: Section) -> Molmo2Config:
    """The sizes of the decoder, the tower and the adapter, from the content of a config.json.

    Raises BadModel as `read_config`.
    """
    text = section.section('text_config')
    vision = section.section('vision_config', 'vit_config')
    adapter = section.section('adapter_config')
    layers = vision.integer('num_hidden_layers', default=25)
    features = _feature_layers(adapter, layers)
    config = Molmo2Config(
        text=_text(text),
        vision=_vision(vision, max(features) + 1),
        adapter=_adapter(adapter, features),
        patch_token=section.integer('image_patch_id', default=151938),
    )
    if adapter.integer('text_hidden_size', default=3584) != config.text.hidden:
        raise adapter.unexpected('text_hidden_size', f'{config.text.hidden}, as in text_config')
    if config.adapter.hidden != config.vision.hidden:
        raise adapter.unexpected('hidden_size', f'{config.vision.hidden}, as in the vision tower')
    return config


def _text(text: Section) -> TextConfig:
    text.only('hidden_act', 'silu', default='silu')
    text.only('use_qk_norm', True, default=True)
    # None of the released models slides its window or mixes kinds of layers.
    text.only('use_sliding_window', False, default=False)
    text.only('sliding_window', None, default=None)
    layers, heads = (
        text.integer('num_hidden_layers', default=36),
        text.integer('num_attention_heads', default=32),
    )
    full = ['full_attention'] * layers
    if text.get('layer_types', default=full) != full:
        raise text.unexpected('layer_types', f"'full_attention' for each of {layers} layers")
    kv_heads = text.integer('num_key_value_heads', default=8)
    if heads % kv_heads:
        raise text.unexpected('num_key_value_heads', f'a divisor of {heads}, num_attention_heads')
    head_dim = text.integer('head_dim', default=128)
    if head_dim % 2:
        raise text.unexpected('head_dim', 'an even number')
    positions = text.integer('max_position_embeddings', default=36864)
    theta, yarn = _rope(text, positions)
    return TextConfig(
        hidden=text.integer('hidden_size', default=4096),
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        intermediate=text.integer('intermediate_size', default=12288),
        vocabulary=text.integer('vocab_size', default=151936),
        extra_vocabulary=text.integer('additional_vocab_size', default=128),
        positions=positions,
        eps=text.number('rms_norm_eps', 'layer_norm_eps', default=1e-6),
        bias=bool(text.get('attention_bias', 'qkv_bias', default=False)),
        norm_heads=text.only('qk_norm_type', 'qwen3', 'olmo', default='qwen3') == 'qwen3',
        norm_after=bool(text.only('norm_after', True, False, default=False)),
        rope_theta=theta,
        yarn=yarn,
        scaled_layers=_scaled_layers(text, layers),
    )


def _scaled_layers(text: Section, layers: int) -> frozenset[int]:
    named = text.get('rope_scaling_layers', default=list(range(layers)))
    if not isinstance(named, list) or any(layer not in range(layers) for layer in named):
        raise text.unexpected('rope_scaling_layers', f'a list of layers below {layers}')
    return frozenset(named)


def _rope(text: Section, positions: int) -> tuple[float, Yarn | None]:
    """Theta, and the scaling if the config has one."""
    rope = text.section('rope_parameters', 'rope_scaling', optional=True)
    theta = rope.number('rope_theta', default=text.number('rope_theta', default=10000.0))
    kind = rope.get('rope_type', 'type', default='default')
    text.only('partial_rotary_factor', 1.0, 1, default=1.0)
    rope.only('partial_rotary_factor', 1.0, 1, default=1.0)
    keys = {'rope_type', 'type', 'rope_theta', 'partial_rotary_factor'}
    if kind == 'yarn':
        keys |= {'factor', 'original_max_position_embeddings', 'attention_factor', 'beta_fast'}
        keys |= {'beta_slow', 'mscale', 'mscale_all_dim', 'truncate'}
    elif kind != 'default':
        raise rope.unexpected('rope_type' if 'rope_type' in rope else 'type', "'default' or 'yarn'")
    if others := rope.keys_besides(keys):
        raise rope.unexpected(others[0], f'no such key for {kind!r}')
    if kind == 'default':
        return theta, None
    original = rope.integer('original_max_position_embeddings', default=positions)
    return theta, Yarn(
        factor=rope.number('factor', default=positions / original),
        original_positions=original,
        attention_factor=rope.optional('attention_factor'),
        beta_fast=rope.number('beta_fast', default=32.0),
        beta_slow=rope.number('beta_slow', default=1.0),
        mscale=rope.optional('mscale'),
        mscale_all_dim=rope.optional('mscale_all_dim'),
        truncate=bool(rope.only('truncate', True, False, default=True)),
    )


def _feature_layers(adapter: Section, layers: int) -> tuple[int, ...]:
    """The layers of the tower whose outputs are used. Negative ones count from the last declared.

    The released config declares 27 layers, but its weights end with layer 24, the deepest used.
    """
    listed = adapter.get('vision_feature_layer', 'vit_layers', default=[24, 18])
    if (
        not isinstance(listed, list)
        or not listed
        or any(not isinstance(layer, int) or not -layers <= layer < layers for layer in listed)
    ):
        key = 'vit_layers' if adapter.get('vision_feature_layer', default=None) is None else ''
        raise adapter.unexpected(key or 'vision_feature_layer', f'a list of layers below {layers}')
    return tuple(layer % layers for layer in listed)


def _vision(vision: Section, layers: int) -> VisionConfig:
    vision.only('hidden_act', 'gelu_pytorch_tanh', default='gelu_pytorch_tanh')
    vision.only('attention_bias', True, default=True)
    channels = vision.only('num_channels', 3, default=3)
    heads = vision.integer('num_attention_heads', default=16)
    vision.only('num_key_value_heads', heads, default=heads)
    patch = vision.integer('patch_size', 'image_patch_size', default=14)
    size = vision.get('image_size', 'image_default_input_size', default=[378, 378])
    return VisionConfig(
        hidden=vision.integer('hidden_size', default=1152),
        layers=layers,
        heads=heads,
        head_dim=vision.integer('head_dim', default=72),
        intermediate=vision.integer('intermediate_size', default=4304),
        positions=vision.integer(
            'num_position_embeddings',
            'image_num_pos',
            default=(size[0] // patch) * (size[1] // patch),
        ),
        patch_values=patch * patch * channels,
        eps=vision.number('layer_norm_eps', default=1e-6),
    )


def _adapter(adapter: Section, features: tuple[int, ...]) -> AdapterConfig:
    adapter.only('hidden_act', 'silu', default='silu')
    adapter.only('attention_bias', True, default=True)
    adapter.only('mlp_bias', False, default=False)
    # A later model has positional embeddings here.
    adapter.only('positional_embeddings', None, default=None)
    heads = adapter.integer('num_attention_heads', default=16)
    adapter.only('num_key_value_heads', heads, default=heads)
    return AdapterConfig(
        hidden=adapter.integer('hidden_size', default=1152),
        heads=heads,
        head_dim=adapter.integer('head_dim', default=72),
        intermediate=adapter.integer('intermediate_size', default=18944),
        feature_layers=features,
    )
