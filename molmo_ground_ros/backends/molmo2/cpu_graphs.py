# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes graphs of few bits for ONNX Runtime's CPU.

    MatMul(x, Transpose(Cast(stored)))  ->  MatMulNBits(x, codes, scales)
    Gather(Cast(stored), ids)           ->  Cast(Gather(stored, ids))

MatMulNBits is ONNX Runtime's own operator. With accuracy level 4 it rounds the activations to int8,
a scale for each block, and multiplies integers. It takes codes without a sign, whose zero is in the
middle. All matrices are rounded, the head and the vision tower to 8 bits.

The rows of the embedding that a prompt needs are read from the checkpoint's own file, where it is
mapped: so the table takes neither memory nor disk, and is not rounded. Codes and scales go to one
new file beside the graph, some rows of a matrix at once.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from molmo_ground_ros.backends.molmo2.codes import encode_blocks
from molmo_ground_ros.backends.molmo2.export import graph_models
from molmo_ground_ros.backends.molmo2.files import COPIES, SOURCES, graph_file, part_dtype
from molmo_ground_ros.backends.molmo2.formats import CODE_BITS, HEAD_FORMATS, SCALE_BLOCK
from molmo_ground_ros.backends.molmo2.matrices import (
    Matrix,
    TensorWriter,
    cast_type,
    find_matrices,
    producer,
    remove_unused,
    stored_rows,
)
from molmo_ground_ros.backends.molmo2.trt.content import sampled_sha256
from molmo_ground_ros.backends.molmo2.weights import HEAD
from molmo_ground_ros.storage.atomic import atomic_file

_LOG = logging.getLogger(__name__)
# The domain of ONNX Runtime's own operators, and the version of it that has MatMulNBits.
_DOMAIN, _DOMAIN_VERSION = 'com.microsoft', 1
# Activations are rounded to int8.
_ACCURACY_LEVEL = 4
# The smallest block that kernels of all processors have.
_LEAST_BLOCK = 32

OnMatrix = Callable[[int, int], None]
"""Told how many of how many matrices are written."""


def write_cpu_graph(model: str, folder: Path, part: str, dtype: str, on_matrix: OnMatrix) -> Path:
    """Write a part's graph, with its weights in a file beside it; the graph's path.

    part: one of files.PARTS. dtype: 'int8.cpu' or 'int4.cpu'. The same checkpoint gives the same
    bytes. Raises BadModel, BackendError if torch's exporter fails, and OSError.
    """
    dtype = part_dtype(part, dtype)
    weights, _, _ = dtype.partition('.')
    [(_, graph_model)] = graph_models(model, folder, 'float32', 'fused', [part])
    graph = graph_model.graph
    path = folder / graph_file(part, dtype, 'fused')
    data = path.with_name(path.name + '.data')
    matrices = list(find_matrices(graph))
    sources = {str(matrix.tensor.location) for matrix in matrices}
    with atomic_file(path) as unfinished_graph, atomic_file(data) as unfinished_data:
        with unfinished_data.open('wb') as stream:
            writer = TensorWriter(stream, data)
            for number, matrix in enumerate(matrices):
                _replace(graph, matrix, _bits(matrix, weights), writer)
                on_matrix(number + 1, len(matrices))
        _gather_before_casting(graph)
        graph_model.opset_imports[_DOMAIN] = _DOMAIN_VERSION
        hashes = {name: sampled_sha256(folder / name) for name in sorted(sources)}
        graph_model.metadata_props[SOURCES] = json.dumps(hashes)
        graph_model.metadata_props[COPIES] = json.dumps({data.name: unfinished_data.stat().st_size})
        onnx_ir.save(graph_model, unfinished_graph)
        # An older graph must not find the new data.
        path.unlink(missing_ok=True)
    _LOG.info('wrote %s, %d matrices in %s', path, len(matrices), data.name)
    return path


