# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Exports MolmoPoint's graphs to ONNX files beside a checkpoint's weights, which are not copied.

`molmo2.export` writes those of Molmo2 in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx_ir
import torch

from molmo_ground_ros.backends.molmo2.export import (
    Part,
    decoder_part,
    exported_model,
    vision_part,
)
from molmo_ground_ros.backends.molmo2.files import DIGEST, graph_file
from molmo_ground_ros.backends.molmo2.ops import FUSED
from molmo_ground_ros.backends.molmo_point.load import (
    PointGraphs,
    empty_point_graphs,
    released_point_name,
)
from molmo_ground_ros.backends.molmo_point.point_config import MolmoPointConfig, read_point_config
from molmo_ground_ros.backends.molmo_point.point_files import OUTPUTS, POINT_PARTS
from molmo_ground_ros.backends.molmo_point.stored import any_digest
from molmo_ground_ros.storage.atomic import atomic_file


def export_point_graphs(
    model: str, folder: Path, dtype: str = 'float32', parts: Sequence[str] = POINT_PARTS
) -> list[Path]:
    """Write the graphs of a checkpoint into its folder, and return their paths.

    dtype, parts: of point_files.POINT_DTYPES and POINT_PARTS. Raises BadModel, and BackendError if
    torch's exporter fails.
    """
    config = read_point_config(model, folder)
    graphs, stored = empty_point_graphs(model, folder, config, FUSED)
    checkpoint_digest = any_digest(model, folder)
    written = []
    for part in _parts(config, graphs, getattr(torch, dtype)):
        if part.name not in parts:
            continue
        onnx_model = exported_model(part, stored, folder, dtype, 'fused')
        onnx_model.metadata_props[DIGEST] = checkpoint_digest
        path = folder / graph_file(part.name, dtype, 'fused')
        with atomic_file(path) as unfinished:
            onnx_ir.save(onnx_model, unfinished)
        written.append(path)
    return written


def _parts(config: MolmoPointConfig, graphs: PointGraphs, dtype: torch.dtype) -> Iterator[Part]:
    name, sizes, adapter = released_point_name, config.sizes, config.sizes.adapter
    yield decoder_part(graphs.decoder, sizes, dtype, OUTPUTS['decoder'], name)
    yield vision_part(graphs.vision, sizes, dtype, OUTPUTS['vision'], name)
    window = torch.zeros((4, adapter.hidden * len(adapter.feature_layers)), dtype=dtype)
    shapes = ({0: torch.export.Dim('patches')},)
    outputs = list(OUTPUTS['subpatches'])
    yield Part('subpatches', name, graphs.subpatches, {'window': window}, shapes, outputs)
