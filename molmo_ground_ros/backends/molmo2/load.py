# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint's tensors into the torch graph: mapped from the file, copied only to change.

A tensor stays where it lies in the file where the device is the CPU and the precision its own.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from molmo_ground_ros.backends.molmo2.config import Molmo2Config
from molmo_ground_ros.backends.molmo2.graph import DecoderGraph
from molmo_ground_ros.backends.molmo2.ops import EAGER, Ops
from molmo_ground_ros.backends.molmo2.vision import VisionGraph
from molmo_ground_ros.backends.molmo2.weights import (
    DECODER,
    HEAD,
    VISION,
    StoredTensor,
    embedding_rows,
    match,
    read_index,
)

_DTYPES = {'F32': torch.float32, 'BF16': torch.bfloat16, 'F16': torch.float16}


def load_graphs(
    model: str, folder: Path, config: Molmo2Config, device: torch.device, dtype: torch.dtype
) -> tuple[DecoderGraph, VisionGraph]:
    """Both graphs with their weights, in this precision. Raises BadModel."""
    decoder, vision, stored = skeletons(model, folder, config, EAGER)
    files = {one.file: _mapped(one.file) for one in stored.values()}
    for graph, prefix in ((decoder, DECODER), (vision, VISION)):
        names = graph.state_dict().keys()
        graph.load_state_dict(
            {
                name: _tensor(stored[released(name, prefix)], files).to(device, dtype)
                for name in names
            },
            assign=True,
        )
        graph.requires_grad_(False).eval()
    decoder.place(device)
    return decoder, vision


def skeletons(
    model: str, folder: Path, config: Molmo2Config, ops: Ops
) -> tuple[DecoderGraph, VisionGraph, dict[str, StoredTensor]]:
    """Both graphs without weights, and where their weights lie. Raises BadModel."""
    index = read_index(model, folder)
    rows = embedding_rows(model, index, config)
    with torch.device('meta'):
        decoder, vision = DecoderGraph(config, rows, ops), VisionGraph(config, ops)
    shapes: dict[str, tuple[int, ...]] = {}
    parts: tuple[tuple[nn.Module, str], ...] = ((decoder, DECODER), (vision, VISION))
    for graph, prefix in parts:
        for name, tensor in graph.state_dict().items():
            shapes[released(name, prefix)] = tuple(tensor.shape)
    return decoder, vision, match(model, index, shapes, config)


def released(name: str, prefix: str) -> str:
    """The checkpoint's name of a graph's tensor."""
    return name if name.startswith(HEAD) else prefix + name


def _mapped(file: Path) -> mmap.mmap:
    with file.open('rb') as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)  # pages are read when used


def _tensor(stored: StoredTensor, files: Mapping[Path, mmap.mmap]) -> Tensor:
    dtype, count = _DTYPES[stored.dtype], stored.nbytes // _DTYPES[stored.dtype].itemsize
    data, start = files[stored.file], stored.start
    if start % dtype.itemsize:  # some writers do not align: torch could not use it where it lies
        data, start = bytearray(data[start : start + stored.nbytes]), 0  # type: ignore[assignment]
    return torch.frombuffer(data, dtype=dtype, count=count, offset=start).reshape(stored.shape)
