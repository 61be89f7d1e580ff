# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Finds and reads the stored matrices of an exported graph, and stores tensors beside a graph.

What is common to both quantisers: quantize.py for engines, cpu_graphs.py for ONNX Runtime's CPU.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from molmo_ground_ros.backends.molmo2.codes import Rows
from molmo_ground_ros.errors import BadModel

# Bytes. Each tensor starts at a multiple of it, so that a runtime can map it from the file.
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix of the graph, stored as (outputs, inputs). computed: the precision of its MatMul."""

    name: str
    tensor: onnx_ir.ExternalTensor
    computed: onnx_ir.DataType
    transpose: onnx_ir.Node
    product: onnx_ir.Node

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs."""
        outputs, inputs = self.tensor.shape.numpy()
        return outputs, inputs


def find_matrices(graph: onnx_ir.Graph) -> Iterator[Matrix]:
    """Every stored matrix of a product: MatMul(x, Transpose(stored)), with a Cast or without."""
    for node in graph:
        transpose = producer(node, 1) if node.op_type == 'MatMul' else None
        if transpose is None or transpose.op_type != 'Transpose':
            continue
        cast = producer(transpose, 0)
        value, stored = transpose.inputs[0], (transpose if cast is None else cast).inputs[0]
        if value is None or stored is None or not value.name:
            continue
        tensor = stored.const_value
        if isinstance(tensor, onnx_ir.ExternalTensor) and len(tensor.shape) == 2:
            computed = tensor.dtype if cast is None else cast_type(cast)
            yield Matrix(value.name, tensor, computed, transpose, node)


@contextlib.contextmanager
def stored_rows(matrix: Matrix) -> Iterator[Rows]:
    """What reads the matrix, some outputs at a time. Whatever fails in the block is BadModel."""
    tensor, (outputs, inputs) = matrix.tensor, matrix.shape
    stored = tensor.dtype.numpy()
    path, begin = Path(tensor.path), tensor.offset or 0
    try:
        with path.open('rb') as stream:

            def rows(start: int, end: int) -> NDArray[np.float32]:
                stream.seek(begin + start * inputs * stored.itemsize)
                content = np.fromfile(stream, dtype=stored, count=(end - start) * inputs)
                return content.reshape(-1, inputs).astype(np.float32)

            size = path.stat().st_size
            if begin + outputs * inputs * stored.itemsize > size:
                raise ValueError(f'the file ends before it, after {size} bytes')
            yield rows
    except (OSError, ValueError) as err:
        raise BadModel(str(path), f'cannot quantise {matrix.name}: {err}') from err


@dataclass(frozen=True, slots=True)
class TensorWriter:
    """Appends tensors to a file, which gets the name `data` when it is complete."""

    stream: BinaryIO
    data: Path

    def write(
        self,
        name: str,
        pieces: Iterable[NDArray[Any]],
        dtype: onnx_ir.DataType,
        shape: tuple[int, ...],
    ) -> onnx_ir.Value:
        """Append a tensor's bytes, piece by piece; gives the initializer that refers to them."""
        self.stream.write(bytes(-self.stream.tell() % _PAGE))
        start = self.stream.tell()
        for piece in pieces:
            piece.tofile(self.stream)
        tensor = onnx_ir.ExternalTensor(
            self.data.name,
            start,
            self.stream.tell() - start,
            dtype,
            shape=onnx_ir.Shape(shape),
            name=name,
            base_dir=self.data.parent,
        )
        return onnx_ir.Value(
            name=name,
            shape=tensor.shape,
            type=onnx_ir.TensorType(dtype),
            const_value=tensor,
        )


def producer(node: onnx_ir.Node, index: int) -> onnx_ir.Node | None:
    """The node that computes an input of this node; None for an input of the graph or a weight."""
    value = node.inputs[index]
    return None if value is None else value.producer()


def cast_type(cast: onnx_ir.Node) -> onnx_ir.DataType:
    """What a Cast gives."""
    return onnx_ir.DataType(cast.attributes['to'].as_int())


def remove_unused(graph: onnx_ir.Graph, node: onnx_ir.Node) -> None:
    """Remove a node that nothing reads, and then what only this node read."""
    if any(output.uses() for output in node.outputs):
        return
    inputs = [value for value in node.inputs if value is not None]
    graph.remove(node, safe=True)
    for value in inputs:
        if (before := value.producer()) is not None:
            remove_unused(graph, before)
        elif value.name and not value.uses():
            graph.initializers.pop(value.name)
