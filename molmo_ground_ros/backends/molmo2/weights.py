# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where each tensor of a checkpoint lies in its files. Reads headers only, never a weight.

The graph names its tensors as the released checkpoints do, with q, k and v in one matrix
(`att_proj`) and up and gate in another (`ff_proj`), so every tensor is used where it lies, mapped
from the file or named in an ONNX graph by file and offset. transformers 5.23 saves the same names;
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
    """Every tensor of the checkpoint by its name. Raises BadModel for a damaged file."""
    found: dict[str, StoredTensor] = {}
    for file in _files(model, folder):
        for name, stored in _header(model, file):
            if name in found:
                raise BadModel(model, f'{name} is in {found[name].file.name} and in {file.name}')
            found[name] = stored
    return found


def embedding_rows(model: str, index: Mapping[str, StoredTensor], config: Molmo2Config) -> int:
    """Rows of the first of the two tensors that make the embedding."""
    names = (f'{DECODER}wte.embedding', f'{DECODER}wte.new_embedding')
    for name in names:
        if name not in index:
            raise BadModel(model, f'its weights lack 1 tensors: {name}')
    first, second = (index[name].shape[0] for name in names)
    wanted = config.text.vocabulary + config.text.extra_vocabulary
    if first + second != wanted:
        raise BadModel(
            model, f'its embedding has {first} + {second} rows, its config.json says {wanted}'
        )
    return first


def match(
    model: str,
    index: Mapping[str, StoredTensor],
    expected: Mapping[str, tuple[int, ...]],
    config: Molmo2Config,
) -> dict[str, StoredTensor]:
    """The expected tensors, and only they. Raises BadModel naming what is missing or too much.

    Layers of the vision tower behind the last one that is read may be there and are left out.
    """
    if missing := sorted(expected.keys() - index.keys()):
        raise BadModel(model, f'its weights lack {len(missing)} tensors: {_some(missing)}')
    others = sorted(index.keys() - expected.keys())
    if others := [name for name in others if not _behind(name, config.vision.layers)]:
        raise BadModel(model, f'its weights hold {len(others)} unknown tensors: {_some(others)}')
    for name, shape in expected.items():
        if index[name].shape != shape:
            raise BadModel(model, f'{name} has shape {index[name].shape}, not {shape}')
    return {name: index[name] for name in expected}


def digest(index: Mapping[str, StoredTensor], config: Molmo2Config) -> str:
    """A name for where every tensor lies, and for what is done with it; not for the weights."""
    lines = [
        f'{name} {one.file.name} {one.dtype} {one.shape} {one.start}' for name, one in index.items()
    ]
    text = '\n'.join([*sorted(lines), _told(config)])
    return hashlib.sha256(text.encode()).hexdigest()


def _told(config: Molmo2Config) -> str:
    """The config as text that is the same in every process: a set has no order."""
    text = replace(config.text, scaled_layers=frozenset())
    return f'{sorted(config.text.scaled_layers)} {replace(config, text=text)}'


def _files(model: str, folder: Path) -> list[Path]:
    index = folder / 'model.safetensors.index.json'
    if not index.is_file():
        return [folder / 'model.safetensors']
    names = set(read_json(model, index).get('weight_map', {}).values())
    if odd := sorted(name for name in names if Path(name).name != name):
        raise BadModel(model, f'{index.name} names a file outside the folder: {odd[0]}')
    return [folder / name for name in sorted(names)]


def _header(model: str, file: Path) -> Iterator[tuple[str, StoredTensor]]:
    try:
        with file.open('rb') as stream:
            length = int.from_bytes(stream.read(8), 'little')
            if length > min(_HEADER_BYTES, file.stat().st_size):
                raise ValueError(f'a header of {length} bytes')
            header = json.loads(stream.read(length))
        tensors = {name: one for name, one in header.items() if name != '__metadata__'}
        size = file.stat().st_size
        for name, one in tensors.items():
            yield name, _stored(file, 8 + length, size, one)
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
    found = _RESBLOCK.match(name)
    return found is not None and int(found[1]) >= layers


def _some(names: list[str]) -> str:
    return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
