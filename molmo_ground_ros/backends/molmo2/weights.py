# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where each tensor of a checkpoint is stored. Reads headers only, never a weight.

The graph names its tensors as the released checkpoints do, with q, k and v in one matrix
(`att_proj`) and up and gate in another (`ff_proj`). So every tensor is used without a copy: mapped
from its file, or named in an ONNX graph by file and offset. transformers 5.23 saves the same names;
only the embedding's two tensors are cut at another row (tensorrt.md 4.3), which the graph allows.
Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.checkpoint import read_json
from molmo_ground_ros.backends.molmo2.config import Molmo2Config
from molmo_ground_ros.backends.molmo2.formats import FLOAT_BYTES, SAFETENSORS
from molmo_ground_ros.errors import BadModel

DECODER, VISION, HEAD = 'model.transformer.', 'model.vision_backbone.', 'lm_head.'
_HEADER_BYTES = 100 * 2**20  # the format's own limit
_RESBLOCK = re.compile(re.escape(VISION) + r'image_vit\.transformer\.resblocks\.(\d+)\.')


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor in a safetensors file, little-endian and row-major."""

    file: Path
    dtype: str  # a key of formats.SAFETENSORS
    shape: tuple[int, ...]
    start: int  # byte in the file

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        return math.prod(self.shape) * FLOAT_BYTES[SAFETENSORS[self.dtype]]


def read_index(model: str, folder: Path) -> dict[str, StoredTensor]:
    """Every tensor of the checkpoint, by name. Raises BadModel for a damaged file."""
    index: dict[str, StoredTensor] = {}
    for file in _files(model, folder):
        for name, stored in _header(model, file):
            if name in index:
                raise BadModel(model, f'{name} is in {index[name].file.name} and in {file.name}')
            index[name] = stored
    return index


def embedding_rows(model: str, index: Mapping[str, StoredTensor], config: Molmo2Config) -> int:
    """Rows of the first of the embedding's two tensors. Raises BadModel if their sum is wrong."""
    names = (f'{DECODER}wte.embedding', f'{DECODER}wte.new_embedding')
    for name in names:
        if name not in index:
            raise BadModel(model, f'its weights lack 1 tensors: {name}')
    first, second = (index[name].shape[0] for name in names)
    expected = config.text.vocabulary + config.text.extra_vocabulary
    if first + second != expected:
        raise BadModel(
            model, f'its embedding has {first} + {second} rows, its config.json says {expected}'
        )
    return first


def match(
    model: str,
    index: Mapping[str, StoredTensor],
    expected: Mapping[str, tuple[int, ...]],
    config: Molmo2Config,
) -> dict[str, StoredTensor]:
    """The expected tensors. Raises BadModel if one is missing, unknown or of another shape.

    expected: shapes by name. Layers of the vision tower after the last one used are ignored.
    """
    if missing := sorted(expected.keys() - index.keys()):
        raise BadModel(model, f'its weights lack {len(missing)} tensors: {_first_three(missing)}')
    others = sorted(index.keys() - expected.keys())
    if others := [name for name in others if not _behind(name, config.vision.layers)]:
        raise BadModel(
            model, f'its weights hold {len(others)} unknown tensors: {_first_three(others)}'
        )
    for name, shape in expected.items():
        if index[name].shape != shape:
            raise BadModel(model, f'{name} has shape {index[name].shape}, not {shape}')
    return {name: index[name] for name in expected}


def digest(index: Mapping[str, StoredTensor], config: Molmo2Config) -> str:
    """A hash of where every tensor is stored and of the config; not of the weights themselves."""
    lines = [
        f'{name} {tensor.file.name} {tensor.dtype} {tensor.shape} {tensor.start}'
        for name, tensor in index.items()
    ]
    text = '\n'.join([*sorted(lines), _config_text(config)])
    return hashlib.sha256(text.encode()).hexdigest()


def _config_text(config: Molmo2Config) -> str:
    """The config as text. The set in it is sorted, so that the text is always the same."""
    text = replace(config.text, scaled_layers=frozenset())
    return f'{sorted(config.text.scaled_layers)} {replace(config, text=text)}'


def _files(model: str, folder: Path) -> list[Path]:
    index = folder / 'model.safetensors.index.json'
    if not index.is_file():
        return [folder / 'model.safetensors']
    names = set(read_json(model, index).get('weight_map', {}).values())
    if outside := sorted(name for name in names if Path(name).name != name):
        raise BadModel(model, f'{index.name} names a file outside the folder: {outside[0]}')
    return [folder / name for name in sorted(names)]


def _header(model: str, file: Path) -> Iterator[tuple[str, StoredTensor]]:
    try:
        with file.open('rb') as stream:
            length = int.from_bytes(stream.read(8), 'little')
            if length > min(_HEADER_BYTES, file.stat().st_size):
                raise ValueError(f'a header of {length} bytes')
            header = json.loads(stream.read(length))
        tensors = {name: entry for name, entry in header.items() if name != '__metadata__'}
        size = file.stat().st_size
        for name, entry in tensors.items():
            yield name, _stored(file, 8 + length, size, entry)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as err:
        raise BadModel(model, f'{file.name} is damaged: {err}') from err


def _stored(file: Path, data: int, size: int, entry: dict[str, Any]) -> StoredTensor:
    """A tensor from its entry in the header. Raises ValueError, TypeError or KeyError.

    data: the byte of the file at which the tensors begin. size: bytes of the file.
    """
    if entry['dtype'] not in SAFETENSORS:
        raise ValueError(f'a tensor of type {entry["dtype"]}')
    begin, end = entry['data_offsets']
    stored = StoredTensor(file, entry['dtype'], tuple(entry['shape']), data + begin)
    if begin < 0 or end - begin != stored.nbytes or data + end > size:
        raise ValueError(f'{end - begin} bytes at {begin} for shape {stored.shape}')
    return stored


def _behind(name: str, layers: int) -> bool:
    layer = _RESBLOCK.match(name)
    return layer is not None and int(layer[1]) >= layers


def _first_three(names: list[str]) -> str:
    return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
