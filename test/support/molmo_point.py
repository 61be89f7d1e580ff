# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes a tiny random MolmoPoint as released: its tensors' names, its config.json, its tokenizer.

Neither torch nor transformers is needed, and a seed gives the same bytes everywhere. Some rows of
its head are steered, so that a random model writes blocks of points: the opening, then for each
point a patch, subpatch and location and a digit, and after "no more points" the end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from tools.tabletop.vocabulary import CHAT, VISUAL

# They stand for many tokens of a real answer, so that a steered answer is short.
OPENINGS = ['<points coords="', '<tracks coords="']
CLOSING = '">blue blocks</points>'
# The order in which molmo2 f3cb108 adds them: olmo/tokenizer.py:38-40.
EXTRA = [
    *VISUAL,
    '<|points|>',
    '<|token_index|>',
    '<|vit_index|>',
    '<|vit_loc|>',
]
# The released head has so many rows, whatever config.json says.
EXTRA_ROWS = 128
GROUNDING_TOKENS = 400
DIGITS = '0123456789'
YARN = {
    'rope_type': 'yarn',
    'factor': 8.0,
    'original_max_position_embeddings': 64,
    'beta_fast': 32.0,
    'beta_slow': 1.0,
    'attention_factor': 1.2,
}


@dataclass(frozen=True)
class Tiny:
    """The choices of one checkpoint. olmo: norms after sublayers and YaRN; tied: one embedding."""

    seed: int
    size: int = 126
    olmo: bool = False
    tied: bool = False
    opening: str = OPENINGS[0]
    config: Mapping[str, Any] | None = None


def write_checkpoint(folder: Path, tiny: Tiny) -> Path:
    """Write all files of a checkpoint, and return the folder."""
    base = _write_tokenizer(folder)
    ids = {name: base + i for i, name in enumerate(EXTRA)}
    config = _config(tiny, base, ids)
    (folder / 'config.json').write_text(json.dumps(config))
    _write_processor(folder, tiny.size)
    vocabulary = Tokenizer.from_file(str(folder / 'tokenizer.json')).get_vocab()
    weights = _weights(tiny, config)
    _steer(weights, vocabulary, base, tiny)
    if tiny.tied:
        for name in ('output_embeddings', 'new_output_embeddings'):
            del weights[f'lm_head.{name}']
    save_file(weights, folder / 'model.safetensors', metadata={'format': 'pt'})
    return folder


