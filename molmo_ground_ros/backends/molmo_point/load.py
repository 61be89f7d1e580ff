# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Loads a checkpoint's tensors into the torch graphs, and knows their released names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from molmo_ground_ros.backends.molmo2.load import fill
from molmo_ground_ros.backends.molmo2.ops import EAGER, Ops
from molmo_ground_ros.backends.molmo2.weights import (
    DECODER,
    HEAD,
    StoredTensor,
    embedding_rows,
    match,
)
from molmo_ground_ros.backends.molmo_point.graph import PointDecoder, PointVision, SubpatchGraph
from molmo_ground_ros.backends.molmo_point.point_config import MolmoPointConfig
from molmo_ground_ros.backends.molmo_point.stored import NO_MORE, point_index

_MODEL = 'model.'


@dataclass(frozen=True, slots=True)
class PointGraphs:
    """The three graphs of a checkpoint."""

    decoder: PointDecoder
    vision: PointVision
    subpatches: SubpatchGraph

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """All of them."""
        return self.decoder, self.vision, self.subpatches


def load_point_graphs(
    model: str, folder: Path, config: MolmoPointConfig, device: torch.device, dtype: torch.dtype
) -> PointGraphs:
    """The graphs with their weights, in this precision. Raises BadModel."""
    graphs, stored = empty_point_graphs(model, folder, config, EAGER)
    for graph in graphs.modules:
        names = graph.state_dict()
        fill(graph, {name: stored[released_point_name(name)] for name in names}, device, dtype)
    graphs.decoder.move_angles(device)
    return graphs


def empty_point_graphs(
    model: str, folder: Path, config: MolmoPointConfig, ops: Ops
) -> tuple[PointGraphs, Mapping[str, StoredTensor]]:
    """The graphs without memory for weights, and where each weight is stored, by released name.

    Raises BadModel if the checkpoint's tensors are not those of the graphs.
    """
    index = point_index(model, folder, config)
    rows = embedding_rows(model, index, config.sizes)
    with torch.device('meta'):
        graphs = PointGraphs(
            PointDecoder(config, rows, ops), PointVision(config.sizes, ops), SubpatchGraph(config)
        )
    shapes = {
        released_point_name(name): tuple(tensor.shape)
        for graph in graphs.modules
        for name, tensor in graph.state_dict().items()
    }
    # No graph reads it.
    shapes[NO_MORE] = (config.width,)
    return graphs, match(model, index, shapes, config.sizes)


def released_point_name(name: str) -> str:
    """The name in the checkpoint of a graph's tensor."""
    if name.startswith(HEAD):
        return name
    decoder = name.startswith(('wte.', 'blocks.', 'ln_f.'))
    return f'{DECODER if decoder else _MODEL}{name}'
