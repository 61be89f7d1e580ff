# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint of a released model's layout and size, with random weights.

As released, weights are in float32, in several files with an index. Each file is written from start
to end, some megabytes at once, so writing takes no memory to speak of. The numbers repeat after
some millions, which no speed, size or precision depends on. The tokenizer is the shipped model's,
with a word more for every other number, so that whatever the random weights answer is text.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.molmo2.config import Molmo2Config

SHIPPED = Path(__file__).resolve().parents[2] / 'models' / 'tabletop'
SIZES = {'4b': 'Molmo2-4B', '8b': 'Molmo2-8B', 'o7b': 'Molmo2-O-7B'}
"""The released models by the names that `make rehearsal` knows."""

SHARD_BYTES = 4 * 2**30
"""Of one file of weights, about as released."""

_COPIED = 'tokenizer_config.json', 'processor_config.json', 'chat_template.jinja'
_TOKENIZER = 'tokenizer.json'
_PIXELS = 'video_preprocessor_config.json'
_SPECIAL = 'image_patch_id', 'bos_token_id', 'eos_token_id', 'pad_token_id'
# Pixels of a patch's side.
_PATCH = 14
# As transformers initialises these models.
_DEVIATION = 0.02
_POOL = 2**24 + 3  # numbers; a prime distance to any width, so that no two rows are equal


def write_checkpoint(config: Molmo2Config, folder: Path, shard_bytes: int = SHARD_BYTES) -> None:
    """Write a checkpoint of these sizes into a new folder; shard_bytes: the most in a file."""
    folder.mkdir(parents=True)
    for name in _COPIED:
        shutil.copy(SHIPPED / name, folder)
    (folder / _TOKENIZER).write_text(json.dumps(_tokenizer(config.text.vocabulary)))
    pixels = json.loads((SHIPPED / _PIXELS).read_text())
    side = math.isqrt(config.vision.positions) * _PATCH
    pixels['size'] = {'height': side, 'width': side}
    (folder / _PIXELS).write_text(json.dumps(pixels))
    (folder / 'config.json').write_text(json.dumps(config_json(config), indent=1))
    shutil.copy(SHIPPED / 'generation_config.json', folder)
    shapes = tensor_shapes(config)
    shards = list(_shards(shapes, shard_bytes))
    pool = _pool()
    placed = {}
    at = 0
    for number, names in enumerate(shards):
        file = f'model-{number + 1:05}-of-{len(shards):05}.safetensors'
        at = _write_shard(folder / file, {name: shapes[name] for name in names}, pool, at)
        placed.update(dict.fromkeys(names, file))
    index = {'metadata': {'total_size': checkpoint_bytes(config)}, 'weight_map': placed}
    (folder / 'model.safetensors.index.json').write_text(json.dumps(index))


def checkpoint_bytes(config: Molmo2Config) -> int:
    """Bytes of the weights of such a checkpoint."""
    return sum(4 * math.prod(shape) for shape in tensor_shapes(config).values())


def tensor_shapes(config: Molmo2Config) -> dict[str, tuple[int, ...]]:
    """The tensors of a checkpoint, by the released names."""
    import torch

    from molmo_ground_ros.backends.molmo2.graph import DecoderGraph
    from molmo_ground_ros.backends.molmo2.load import released_name
    from molmo_ground_ros.backends.molmo2.vision import VisionGraph
    from molmo_ground_ros.backends.molmo2.weights import DECODER, VISION

    with torch.device('meta'):
        decoder = DecoderGraph(config, config.text.vocabulary)
        vision = VisionGraph(config)
    return {
        released_name(name, prefix): tuple(tensor.shape)
        for graph, prefix in ((decoder, DECODER), (vision, VISION))
        for name, tensor in graph.state_dict().items()
    }