def _write_tokenizer(folder: Path) -> int:
    """A tokenizer of single bytes with MolmoPoint's tokens; gives the base vocabulary's size."""
    named = [*CHAT, *sorted(pre_tokenizers.ByteLevel.alphabet()), *OPENINGS, CLOSING]
    raw = Tokenizer(models.BPE(vocab={name: i for i, name in enumerate(named)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(name, special=True) for name in (*CHAT, *EXTRA)])
    plain = [f'<EXTRA_TOKENS_POINT_{i}>' for i in range(EXTRA_ROWS - len(EXTRA))]
    plain += [f'<POINT_{i}>' for i in range(GROUNDING_TOKENS)]
    raw.add_tokens([AddedToken(name, special=False) for name in (*OPENINGS, CLOSING, *plain)])
    raw.save(str(folder / 'tokenizer.json'))
    (folder / 'tokenizer_config.json').write_text(
        json.dumps(
            {
                'tokenizer_class': 'PreTrainedTokenizerFast',
                'bos_token': '<|im_end|>',
                'eos_token': '<|im_end|>',
                'pad_token': '<|endoftext|>',
            }
        )
    )
    (folder / 'generation_config.json').write_text(
        json.dumps({'bos_token_id': 2, 'eos_token_id': 2, 'pad_token_id': 0})
    )
    return len(named)


def _config(tiny: Tiny, base: int, ids: Mapping[str, int]) -> dict[str, Any]:
    """config.json with the keys and the values of the released checkpoints, but for sizes."""
    width = {'num_attention_heads': 4, 'num_key_value_heads': 4, 'head_dim': 8, 'hidden_size': 32}
    text: dict[str, Any] = {
        'hidden_size': 64,
        'num_attention_heads': 4,
        'num_key_value_heads': 2,
        'head_dim': 16,
        'num_hidden_layers': 2,
        'intermediate_size': 48,
        'vocab_size': base,
        'additional_vocab_size': EXTRA_ROWS,
        'max_position_embeddings': 2048,
        'hidden_act': 'silu',
        'qkv_bias': False,
        'use_qk_norm': True,
        'qk_norm_type': 'qwen3',
        'norm_after': False,
        'layer_norm_eps': 1e-6,
        'rope_theta': 10000.0,
        'rope_scaling': None,
        'rope_scaling_layers': None,
        'tie_word_embeddings': tiny.tied,
    }
    if tiny.olmo:
        text |= {'qk_norm_type': 'olmo', 'norm_after': True, 'num_key_value_heads': 4}
        text |= {'rope_scaling': YARN, 'rope_scaling_layers': [1], 'qkv_bias': True}
    return {
        'model_type': 'molmo_point',
        'architectures': ['MolmoPointForConditionalGeneration'],
        'tie_word_embeddings': False,
        'text_config': text,
        'vit_config': {
            **width,
            'num_hidden_layers': 5,
            'intermediate_size': 48,
            'image_default_input_size': [tiny.size, tiny.size],
            'image_patch_size': 14,
            'image_num_pos': (tiny.size // 14) ** 2,
            'hidden_act': 'gelu_pytorch_tanh',
            'layer_norm_eps': 1e-6,
        },
        'adapter_config': {
            **width,
            'vit_layers': [-2, -4],
            'intermediate_size': 48,
            'text_hidden_size': 64,
            'hidden_act': 'silu',
            'pooling_attention_mask': True,
            'positional_embeddings': None,
            'attention_pooling_out_layer': False,
            'attn_implementation': 'sdpa',
        },
        'image_start_token_id': ids['<im_start>'],
        'image_end_token_id': ids['<im_end>'],
        'image_patch_id': ids['<im_patch>'],
        'image_non_indexable_patch_id': ids['<im_low>'],
        'image_col_id': ids['<im_col>'],
        'frame_start_token_id': ids['<frame_start>'],
        'frame_end_token_id': ids['<frame_end>'],
        'patch_token_id': ids['<|token_index|>'],
        'subpatch_token_id': ids['<|vit_index|>'],
        'location_token_id': ids['<|vit_loc|>'],
        'use_frame_special_tokens': True,
        'patch_location': '3x3',
        'no_more_points_class': True,
        'patch_embed_dim': 32,
        'patch_embedding_kind': 'image_feature0',
        'embed_selected_vit_patch': 'linear',
        'embed_location': False,
        'layer_norm_x': True,
        'norm_logits': True,
        'mask_patches': 'always',
        'mask_subpatches': 'inference',
        'mask_repeats': 'inference',
        'token_prediction_rotary': 'one_d',
        'token_prediction_rotary_theta': 50000.0,
        **(tiny.config or {}),
    }


def _write_processor(folder: Path, size: int) -> None:
    normal = {'do_rescale': True, 'rescale_factor': 1 / 255, 'do_normalize': True, 'resample': 2}
    normal |= {'image_mean': [0.5, 0.5, 0.5], 'image_std': [0.5, 0.5, 0.5]}
    square = {'size': {'height': size, 'width': size}, 'patch_size': 14, 'pooling_size': [3, 3]}
    processor = {
        'processor_class': 'Molmo2Processor',
        'use_frame_special_tokens': True,
        'video_use_col_tokens': False,
    }
    (folder / 'processor_config.json').write_text(json.dumps(processor))
    (folder / 'video_preprocessor_config.json').write_text(json.dumps({**normal, **square}))


def _weights(tiny: Tiny, config: Mapping[str, Any]) -> dict[str, NDArray[np.float32]]:
    """Random tensors, no two norms or biases alike."""
    rng = np.random.default_rng(tiny.seed)
    weights: dict[str, NDArray[np.float32]] = {}
    for name, shape in sorted(_shapes(config).items()):
        values = rng.standard_normal(shape)
        if 'embedding' in name and len(shape) == 2:
            values = values if 'positional' not in name else 0.3 * values
        elif len(shape) == 2:
            # The decoder's layers add less than the embeddings hold, or nothing could be steered.
            values *= (0.5 if name.endswith('_out.weight') else 1.2) / shape[1] ** 0.5
        elif name.endswith('weight'):
            values = 1 + 0.2 * values
        else:
            values *= 0.2
        weights[name] = values.astype(np.float32)
    return weights


def _shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Every tensor of a released checkpoint, by its name there."""
    text, vit, adapter = (config[f'{name}_config'] for name in ('text', 'vit', 'adapter'))
    hidden, rows = text['hidden_size'], text['vocab_size']
    heads, kv_heads, width = (
        text[name] for name in ('num_attention_heads', 'num_key_value_heads', 'head_dim')
    )
    q, kv = heads * width, kv_heads * width
    normed = (q, kv) if text['qk_norm_type'] == 'olmo' else (width, width)
    shapes: dict[str, tuple[int, ...]] = {}
    for prefix, names in (
        ('model.transformer.wte', ('embedding', 'new_embedding')),
        ('lm_head', ('output_embeddings', 'new_output_embeddings')),
    ):
        shapes |= {f'{prefix}.{names[0]}': (rows, hidden)}
        shapes |= {f'{prefix}.{names[1]}': (text['additional_vocab_size'], hidden)}
    for i in range(text['num_hidden_layers']):
        block = f'model.transformer.blocks.{i}.'
        shapes |= {
            f'{block}self_attn.att_proj.weight': (q + 2 * kv, hidden),
            f'{block}self_attn.attn_out.weight': (hidden, q),
            f'{block}self_attn.q_norm.weight': (normed[0],),
            f'{block}self_attn.k_norm.weight': (normed[1],),
            f'{block}mlp.ff_proj.weight': (2 * text['intermediate_size'], hidden),
            f'{block}mlp.ff_out.weight': (hidden, text['intermediate_size']),
            f'{block}attn_norm.weight': (hidden,),
            f'{block}ff_norm.weight': (hidden,),
        }
        if text['qkv_bias']:
            shapes[f'{block}self_attn.att_proj.bias'] = (q + 2 * kv,)
    shapes['model.transformer.ln_f.weight'] = (hidden,)
    return shapes | _vision_shapes(vit, adapter, hidden) | _point_shapes(config, hidden)


def _vision_shapes(
    vit: Mapping[str, Any], adapter: Mapping[str, Any], hidden: int
) -> dict[str, tuple[int, ...]]:
    wide, tower = vit['hidden_size'], 'model.vit.'
    layers = max(layer % vit['num_hidden_layers'] for layer in adapter['vit_layers']) + 1
    shapes: dict[str, tuple[int, ...]] = {
        f'{tower}positional_embedding': (vit['image_num_pos'], wide),
        f'{tower}patch_embedding.weight': (wide, 3 * vit['image_patch_size'] ** 2),
        f'{tower}patch_embedding.bias': (wide,),
    }
    for i in range(layers):
        block = f'{tower}transformer.resblocks.{i}.'
        for norm in ('attention_norm', 'ffn_norm'):
            shapes |= {f'{block}{norm}.weight': (wide,), f'{block}{norm}.bias': (wide,)}
        for name in ('wq', 'wk', 'wv', 'wo'):
            shapes[f'{block}attention.{name}.weight'] = (wide, wide)
            shapes[f'{block}attention.{name}.bias'] = (wide,)
        for name, pair in (
            ('w1', (vit['intermediate_size'], wide)),
            ('w2', (wide, vit['intermediate_size'])),
        ):
            shapes[f'{block}feed_forward.{name}.weight'] = pair
            shapes[f'{block}feed_forward.{name}.bias'] = pair[:1]
    read, connector = wide * len(adapter['vit_layers']), 'model.connector.'
    for name in ('wq', 'wk', 'wv'):
        shapes[f'{connector}image_pooling_2d.{name}.weight'] = (wide, read)
        shapes[f'{connector}image_pooling_2d.{name}.bias'] = (wide,)
    for name in ('w1', 'w3'):
        shapes[f'{connector}image_projector.{name}.weight'] = (adapter['intermediate_size'], wide)
    shapes[f'{connector}image_projector.w2.weight'] = (hidden, adapter['intermediate_size'])
    return shapes


def _point_shapes(config: Mapping[str, Any], hidden: int) -> dict[str, tuple[int, ...]]:
    width, predictor = config['patch_embed_dim'], 'model.point_predictor.'
    read = config['vit_config']['hidden_size'] * len(config['adapter_config']['vit_layers'])
    shapes: dict[str, tuple[int, ...]] = {
        f'{predictor}x_norm.weight': (hidden,),
        f'{predictor}add_no_point_class_embed.vector': (width,),
        'model.build_vit_embedding.weight': (hidden, read),
        'model.build_vit_embedding.bias': (hidden,),
    }
    for name, outputs, inputs in (
        ('patch_q', width, hidden),
        ('patch_k', width, hidden),
        ('subpatch_q', width, hidden),
        ('subpatch_k', width, read),
        ('subpatch_loc_k', 9, hidden),
    ):
        shapes[f'{predictor}{name}.weight'] = (outputs, inputs)
        shapes[f'{predictor}{name}.bias'] = (outputs,)
    return shapes


def _steer(
    weights: dict[str, NDArray[np.float32]], vocabulary: Mapping[str, int], base: int, tiny: Tiny
) -> None:
    """Make some tokens likely after others: the head's row of one is the embedding of the other."""
    table = np.concatenate([weights[f'model.transformer.wte.{n}embedding'] for n in ('', 'new_')])
    head = np.concatenate([weights[f'lm_head.{n}output_embeddings'] for n in ('', 'new_')])
    # A direction that only the digits' and the opening's embeddings share.
    common = np.random.default_rng(tiny.seed + 1000).standard_normal(table.shape[1]) * 1.5
    patch, location = vocabulary['<|token_index|>'], vocabulary['<|vit_loc|>']
    opening, closing = vocabulary[tiny.opening], vocabulary[CLOSING]
    for name in DIGITS[1:]:
        table[vocabulary[name]] += common
        head[vocabulary[name]] += table[location]
    table[opening] += common
    if tiny.tied:
        # What is read is what is written, so like follows like.
        table[patch] += 2 * common
        table[vocabulary['Ċ']] += common
        for name in DIGITS[1:]:
            table[vocabulary[name]] += 0.7 * table[location]
    # Where the likeliest patch is none that may follow, the next likeliest token ends the block.
    head[patch], head[closing] = 1.5 * common, 1.2 * common + table[patch]
    head[opening] += table[vocabulary['Ċ']]
    head[vocabulary['<|im_end|>']] += table[closing]
    weights['model.transformer.wte.embedding'], weights['model.transformer.wte.new_embedding'] = (
        np.ascontiguousarray(rows, dtype=np.float32) for rows in (table[:base], table[base:])
    )
    weights['lm_head.output_embeddings'], weights['lm_head.new_output_embeddings'] = (
        np.ascontiguousarray(rows, dtype=np.float32) for rows in (head[:base], head[base:])
    )
