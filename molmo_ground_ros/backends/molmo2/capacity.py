# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An exported decoder whose cache may have any capacity, to one of a fixed capacity.

TensorRT updates a cache in place only where its length is part of the graph.
"""

from __future__ import annotations

from pathlib import Path

import onnx_ir

from molmo_ground_ros.backends.molmo2.files import CAPACITY


def fix_capacity(decoder: Path, rows: int) -> Path:
    """Write the graph with caches of so many rows beside the one given; the path written.

    It must lie in the same folder: its weights are byte ranges of files there.
    """
    found = onnx_ir.load(decoder)
    for value in (*found.graph.inputs, *found.graph.outputs):
        if value.shape is not None:
            value.shape = onnx_ir.Shape(
                [
                    rows if isinstance(one, onnx_ir.SymbolicDim) and one.value == CAPACITY else one
                    for one in value.shape
                ]
            )
    for node in found.graph:  # what the exporter inferred for any capacity; inferred again
        for value in node.outputs:
            if not value.is_graph_output():
                value.shape = None
    path = decoder.with_name(f'{decoder.stem}.rows{rows}.onnx')
    unfinished = path.with_name(path.name + '.part')
    onnx_ir.save(found, unfinished)
    unfinished.replace(path)
    return path
