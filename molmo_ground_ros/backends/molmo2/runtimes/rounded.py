# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Torch's graph with the rounded weights of graphs for ONNX Runtime's CPU: their reference.

Activations are not rounded, and all arithmetic is in float32. A matrix is made of its codes and
scales when it is used, some rows at once, so that the model takes little more memory than these do.
That is slow, and serves the self-check alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx_ir
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from molmo_ground_ros.backends.host.device import choose_device
from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.files import PARTS, graph_file, part_dtype
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime

# Weights that are in memory as float32 at once.
_WEIGHTS_AT_ONCE = 2**22
_CODES, _WEIGHT = '.codes', '.weight'


def rounded_runtime(checkpoint: Checkpoint, dtype: str) -> TorchRuntime:
    """The reference of the graphs of this format, which must be there. Raises BadModel, OSError.

    dtype: one of formats.CPU_FORMATS.
    """
    replaced = {
        part: _rounded_layers(
            checkpoint.folder / graph_file(part, part_dtype(part, dtype), 'fused')
        )
        for part in PARTS
    }
    return TorchRuntime(checkpoint, choose_device('cpu'), torch.float32, replaced)


class RoundedLinear(nn.Module):
    """A linear layer whose matrix is codes and scales, as MatMulNBits reads them.

    codes: (outputs, blocks, bytes of a block). scales: (outputs, blocks). Of two codes of 4 bits in
    a byte the first is in the low half; the code of zero is in the middle.
    """

    def __init__(
        self, codes: NDArray[np.uint8], scales: NDArray[np.float32], inputs: int, bits: int
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = inputs, len(codes)
        self.register_parameter('bias', None)
        self._codes, self._scales, self._bits = codes, scales, bits

    def forward(self, x: Tensor) -> Tensor:
        """As nn.Linear."""
        step = max(1, _WEIGHTS_AT_ONCE // self.in_features)
        pieces = [
            F.linear(x, self.rows(start, start + step))
            for start in range(0, self.out_features, step)
        ]
        product = torch.cat(pieces, dim=-1)
        bias = self._parameters['bias']
        return product if bias is None else product + bias

    def rows(self, start: int, end: int) -> Tensor:
        """Weights for the outputs from `start` to `end`, (end - start, inputs) float32."""
        codes, scales = self._codes[start:end], self._scales[start:end, :, None]
        if self._bits == 4:
            codes = np.stack((codes & np.uint8(15), codes >> np.uint8(4)), axis=-1)
        codes = codes.reshape(len(codes), scales.shape[1], -1)
        weights = (codes.astype(np.float32) - 2.0 ** (self._bits - 1)) * scales
        return torch.from_numpy(weights.reshape(len(codes), -1)[:, : self.in_features])


def _rounded_layers(graph: Path) -> Mapping[str, RoundedLinear]:
    """The linear layers of a graph by their names in the torch graph."""
    layers = {}
    for node in onnx_ir.load(graph).graph:
        if node.op_type == 'MatMulNBits':
            codes, scales = (value.const_value for value in node.inputs[1:3] if value is not None)
            if codes is not None and scales is not None:
                name = (codes.name or '').removesuffix(_CODES).removesuffix(_WEIGHT)
                sizes = (node.attributes[key].as_int() for key in ('K', 'bits'))
                layers[name] = RoundedLinear(codes.numpy(), scales.numpy(), *sizes)
    return layers
