# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What an exported graph's file says of its weights. Reads none of them."""

from __future__ import annotations

from pathlib import Path

import onnx_ir


def files_of(graph: Path) -> list[str]:
    """The graph's own file and those that its weights lie in: names in its folder."""
    tensors = [one.const_value for one in onnx_ir.load(graph).graph.initializers.values()]
    outside = {str(one.location) for one in tensors if isinstance(one, onnx_ir.ExternalTensor)}
    return [graph.name, *sorted(outside)]


def weight_bytes(graph: Path) -> int:
    """Bytes of the weights as they are computed with: a stored one behind a Cast counts as cast."""
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
