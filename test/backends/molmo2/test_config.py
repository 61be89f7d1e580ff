# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import json

import pytest

from molmo_ground_ros.backends.molmo2.config import Yarn, read_config
from molmo_ground_ros.backends.molmo2.published import PUBLISHED
from molmo_ground_ros.errors import BadModel

# The released spelling. Sizes: molmo2.md section 4; keys as the converter to transformers writes
# them (allenai/molmo2 f3cb108, olmo/hf_model/convert_molmo2_to_hf.py).
TEXT_4B = {
    'model_type': 'molmo2_text',
    'hidden_size': 2560,
    'num_attention_heads': 32,
    'num_key_value_heads': 8,
    'head_dim': 128,
    'vocab_size': 151936,
    'additional_vocab_size': 128,
    'qkv_bias': False,
    'num_hidden_layers': 36,
    'intermediate_size': 9728,
    'hidden_act': 'silu',
    'embedding_dropout': 0.0,
    'max_position_embeddings': 36864,
    'rope_theta': 5000000.0,
    'rope_scaling': None,
    'rope_scaling_layers': None,
    'use_qk_norm': True,
    'qk_norm_type': 'qwen3',
    'layer_norm_eps': 1e-06,
    'norm_after': False,
    'tie_word_embeddings': False,
}
VIT = {
    'hidden_size': 1152,
    'intermediate_size': 4304,
    'num_hidden_layers': 27,
    'num_attention_heads': 16,
    'num_key_value_heads': 16,
    'head_dim': 72,
    'hidden_act': 'gelu_pytorch_tanh',
    'layer_norm_eps': 1e-06,
    'image_default_input_size': [378, 378],
    'image_patch_size': 14,
    'image_num_pos': 729,
    'float32_attention': True,
}
ADAPTER = {
    'vit_layers': [-3, -9],
    'pooling_attention_mask': True,
    'hidden_size': 1152,
    'num_attention_heads': 16,
    'num_key_value_heads': 16,
    'head_dim': 72,
    'hidden_act': 'silu',
    'intermediate_size': 9728,
    'text_hidden_size': 2560,
}
RELEASED = {
    'model_type': 'molmo2',
    'text_config': TEXT_4B,
    'vit_config': VIT,
    'adapter_config': ADAPTER,
    'image_patch_id': 151938,
    'tie_word_embeddings': False,
}
OLMO = {
    'hidden_size': 4096,
    'num_key_value_heads': 32,
    'vocab_size': 100278,
    'num_hidden_layers': 32,
    'intermediate_size': 11008,
    'max_position_embeddings': 65536,
    'rope_theta': 500000,
    'rope_scaling': {
        'rope_type': 'yarn',
        'factor': 8.0,
        'original_max_position_embeddings': 8192,
        'attention_factor': 1.2079441541679836,
        'beta_fast': 32,
        'beta_slow': 1,
    },
    'rope_scaling_layers': list(range(3, 32, 4)),
    'qk_norm_type': 'olmo',
    'norm_after': True,
}


def written(folder, **changes):
    """A folder with the released config, some keys of its sections changed: text__rope_theta=1."""
    config = copy.deepcopy(RELEASED)
    for key, value in changes.items():
        section, _, name = key.rpartition('__')
        (config[section] if section else config)[name] = value
    (folder / 'config.json').write_text(json.dumps(config))
    return folder


def test_released_4b(tmp_path):
    config = read_config('m', written(tmp_path))
    text, vision = config.text, config.vision
    assert (text.hidden, text.layers, text.heads, text.kv_heads) == (2560, 36, 32, 8)
    assert (text.vocabulary, text.extra_vocabulary, text.positions) == (151936, 128, 36864)
    assert (text.norm_heads, text.norm_after, text.bias, text.yarn) == (True, False, False, None)
    assert text.rope_theta == 5e6
    assert 2 * text.kv_bytes_per_token == 147_456  # in bfloat16: molmo2.md section 4
    assert (vision.layers, vision.positions, vision.patch_values) == (25, 729, 588)
    assert config.adapter.feature_layers == (24, 18)
    assert config.patch_token == 151938
    assert config == PUBLISHED['Molmo2-4B']


