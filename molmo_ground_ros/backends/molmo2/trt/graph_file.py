# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where an exported graph's weights are and how large they are. Reads no weights."""

from __future__ import annotations

from pathlib import Path

import onnx_ir


def graph_and_weight_files(graph: Path) -> list[str]:
    """The names of the graph's own file and of the files that hold its weights, in its folder."""
    tensors = [value.const_value for value in onnx_ir.load(graph).graph.initializers.values()]
    weight_files = {
        str(tensor.location) for tensor in tensors if isinstance(tensor, onnx_ir.ExternalTensor)
    }
    return [graph.name, *sorted(weight_files)]


def weight_bytes(graph: Path) -> int:
    """Bytes of the weights in the precision they are computed in.

    A weight that the graph converts with a Cast counts with the size it has after the Cast.
    """
    total = 0
    for value in onnx_ir.load(graph).graph.initializers.values():
        if value.const_value is None:
            continue
        users = [use.node for use in value.uses()]
        types = {
            onnx_ir.DataType(user.attributes['to'].as_int())
            for user in users
            if user.op_type == 'Cast'
        }
        kind = types.pop() if len(types) == 1 else value.const_value.dtype
        total += int(value.const_value.size * kind.itemsize)
    return total
