# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Spells config.json as transformers 5.23 does or as Ai2's release does. Reads no file.

A missing key is filled in with the value that it has for transformers, because it has another one
for the released code. Keys that neither layout knows stay as they are.
Sources: transformers 5.23 models/molmo2/configuration_molmo2.py:28-240; allenai/molmo2 f3cb108,
olmo/hf_model/configuration_molmo2.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

VISION, ADAPTER, TEXT = 'vision_config', 'adapter_config', 'text_config'
# Keys of transformers, and their names in the release.
_NAMES: Mapping[str, Mapping[str, str]] = {
    VISION: {
        'image_size': 'image_default_input_size',
        'num_position_embeddings': 'image_num_pos',
        'patch_size': 'image_patch_size',
    },
    ADAPTER: {'vision_feature_layer': 'vit_layers'},
    TEXT: {'attention_bias': 'qkv_bias', 'rms_norm_eps': 'layer_norm_eps'},
}
_TOWER = {
    'hidden_size': 1152,
    'num_attention_heads': 16,
    'num_key_value_heads': 16,
    'head_dim': 72,
}
# The values of missing keys, in transformers' spelling.
_DEFAULTS: Mapping[str, Json] = {
    VISION: {
        **_TOWER,
        'hidden_act': 'gelu_pytorch_tanh',
        'image_size': [378, 378],
        'intermediate_size': 4304,
        'layer_norm_eps': 1e-6,
        'num_hidden_layers': 25,
        'patch_size': 14,
    },
    ADAPTER: {
        **_TOWER,
        'hidden_act': 'silu',
        'intermediate_size': 18944,
        'text_hidden_size': 3584,
        'vision_feature_layer': [24, 18],
    },
    TEXT: {
        'additional_vocab_size': 128,
        'attention_bias': False,
        'head_dim': 128,
        'hidden_act': 'silu',
        'hidden_size': 4096,
        'intermediate_size': 12288,
        'max_position_embeddings': 36864,
        'norm_after': False,
        'num_attention_heads': 32,
        'num_hidden_layers': 36,
        'num_key_value_heads': 8,
        'qk_norm_type': 'qwen3',
        'rms_norm_eps': 1e-6,
        'vocab_size': 151936,
    },
}
_MODEL_TYPES = {VISION: 'molmo2_vision', ADAPTER: 'molmo2_adapter', TEXT: 'molmo2_text'}
_RELEASED_MODEL_TYPES = {VISION: 'molmo2', ADAPTER: 'molmo2', TEXT: 'molmo2_text'}
# Keys that only one of the two knows.
_RELEASED_ONLY: Mapping[str, Json] = {
    VISION: {'float32_attention': True, 'residual_dropout': 0.0},
    # transformers always leaves patches that are not there out of the pooling.
    ADAPTER: {
        'float32_attention': True,
        'image_feature_dropout': 0.0,
        'pooling_attention_mask': True,
        'residual_dropout': 0.0,
    },
    TEXT: {'embedding_dropout': 0.0, 'residual_dropout': 0.0, 'use_qk_norm': True},
}
_TRANSFORMERS_ONLY: Mapping[str, Json] = {
    VISION: {'attention_bias': True, 'num_channels': 3},
    ADAPTER: {'attention_bias': True, 'mlp_bias': False},
    TEXT: {},
}
_RELEASED_TOP = ('auto_map', 'image_col_id', 'image_low_res_id', 'use_frame_special_tokens')


def transformers_config(config: Json) -> Json:
    """The config in transformers' spelling, from either.

    Raises ValueError for a section that is no object, and for rotary scaling without a type.
    """
    result = {key: value for key, value in config.items() if key not in _RELEASED_TOP}
    vision = result.pop('vit_config', None)
    if result.get(VISION) is None:
        result[VISION] = vision
    for name in _NAMES:
        result[name] = _transformers_section(name, result.get(name))
    _resolve_layers(result[VISION], result[ADAPTER])
    return result


