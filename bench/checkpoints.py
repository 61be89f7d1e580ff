# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The checkpoints that are measured: the one that ships, and random ones of the released sizes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.inputs import ROOT
from molmo_ground_ros.backends.molmo2.files import PARTS, graph_file

SHIPPED = ROOT / 'models' / 'tabletop'
_EXPORT = 'molmo_ground_ros.backends.molmo2.export'
_TOKENS = 'tokenizer.json', 'tokenizer_config.json', 'processor_config.json'
_PIXELS = 'video_preprocessor_config.json'


@dataclass(frozen=True, slots=True)
class Size:
    """What makes a checkpoint large. A side of 378 pixels makes 81 tokens a frame."""

    name: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    tower_hidden: int
    tower_layers: int
    tower_heads: int
    tower_head_dim: int
    tower_intermediate: int
    adapter_intermediate: int
    frames: int  # of the clip that is asked about
    tokens: int  # of an answer


# molmo2.md section 4, i.e. olmo/model_configs.py:97-124 and 203-338 of allenai/molmo2 f3cb108.
REAL_4B = Size(
    name='4b',
    hidden=2560,
    layers=36,
    heads=32,
    kv_heads=8,
    head_dim=128,
    intermediate=9728,
    vocabulary=151936,
    tower_hidden=1152,
    tower_layers=25,
    tower_heads=16,
    tower_head_dim=72,
    tower_intermediate=4304,
    adapter_intermediate=9728,
    frames=64,
    tokens=128,
)
# The same shape on a CPU, small: it shows that the measurement runs, its figures mean nothing.
REDUCED_4B = Size(
    name='4b-reduced',
    hidden=128,
    layers=3,
    heads=8,
    kv_heads=2,
    head_dim=16,
    intermediate=320,
    vocabulary=4096,
    tower_hidden=64,
    tower_layers=3,
    tower_heads=4,
    tower_head_dim=16,
    tower_intermediate=128,
    adapter_intermediate=128,
    frames=4,
    tokens=16,
)


def with_graphs(folder: Path, scratch: Path) -> Path:
    """The checkpoint with its ONNX graphs: where it is, or, if it has none, a copy in scratch."""
    if all((folder / graph_file(part, 'float32', 'fused')).is_file() for part in PARTS):
        return folder
    copied = shutil.copytree(folder, scratch / folder.name)
    command = [sys.executable, '-m', _EXPORT, str(copied)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return copied


def write_random(size: Size, folder: Path, device: str) -> Path:
    """Write a checkpoint of this size with random weights, made on the device; the folder.

    The weights are bfloat16 on a GPU, float32 on a CPU. The tokenizer is the shipped model's, the
    size of an image the released 378 x 378. The values of the weights do not change the speed.
    """
    import torch
    from transformers import GenerationConfig, Molmo2ForConditionalGeneration
    from transformers.utils import logging

    folder.mkdir()
    for name in _TOKENS:
        shutil.copy(SHIPPED / name, folder)
    pixels = json.loads((SHIPPED / _PIXELS).read_text())
    pixels['size'] = {'height': 378, 'width': 378}
    (folder / _PIXELS).write_text(json.dumps(pixels))
    torch.manual_seed(0)
    dtype = torch.bfloat16 if device.startswith('cuda') else torch.float32
    with torch.device(device):
        network: Any = Molmo2ForConditionalGeneration._from_config(_config(size), dtype=dtype)
    shipped = json.loads((SHIPPED / 'generation_config.json').read_text())
    named = ('bos_token_id', 'eos_token_id', 'pad_token_id')
    network.generation_config = GenerationConfig(**{name: shipped[name] for name in named})
    logging.disable_progress_bar()
    network.save_pretrained(folder)
    return folder


def _config(size: Size) -> Any:
    from transformers import Molmo2Config

    shipped = json.loads((SHIPPED / 'config.json').read_text())
    special = {name: value for name, value in shipped.items() if name.endswith('_token_id')}
    layers = size.tower_layers
    return Molmo2Config(
        **special,
        image_patch_id=shipped['image_patch_id'],
        text_config={
            'hidden_size': size.hidden,
            'num_hidden_layers': size.layers,
            'num_attention_heads': size.heads,
            'num_key_value_heads': size.kv_heads,
            'head_dim': size.head_dim,
            'intermediate_size': size.intermediate,
            'vocab_size': size.vocabulary,
            'additional_vocab_size': 128,
            'max_position_embeddings': 36864,
            'rope_parameters': {'rope_type': 'default', 'rope_theta': 5_000_000.0},
        },
        vision_config={
            'hidden_size': size.tower_hidden,
            'num_hidden_layers': layers,
            'num_attention_heads': size.tower_heads,
            'num_key_value_heads': size.tower_heads,
            'head_dim': size.tower_head_dim,
            'intermediate_size': size.tower_intermediate,
            'image_size': [378, 378],
        },
        adapter_config={
            'hidden_size': size.tower_hidden,
            'num_attention_heads': size.tower_heads,
            'num_key_value_heads': size.tower_heads,
            'head_dim': size.tower_head_dim,
            'intermediate_size': size.adapter_intermediate,
            'text_hidden_size': size.hidden,
            'vision_feature_layer': [layers - 1, layers * 3 // 4],
        },
    )
