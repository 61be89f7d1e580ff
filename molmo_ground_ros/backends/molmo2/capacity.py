# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An exported decoder whose cache may have any capacity, to one of a fixed capacity.

TensorRT updates a cache in place only where its length is part of the graph. It also wants a mask
of its own for each attention: see `_own_masks`.
"""

from __future__ import annotations

from pathlib import Path

import onnx_ir

from molmo_ground_ros.backends.molmo2.files import CAPACITY
from molmo_ground_ros.storage.atomic import atomic_file

_MASK = 3  # the input of Attention


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
    _own_masks(found.graph)
    path = decoder.with_name(f'{decoder.stem}.rows{rows}.onnx')
    with atomic_file(path) as unfinished:
        onnx_ir.save(found, unfinished)
    return path


def _own_masks(graph: onnx_ir.Graph) -> None:
    """Put `mask AND mask` before every attention.

    TensorRT-RTX 1.7 builds its kernel for few tokens once for each attention under the name of the
    mask, and refuses the second of that name ("Graph contains more than one op named"). So a step
    of 1 to 17 tokens is built with masks that are not shared, and only with those: an Identity, or
    the Unsqueeze before it once for each, is folded away again.
    """
    masked = [node for node in graph if node.op_type == 'Attention' and len(node.inputs) > _MASK]
    for i, node in enumerate(masked):
        mask = node.inputs[_MASK]
        own = onnx_ir.node('And', [mask, mask], name=f'mask_{i}')
        own.outputs[0].name = f'mask_{i}'
        graph.insert_before(node, own)
        node.replace_input_with(_MASK, own.outputs[0])
