# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quantises a decoder for engines: its matrices are stored in few bits, and computed in full.

    python -m molmo_ground_ros.backends.molmo2.quantize FOLDER/decoder.float16.opset24.onnx int4

    MatMul(x, Transpose(Cast(stored)))  ->  MatMul(x, DequantizeLinear(codes, scales))

Norms, embeddings and the vision tower are not changed and stay in their files. Codes and scales go
to one new file beside the graph. One matrix is read at a time, some rows at once. Needs no torch.

An error of the head is an error of the logits, so the head (`lm_head`) gets more bits than the
rest: int8 where the rest is int4, and no rounding where the rest is int8 or fp8. On the shipped
model an int8 head makes the error of int8 matrices half as large again, and adds almost nothing to
that of int4 matrices.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

import onnx_ir

from molmo_ground_ros.backends.molmo2.codes import Codes, encode, scale_block
from molmo_ground_ros.backends.molmo2.files import FORMS, graph_file
from molmo_ground_ros.backends.molmo2.formats import CODE_BITS, HEAD_FORMATS
from molmo_ground_ros.backends.molmo2.matrices import (
    Matrix,
    TensorWriter,
    find_matrices,
    remove_unused,
    stored_rows,
)
from molmo_ground_ros.backends.molmo2.weights import HEAD
from molmo_ground_ros.errors import BadModel, BadSetting
from molmo_ground_ros.storage.atomic import atomic_file

_LOG = logging.getLogger(__name__)
_STORED = {'int4': onnx_ir.DataType.INT4, 'int8': onnx_ir.DataType.INT8}
_STORED |= {'fp8': onnx_ir.DataType.FLOAT8E4M3FN}
# What the precision of the graph adds to the name of its file.
_COMPUTED = {onnx_ir.DataType.FLOAT16: '', onnx_ir.DataType.FLOAT: '.float32'}


def quantize_weights(decoder: Path, weights: str) -> Path:
    """Write the quantised graph beside `decoder`, and return its path.

    decoder: a fused graph of export_graphs, in float16 or float32, with its weights beside it.
    weights: a key of CODE_BITS. A float16 graph becomes decoder.int4.opset24.onnx for example. The
    name of a float32 graph says so, and its codes and scales are the same. The same graph and
    weights always give the same bytes. Under int4 a matrix whose inputs no block divides (see
    codes.scale_block) is not changed. Raises BadModel, BadSetting and OSError.
    """
    if weights not in CODE_BITS:
        raise BadSetting('weights', weights, f'the formats are {", ".join(CODE_BITS)}')
    model = _load(decoder)
    pairs = [(matrix, _format_of(matrix, weights)) for matrix in find_matrices(model.graph)]
    pairs = [(matrix, form) for matrix, form in pairs if form]
    if not pairs:
        raise BadModel(str(decoder), f'it holds no matrix that {weights} could store')
    computed = pairs[0][0].computed
    if computed not in _COMPUTED:
        raise BadModel(str(decoder), f'it computes in {computed.name}, not in float16 or float32')
    path = decoder.with_name(graph_file('decoder', f'{weights}{_COMPUTED[computed]}', 'fused'))
    data = path.with_name(path.name + '.data')
    with atomic_file(path) as unfinished_graph, atomic_file(data) as unfinished_data:
        with unfinished_data.open('wb') as stream:
            for matrix, form in pairs:
                _replace(model.graph, matrix, form, TensorWriter(stream, data))
        onnx_ir.save(model, unfinished_graph)
        # An older graph must not find the new data.
        path.unlink(missing_ok=True)
    _LOG.info('wrote %s, %d matrices in %s', path, len(pairs), data.name)
    return path


def _load(decoder: Path) -> onnx_ir.Model:
    try:
        model: onnx_ir.Model = onnx_ir.load(decoder)
    # The errors of protobuf have no base class but Exception.
    except Exception as err:
        raise BadModel(str(decoder), f'cannot read the graph: {err}') from err
    if model.opset_imports.get('') != FORMS['fused']:
        raise BadModel(
            str(decoder),
            f'its opset is {model.opset_imports.get("")}, not {FORMS["fused"]}: only the fused '
            'graph can be quantised',
        )
    return model


def _format_of(matrix: Matrix, weights: str) -> str:
    """The format to store a matrix in; '' if it is not to be changed."""
    if matrix.name.startswith(HEAD):
        return HEAD_FORMATS.get(weights, '')
    return '' if weights == 'int4' and not scale_block(matrix.shape[1]) else weights


def _replace(graph: onnx_ir.Graph, matrix: Matrix, weights: str, writer: TensorWriter) -> None:
    """Replace a matrix, its Cast and its Transpose by codes, scales and a DequantizeLinear."""
    codes, computed, name = _encoded(matrix, weights), matrix.computed, matrix.name
    values = writer.write(
        f'{name}.codes', [codes.packed(CODE_BITS[weights])], _STORED[weights], codes.values.shape
    )
    scale = codes.scales.astype(computed.numpy())
    scales = writer.write(f'{name}.scales', [scale], computed, scale.shape)
    for initializer in (values, scales):
        graph.register_initializer(initializer)
    attributes: dict[str, Any] = {}
    if codes.block:
        attributes = {'axis': 0, 'block_size': codes.block}
    elif codes.scales.ndim:
        attributes = {'axis': 1}
    node = onnx_ir.node('DequantizeLinear', [values, scales], attributes)
    (product_input,) = node.outputs
    product_input.name = f'{name}.dequantized'
    product_input.type = onnx_ir.TensorType(computed)
    product_input.shape = onnx_ir.Shape(codes.values.shape)
    graph.insert_before(matrix.product, node)
    matrix.product.replace_input_with(1, product_input)
    remove_unused(graph, matrix.transpose)


def _encoded(matrix: Matrix, weights: str) -> Codes:
    with stored_rows(matrix) as rows:
        return encode(rows, *matrix.shape, weights)


if __name__ == '__main__':
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    parser = argparse.ArgumentParser(description='Store the matrices of a decoder in few bits.')
    parser.add_argument('decoder', type=Path)
    parser.add_argument('weights', choices=tuple(CODE_BITS))
    arguments = parser.parse_args()
    quantize_weights(arguments.decoder, arguments.weights)