def test_released_o_7b(tmp_path):
    changes = {f'text_config__{key}': value for key, value in OLMO.items()}
    sizes = {'adapter_config__text_hidden_size': 4096, 'adapter_config__intermediate_size': 11008}
    config = read_config('m', written(tmp_path, **changes, **sizes, image_patch_id=100280))
    text = config.text
    assert config == PUBLISHED['Molmo2-O-7B']
    assert (text.norm_heads, text.norm_after) == (False, True)
    assert text.yarn == Yarn(8.0, 8192, 1.2079441541679836)
    assert text.scaled_layers == frozenset(range(3, 32, 4))
    assert 2 * text.kv_bytes_per_token == 524_288


def test_spelling_of_transformers_means_the_same(tmp_path):
    from_released = read_config('m', written(tmp_path))
    config = copy.deepcopy(RELEASED)
    text = config['text_config']
    text['rope_parameters'] = {'rope_type': 'default', 'rope_theta': text.pop('rope_theta')}
    text['rms_norm_eps'], text['attention_bias'] = text.pop('layer_norm_eps'), text.pop('qkv_bias')
    config['vision_config'] = config.pop('vit_config') | {'num_hidden_layers': 25}
    config['adapter_config'] |= {'vision_feature_layer': [24, 18], 'vit_layers': None}
    (tmp_path / 'config.json').write_text(json.dumps(config))
    assert read_config('m', tmp_path) == from_released


@pytest.mark.parametrize(
    ('key', 'value', 'why'),
    [
        ('text_config__hidden_act', 'gelu', "text_config: hidden_act is 'gelu', known is 'silu'"),
        ('text_config__qk_norm_type', 'l2', "qk_norm_type is 'l2', known is 'qwen3' or 'olmo'"),
        ('text_config__use_qk_norm', False, 'use_qk_norm is False, known is True'),
        ('text_config__norm_after', 'both', "norm_after is 'both'"),
        (
            'text_config__layer_types',
            ['sliding_attention'],
            "layer_types is .* 'full_attention' for each",
        ),
        ('text_config__layer_types', ['full_attention'], 'layer_types is .* each of 36 layers'),
        ('text_config__partial_rotary_factor', 0.5, 'partial_rotary_factor is 0.5, known is 1.0'),
        ('text_config__sliding_window', 4096, 'sliding_window is 4096, known is None'),
        ('text_config__rope_scaling', {'rope_type': 'llama3'}, "rope_type is 'llama3'"),
        ('text_config__rope_scaling', {'type': 'linear'}, "type is 'linear'"),
        ('text_config__rope_scaling', {'partial_rotary_factor': 0.5}, 'partial_rotary_factor'),
        ('text_config__rope_scaling', {'rope_type': 'yarn', 'factor': 0}, 'factor is 0, known'),
        ('text_config__rope_scaling_layers', [36], r'rope_scaling_layers is \[36\]'),
        ('text_config__num_key_value_heads', 5, 'num_key_value_heads is 5, known is a divisor'),
        ('text_config__head_dim', 127, 'head_dim is 127, known is an even number'),
        ('text_config__vocab_size', '9', "vocab_size is '9', known is a whole number"),
        ('text_config__layer_norm_eps', 0, 'layer_norm_eps is 0'),
        ('text_config__tie_word_embeddings', True, 'tie_word_embeddings is True'),
        ('vit_config__hidden_act', 'gelu', "vit_config: hidden_act is 'gelu'"),
        ('vit_config__num_key_value_heads', 4, 'num_key_value_heads is 4, known is 16'),
        ('adapter_config__vit_layers', [-28], r'vit_layers is \[-28\]'),
        ('adapter_config__vit_layers', [], r'vit_layers is \[\]'),
        ('adapter_config__text_hidden_size', 64, 'text_hidden_size is 64, known is 2560'),
        ('adapter_config__positional_embeddings', 9, 'positional_embeddings is 9'),
        ('model_type', 'molmo_point', "model_type is 'molmo_point'"),
        ('text_config', None, 'text_config is None, known is an object'),
    ],
)
def test_what_is_not_known_is_refused_by_name(tmp_path, key, value, why):
    with pytest.raises(BadModel, match=why):
        read_config('m', written(tmp_path, **{key: value}))


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('layer_types', ['full_attention'] * 36),
        ('partial_rotary_factor', 1.0),
        ('rope_parameters', {'rope_theta': 5e6, 'partial_rotary_factor': 1}),
    ],
)
def test_a_key_that_says_what_the_graph_does_changes_nothing(tmp_path, key, value):
    plain = read_config('m', written(tmp_path))
    assert read_config('m', written(tmp_path, **{f'text_config__{key}': value})) == plain
