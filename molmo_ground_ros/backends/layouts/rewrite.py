# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint in another layout to a new folder; no number of a weight changes.

The embedding is two tensors, cut at a row that differs: the release cuts where the words end and
the visual tokens begin, transformers in the middle. Only the header of a file changes for that.
"""

from __future__ import annotations

import json
import mmap
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.checkpoint import check_files, read_json
from molmo_ground_ros.backends.layouts import config_keys, side_files
from molmo_ground_ros.backends.molmo2.weights import DECODER, StoredTensor, read_index
from molmo_ground_ros.errors import BadModel, BadSetting

RELEASED, TRANSFORMERS = 'released', 'transformers'
LAYOUTS = (RELEASED, TRANSFORMERS)
_EMBEDDING = (f'{DECODER}wte.embedding', f'{DECODER}wte.new_embedding')
_CHUNK = 2**24  # bytes
# A header is filled with blanks up to a multiple of this, as the package safetensors does.
_ALIGNMENT = 8


@dataclass(frozen=True, slots=True)
class _Part:
    """Bytes of a file that become a tensor or a piece of one."""

    file: Path
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor to be written."""

    dtype: str
    shape: tuple[int, ...]
    parts: tuple[_Part, ...]


def convert_checkpoint(folder: Path, out: Path, layout: str, code: Path | None = None) -> None:
    """Write the checkpoint in `folder` to the new folder `out`, in one of LAYOUTS.

    code: a folder with Ai2's Python files, which are copied beside the released layout and named
    in its auto_map. Nothing of `out` is there before all is. Raises BadModel for a checkpoint that
    cannot be read, BadSetting for an `out` that is there or for a `code` without these files.
    """
    if out.exists():
        raise BadSetting('out', str(out), 'is there already')
    model = str(folder)
    check_files(model, folder)
    program = side_files.python_files(code) if code and layout == RELEASED else []
    unfinished = out.with_name(f'{out.name}.partial')
    unfinished.mkdir(parents=True)
    try:
        config = _config(model, folder, layout)
        if program:
            config['auto_map'] = side_files.AUTO_MAP
        side_files.copy_files(model, folder, unfinished, released=layout == RELEASED, code=program)
        side_files.write_json(unfinished / 'config.json', config)
        _write_weights(model, folder, unfinished, _cut(config['text_config'], layout))
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _config(model: str, folder: Path, layout: str) -> dict[str, Any]:
    config = read_json(model, folder / 'config.json')
    try:
        if layout == TRANSFORMERS:
            return config_keys.transformers_config(config)
        processor = read_json(model, folder / 'processor_config.json')
        return config_keys.released_config(
            config,
            side_files.visual_ids(model, folder),
            frame_tokens=bool(processor.get('use_frame_special_tokens', True)),
        )
    except (ValueError, TypeError) as err:
        raise BadModel(model, f'config.json cannot be used: {err}') from err


def _cut(text: Mapping[str, Any], layout: str) -> int:
    """Rows of the first of the embedding's two tensors. transformers halves, the first larger."""
    words, visual = int(text['vocab_size']), int(text['additional_vocab_size'])
    return words if layout == RELEASED else -(-(words + visual) // 2)


def _write_weights(model: str, folder: Path, out: Path, cut: int) -> None:
    """Write every file of weights; one without the embedding is copied."""
    index = read_index(model, folder)
    recut = _recut(model, index, cut)
    for file, stored in groupby(index.items(), key=lambda item: item[1].file):
        tensors = {
            name: recut.get(name) or _Tensor(place.dtype, place.shape, (_bytes(place),))
            for name, place in stored
        }
        if recut.keys().isdisjoint(tensors):
            shutil.copyfile(file, out / file.name)
        else:
            _write_file(out / file.name, _metadata(file), tensors)
    listed = folder / 'model.safetensors.index.json'
    if listed.is_file():
        shutil.copyfile(listed, out / listed.name)


def _recut(model: str, index: Mapping[str, StoredTensor], cut: int) -> dict[str, _Tensor]:
    """The embedding's two tensors with `cut` rows in the first; none if they are so already."""
    if missing := [name for name in _EMBEDDING if name not in index]:
        raise BadModel(model, f'its weights lack {missing[0]}')
    first, second = (index[name] for name in _EMBEDDING)
    rows, width = first.shape[0] + second.shape[0], first.shape[1:]
    if first.dtype != second.dtype or second.shape[1:] != width or not 0 < cut < rows:
        raise BadModel(
            model, f'its embedding is {first.dtype} {first.shape} and {second.dtype} '
            f'{second.shape}, which cannot be cut at row {cut}'
        )  # fmt: skip
    if first.shape[0] == cut:
        return {}
    head, tail = replace(first, shape=(cut, *width)), replace(first, shape=(rows - cut, *width))
    parts = (_bytes(first), _bytes(second))
    return {
        _EMBEDDING[0]: _Tensor(head.dtype, head.shape, _slice(parts, 0, head.nbytes)),
        _EMBEDDING[1]: _Tensor(tail.dtype, tail.shape, _slice(parts, head.nbytes, tail.nbytes)),
    }


def _bytes(stored: StoredTensor) -> _Part:
    return _Part(stored.file, stored.start, stored.nbytes)


def _slice(parts: tuple[_Part, ...], start: int, size: int) -> tuple[_Part, ...]:
    """`size` bytes of the joined parts, from byte `start` on."""
    cut: list[_Part] = []
    before = 0
    for part in parts:
        begin, end = max(start - before, 0), min(start + size - before, part.size)
        if begin < end:
            cut.append(_Part(part.file, part.start + begin, end - begin))
        before += part.size
    return tuple(cut)


def _metadata(file: Path) -> dict[str, Any]:
    """The entry `__metadata__` of a header that was read before."""
    with file.open('rb') as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), 'little')))
    return {'__metadata__': header['__metadata__']} if '__metadata__' in header else {}


def _write_file(path: Path, metadata: dict[str, Any], tensors: Mapping[str, _Tensor]) -> None:
    header: dict[str, Any] = dict(metadata)
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + sum(part.size for part in tensor.parts)
        entry = {'dtype': tensor.dtype, 'shape': list(tensor.shape), 'data_offsets': [begin, end]}
        header[name] = entry
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % _ALIGNMENT)
    with path.open('wb') as out:
        out.write(len(text).to_bytes(8, 'little'))
        out.write(text)
        for tensor in tensors.values():
            for part in tensor.parts:
                for block in _blocks(part):
                    out.write(block)


def _blocks(part: _Part) -> Iterator[bytes]:
    """The bytes of a part, a few at a time, from the mapped file."""
    with (
        part.file.open('rb') as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        for start in range(part.start, part.start + part.size, _CHUNK):
            yield mapped[start : min(start + _CHUNK, part.start + part.size)]