def released_config(config: Json, tokens: Mapping[str, int], *, frame_tokens: bool) -> Json:
    """The config in the release's spelling, from either; without an auto_map.

    tokens: `image_col_id` and `image_low_res_id`, which transformers does not keep.
    frame_tokens: the processor's use_frame_special_tokens. Raises ValueError.
    """
    result = transformers_config(config)
    for name, names in _NAMES.items():
        section = {names.get(key, key): value for key, value in result[name].items()}
        section = {key: value for key, value in section.items() if key not in _dropped(name)}
        result[name] = {
            **section,
            **{key: config_value(config, name, key, value) for key, value in _added(name)},
            'model_type': _RELEASED_MODEL_TYPES[name],
        }
    result[TEXT] |= _released_rope(result[TEXT].pop('rope_parameters'), result[TEXT])
    result['vit_config'] = result.pop(VISION)
    return {**result, **tokens, 'use_frame_special_tokens': frame_tokens}


def config_value(config: Json, section: str, key: str, otherwise: Any) -> Any:
    """What a config says for a key that only the release knows."""
    spelled = 'vit_config' if section == VISION else section
    given = (config.get(spelled) or {}).get(key)
    return otherwise if given is None else given


def _dropped(name: str) -> Mapping[str, Any]:
    return _TRANSFORMERS_ONLY[name]


def _added(name: str) -> list[tuple[str, Any]]:
    return list(_RELEASED_ONLY[name].items())


def _transformers_section(name: str, section: Any) -> Json:
    if not isinstance(section, dict):
        raise ValueError(f'{name} is {section!r}, not an object')
    back: dict[str, str] = {released: key for key, released in _NAMES[name].items()}
    result: Json = {
        back.get(str(key), str(key)): value
        for key, value in section.items()
        if key not in _RELEASED_ONLY[name] and value is not None
    }
    result = {**_DEFAULTS[name], **_TRANSFORMERS_ONLY[name], **result}
    result['model_type'] = _MODEL_TYPES[name]
    if name == VISION:
        height, width = result['image_size']
        patch = result['patch_size']
        result.setdefault('num_position_embeddings', (height // patch) * (width // patch))
    if name == TEXT:
        result['rope_parameters'] = _transformers_rope(result)
        layers = list(range(result['num_hidden_layers']))
        result.setdefault('rope_scaling_layers', layers)
    return result


def _transformers_rope(text: Json) -> Json:
    """The rotary parameters; takes the release's keys out of the section."""
    theta, scaling = text.pop('rope_theta', None), text.pop('rope_scaling', None) or {}
    rope = dict(text.get('rope_parameters') or scaling)
    kind = rope.pop('type', 'default' if not rope else None)
    rope.setdefault('rope_type', kind)
    if rope['rope_type'] is None:
        raise ValueError(f'its rotary scaling has no type: {rope!r}')
    # transformers' default, where neither says it.
    rope.setdefault('rope_theta', 10000.0 if theta is None else theta)
    return rope


def _released_rope(rope: Json, text: Json) -> Json:
    """The release's keys. Without scaling, no layer is named: its code takes that for scaling."""
    scaling = {key: value for key, value in rope.items() if key != 'rope_theta'}
    if scaling['rope_type'] == 'default':
        return {'rope_theta': rope['rope_theta'], 'rope_scaling': None, 'rope_scaling_layers': None}
    return {
        'rope_theta': rope['rope_theta'],
        'rope_scaling': scaling,
        'rope_scaling_layers': text['rope_scaling_layers'],
    }


def _resolve_layers(vision: Json, adapter: Json) -> None:
    """Count the tower's layers from zero, and declare no more than are used.

    The release declares 27 layers, but its weights end with layer 24, the deepest used.
    """
    declared = vision['num_hidden_layers']
    layers = [layer % declared for layer in adapter['vision_feature_layer']]
    adapter['vision_feature_layer'] = layers
    vision['num_hidden_layers'] = max(layers) + 1