def block_of(inputs: int) -> int:
    """Inputs that share a scale: the largest power of two up to 128 that divides them, at least 32.

    Where 32 does not divide them, the last block is filled up with zeros.
    """
    return max(math.gcd(inputs, SCALE_BLOCK), _LEAST_BLOCK)


def _bits(matrix: Matrix, weights: str) -> int:
    head = matrix.name.startswith(HEAD)
    return CODE_BITS[HEAD_FORMATS.get(weights, weights) if head else weights]


def _replace(graph: onnx_ir.Graph, matrix: Matrix, bits: int, writer: TensorWriter) -> None:
    """Replace a matrix, its Cast, its Transpose and its MatMul by codes, scales, MatMulNBits."""
    name, (outputs, inputs) = matrix.name, matrix.shape
    block = block_of(inputs)
    blocks = -(-inputs // block)
    scales = np.empty((outputs, blocks), dtype=np.float32)

    def pieces() -> Iterator[NDArray[np.uint8]]:
        start = 0
        with stored_rows(matrix) as rows:
            for codes, steps in encode_blocks(rows, outputs, inputs, bits, block):
                scales[start : start + len(codes)] = steps
                start += len(codes)
                yield _unsigned(codes, bits)

    shape = (outputs, blocks, block * bits // 8)
    values = writer.write(f'{name}.codes', pieces(), onnx_ir.DataType.UINT8, shape)
    steps = writer.write(f'{name}.scales', [scales], onnx_ir.DataType.FLOAT, scales.shape)
    for initializer in (values, steps):
        graph.register_initializer(initializer)
    attributes = {
        'K': inputs,
        'N': outputs,
        'bits': bits,
        'block_size': block,
        'accuracy_level': _ACCURACY_LEVEL,
    }
    product = matrix.product
    inputs_of_node = [product.inputs[0], values, steps]
    node = onnx_ir.node('MatMulNBits', inputs_of_node, attributes, domain=_DOMAIN)
    _take_over(graph, product, node)
    remove_unused(graph, matrix.transpose)


def _unsigned(codes: NDArray[np.int8], bits: int) -> NDArray[np.uint8]:
    """Codes as MatMulNBits reads them. Of two of 4 bits in a byte the first is in the low half."""
    raised: NDArray[np.uint8] = (codes.astype(np.int16) + 2 ** (bits - 1)).astype(np.uint8)
    if bits == 8:
        return raised
    packed: NDArray[np.uint8] = raised[..., 0::2] | (raised[..., 1::2] << np.uint8(4))
    return packed


def _gather_before_casting(graph: onnx_ir.Graph) -> None:
    """Cast the rows that a Gather takes of a stored table, in place of the table."""
    for gather in list(graph):
        cast = producer(gather, 0) if gather.op_type == 'Gather' else None
        if cast is None or cast.op_type != 'Cast':
            continue
        stored = cast.inputs[0]
        if stored is None or not isinstance(stored.const_value, onnx_ir.ExternalTensor):
            continue
        axis = {'axis': gather.attributes['axis'].as_int()} if 'axis' in gather.attributes else {}
        taken = onnx_ir.node('Gather', [stored, gather.inputs[1]], axis)
        rows = taken.outputs[0]
        rows.name = f'{gather.outputs[0].name}.stored'
        rows.shape, rows.type = (
            gather.outputs[0].shape,
            onnx_ir.TensorType(stored.const_value.dtype),
        )
        graph.insert_before(gather, taken)
        _take_over(graph, gather, onnx_ir.node('Cast', [rows], {'to': cast_type(cast)}))
        remove_unused(graph, cast)


def _take_over(graph: onnx_ir.Graph, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    """Put a node in the place of another, with the name of its output."""
    (before,), (after,) = old.outputs, new.outputs
    after.shape, after.type = before.shape, before.type
    name = before.name
    graph.insert_before(old, new)
    onnx_ir.convenience.replace_all_uses_with(before, after, replace_graph_outputs=True)
    graph.remove(old, safe=True)
    after.name = name