def config_json(config: Molmo2Config) -> dict[str, Any]:
    """What config.json says, as the released ones do but for the tokenizer's ids."""
    text, vision, adapter = config.text, config.vision, config.adapter
    shipped = json.loads((SHIPPED / 'config.json').read_text())
    special = {
        name: shipped[name] for name in shipped if name in _SPECIAL or name.endswith('_token_id')
    }
    side = math.isqrt(vision.positions) * _PATCH
    return {
        **special,
        'model_type': 'molmo2',
        'architectures': ['Molmo2ForConditionalGeneration'],
        'dtype': 'float32',
        'tie_word_embeddings': False,
        'text_config': {
            'model_type': 'molmo2_text',
            'hidden_size': text.hidden,
            'num_hidden_layers': text.layers,
            'num_attention_heads': text.heads,
            'num_key_value_heads': text.kv_heads,
            'head_dim': text.head_dim,
            'intermediate_size': text.intermediate,
            'vocab_size': text.vocabulary,
            'additional_vocab_size': text.extra_vocabulary,
            'max_position_embeddings': text.positions,
            'rms_norm_eps': text.eps,
            'attention_bias': text.bias,
            'qk_norm_type': 'qwen3' if text.norm_heads else 'olmo',
            'norm_after': text.norm_after,
            'rope_scaling_layers': sorted(text.scaled_layers),
            'rope_parameters': _rope(config),
        },
        'vision_config': {
            'model_type': 'molmo2_vit',
            'hidden_size': vision.hidden,
            'num_hidden_layers': vision.layers,
            'num_attention_heads': vision.heads,
            'num_key_value_heads': vision.heads,
            'head_dim': vision.head_dim,
            'intermediate_size': vision.intermediate,
            'layer_norm_eps': vision.eps,
            'image_size': [side, side],
            'num_position_embeddings': vision.positions,
        },
        'adapter_config': {
            'model_type': 'molmo2_adapter',
            'hidden_size': adapter.hidden,
            'num_attention_heads': adapter.heads,
            'num_key_value_heads': adapter.heads,
            'head_dim': adapter.head_dim,
            'intermediate_size': adapter.intermediate,
            'text_hidden_size': text.hidden,
            'vision_feature_layer': list(adapter.feature_layers),
        },
    }


def _tokenizer(vocabulary: int) -> dict[str, Any]:
    """What tokenizer.json says: the shipped one's words, and 't4711' for a number without one."""
    tokenizer: dict[str, Any] = json.loads((SHIPPED / _TOKENIZER).read_text())
    words = tokenizer['model']['vocab']
    # A special token that is no word gets another number when words are added.
    words |= {token['content']: token['id'] for token in tokenizer['added_tokens']}
    taken = set(words.values())
    words |= {f't{number}': number for number in range(vocabulary) if number not in taken}
    return tokenizer


def _rope(config: Molmo2Config) -> dict[str, Any]:
    yarn = config.text.yarn
    theta = {'rope_theta': config.text.rope_theta}
    if yarn is None:
        return {'rope_type': 'default', **theta}
    named = {name: value for name, value in asdict(yarn).items() if value is not None}
    original = named.pop('original_positions')
    return {'rope_type': 'yarn', 'original_max_position_embeddings': original, **theta, **named}


def _shards(shapes: Mapping[str, tuple[int, ...]], shard_bytes: int) -> Iterator[list[str]]:
    """Names for each file, in the order of the tensors."""
    names: list[str] = []
    nbytes = 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        if names and nbytes + size > shard_bytes:
            yield names
            names, nbytes = [], 0
        names.append(name)
        nbytes += size
    yield names


def _pool() -> NDArray[np.float32]:
    pool = np.random.default_rng(0).standard_normal(_POOL, dtype=np.float32)
    pool *= _DEVIATION
    return pool


def _write_shard(
    file: Path, shapes: Mapping[str, tuple[int, ...]], pool: NDArray[np.float32], at: int
) -> int:
    """Write one safetensors file. Format: github.com/huggingface/safetensors#format.

    at: where in the pool its numbers begin; returns where those of the next file must. If every
    file began at 0, tensors of two files would be equal, and TensorRT stores equal ones once.
    """
    header: dict[str, Any] = {'__metadata__': {'format': 'pt'}}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * math.prod(shape)
        header[name] = {'dtype': 'F32', 'shape': list(shape), 'data_offsets': [start, end]}
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with file.open('wb') as stream:
        stream.write(len(text).to_bytes(8, 'little') + text)
        for name, shape in shapes.items():
            count = math.prod(shape)
            if name.endswith(('norm.weight', 'ln_f.weight')):
                np.ones(count, np.float32).tofile(stream)
                continue
            while count:
                piece = pool[at : at + count]
                piece.tofile(stream)
                count -= len(piece)
                at = (at + len(piece)) % len(pool)
    return at
