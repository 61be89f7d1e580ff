# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fixes the capacity of an exported decoder's cache, as TensorRT needs it.

TensorRT updates a cache in place only if its length is a constant of the graph. It also needs a
separate mask for each attention: see `_separate_masks`.
"""

from __future__ import annotations

from pathlib import Path

import onnx_ir

from molmo_ground_ros.backends.molmo2.files import CAPACITY
from molmo_ground_ros.storage.atomic import atomic_file

_MASK = 3  # the input of Attention


def fix_capacity(decoder: Path, rows: int) -> Path:
    """Write the graph with caches of `rows` rows beside `decoder`, and return its path.

    The new file must be in the same folder: its weights are byte ranges of files there.
    """
    model = onnx_ir.load(decoder)
    for value in (*model.graph.inputs, *model.graph.outputs):
        if value.shape is not None:
            value.shape = onnx_ir.Shape(
                [
                    rows
                    if isinstance(size, onnx_ir.SymbolicDim) and size.value == CAPACITY
                    else size
                    for size in value.shape
                ]
            )
    # The exporter inferred shapes for any capacity. They are inferred again for this one.
    for node in model.graph:
        for value in node.outputs:
            if not value.is_graph_output():
                value.shape = None
    _separate_masks(model.graph)
    path = decoder.with_name(f'{decoder.stem}.rows{rows}.onnx')
    with atomic_file(path) as unfinished:
        onnx_ir.save(model, unfinished)
    return path


def _separate_masks(graph: onnx_ir.Graph) -> None:
    """Give every attention a mask of its own, computed as `mask AND mask`.

    For passes over few tokens TensorRT-RTX 1.7 builds one kernel for each attention, named after
    its mask, and refuses a second kernel of the same name ("Graph contains more than one op
    named"). So the profile of 1 to 17 tokens can only be built if masks are not shared. An Identity
    for each attention, or an Unsqueeze for each, does not help: TensorRT merges those again.
    """
    masked = [node for node in graph if node.op_type == 'Attention' and len(node.inputs) > _MASK]
    for i, node in enumerate(masked):
        mask = node.inputs[_MASK]
        own = onnx_ir.node('And', [mask, mask], name=f'mask_{i}')
        own.outputs[0].name = f'mask_{i}'
        graph.insert_before(node, own)
        node.replace_input_with(_MASK, own.outputs[0])
