# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Loads a checkpoint's tensors into the torch graph.

They are mapped from the file. On the CPU, in the precision that they are stored in, they are not
copied at all.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from molmo_ground_ros.backends.molmo2.config import Molmo2Config
from molmo_ground_ros.backends.molmo2.formats import SAFETENSORS
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


def load_graphs(
    model: str,
    folder: Path,
    config: Molmo2Config,
    device: torch.device,
    dtype: torch.dtype,
    replaced: Mapping[str, Mapping[str, nn.Module]] | None = None,
) -> tuple[DecoderGraph, VisionGraph]:
    """The decoder and the vision tower with their weights, in this precision. Raises BadModel.

    replaced: linear layers with matrices of their own, by part of the model and name. Their biases
    are loaded.
    """
    decoder, vision, stored = empty_graphs(model, folder, config, EAGER)
    for part, graph, prefix in (('decoder', decoder, DECODER), ('vision', vision, VISION)):
        for name, layer in (replaced or {}).get(part, {}).items():
            layer.register_parameter('bias', graph.get_submodule(name).bias)  # type: ignore[arg-type]
            graph.set_submodule(name, layer)
        names = graph.state_dict()
        fill(graph, {name: stored[released_name(name, prefix)] for name in names}, device, dtype)
    decoder.move_angles(device)
    return decoder, vision


def fill(
    graph: nn.Module,
    stored: Mapping[str, StoredTensor],
    device: torch.device,
    dtype: torch.dtype,
) -> None:
    """Give a graph its weights, by their names in it, in this precision."""
    maps = {file: _mapped(file) for file in {tensor.file for tensor in stored.values()}}
    weights = {name: _tensor(tensor, maps).to(device, dtype) for name, tensor in stored.items()}
    graph.load_state_dict(weights, assign=True)
    graph.requires_grad_(False).eval()


def empty_graphs(
    model: str, folder: Path, config: Molmo2Config, ops: Ops
) -> tuple[DecoderGraph, VisionGraph, dict[str, StoredTensor]]:
    """Both graphs without memory for weights, and where each weight is stored, by its name.

    Raises BadModel if the checkpoint's tensors are not those of the graphs.
    """
    index = read_index(model, folder)
    rows = embedding_rows(model, index, config)
    with torch.device('meta'):
        decoder, vision = DecoderGraph(config, rows, ops), VisionGraph(config, ops)
    shapes: dict[str, tuple[int, ...]] = {}
    parts: tuple[tuple[nn.Module, str], ...] = ((decoder, DECODER), (vision, VISION))
    for graph, prefix in parts:
        for name, tensor in graph.state_dict().items():
            shapes[released_name(name, prefix)] = tuple(tensor.shape)
    return decoder, vision, match(model, index, shapes, config)


def released_name(name: str, prefix: str) -> str:
    """The name in the checkpoint of a graph's tensor. prefix: weights.DECODER or VISION."""
    return name if name.startswith(HEAD) else prefix + name


def _mapped(file: Path) -> mmap.mmap:
    """A file as memory; its pages are read when they are used."""
    with file.open('rb') as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)


def _tensor(stored: StoredTensor, maps: Mapping[Path, mmap.mmap]) -> Tensor:
    dtype: torch.dtype = getattr(torch, SAFETENSORS[stored.dtype])
    count = stored.nbytes // dtype.itemsize
    data, start = maps[stored.file], stored.start
    # Some programs write tensors at odd addresses, where torch cannot use them.
    if start % dtype.itemsize:
        data, start = bytearray(data[start : start + stored.nbytes]), 0  # type: ignore[assignment]
    return torch.frombuffer(data, dtype=dtype, count=count, offset=start).reshape(stored.shape)
