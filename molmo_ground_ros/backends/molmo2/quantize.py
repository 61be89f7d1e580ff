# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An exported decoder to one whose matrices are stored in few bits and multiplied in full.

    python -m molmo_ground_ros.backends.molmo2.quantize FOLDER/decoder.float16.opset24.onnx int4

    MatMul(x, Transpose(Cast(stored)))  ->  MatMul(x, DequantizeLinear(codes, scales))

Norms, embeddings, attention and the vision tower stay as they are, where they are. Codes and scales
go to one file beside the graph. Reads one matrix at a time, some rows at once. Needs no torch.

The head's errors are the logits', so it is stored with more bits than the rest: int8 with int4, as
exported with int8 and fp8. On the shipped model an int8 head adds half to the error of int8
matrices, and next to nothing to that of int4.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from molmo_ground_ros.backends.molmo2.codes import BITS, Codes, block_of, encode
from molmo_ground_ros.backends.molmo2.files import FORMS, graph_file
from molmo_ground_ros.backends.molmo2.weights import HEAD
from molmo_ground_ros.errors import BadModel, BadSetting
from molmo_ground_ros.storage.atomic import atomic_file

_LOG = logging.getLogger(__name__)
FORMATS = ('int4', 'int8', 'fp8')
_HEAD_FORMATS = {'int4': 'int8'}  # of the head; others leave it
_STORED = {'int4': onnx_ir.DataType.INT4, 'int8': onnx_ir.DataType.INT8}
_STORED |= {'fp8': onnx_ir.DataType.FLOAT8E4M3FN}
_COMPUTED = {onnx_ir.DataType.FLOAT16: '', onnx_ir.DataType.FLOAT: '.float32'}  # part of the name
_PAGE = 4096  # each tensor starts on one, so that a runtime can map it


@dataclass(frozen=True, slots=True)
class _Matrix:
    """A matrix of the graph, stored as (outputs, inputs)."""

    name: str
    tensor: onnx_ir.ExternalTensor
    computed: onnx_ir.DataType  # the precision it is multiplied in
    turned: onnx_ir.Node  # the Transpose
    product: onnx_ir.Node  # the MatMul

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs."""
        outputs, inputs = self.tensor.shape.numpy()
        return outputs, inputs


def quantize_weights(decoder: Path, weights: str) -> Path:
    """Write the graph with quantised matrices beside the one given; the path written.

    decoder: a fused graph of export_graphs, in float16 or float32, its weights beside it. weights:
    one of FORMATS. A float16 graph becomes decoder.int4.opset24.onnx; of a float32 one the name
    says so, and its codes and scales are the same. The same graph and weights give the same bytes.
    A matrix whose inputs no block divides
    (codes.block_of) stays as it is under int4. Raises BadModel and BadSetting.
    """
    if weights not in FORMATS:
        raise BadSetting('weights', weights, f'the formats are {", ".join(FORMATS)}')
    found = _load(decoder)
    chosen = [(one, _format_of(one, weights)) for one in _matrices(found.graph)]
    chosen = [(one, form) for one, form in chosen if form]
    if not chosen:
        raise BadModel(str(decoder), f'it holds no matrix that {weights} could store')
    computed = chosen[0][0].computed
    if computed not in _COMPUTED:
        raise BadModel(str(decoder), f'it computes in {computed.name}, not in float16 or float32')
    path = decoder.with_name(graph_file('decoder', f'{weights}{_COMPUTED[computed]}', 'fused'))
    data = path.with_name(path.name + '.data')
    with atomic_file(path) as unfinished_graph, atomic_file(data) as unfinished_data:
        with unfinished_data.open('wb') as stream:
            for one, form in chosen:
                _replace(found.graph, one, form, _Writer(stream, data))
        onnx_ir.save(found, unfinished_graph)
        # An older graph must not find the new data.
        path.unlink(missing_ok=True)
    _LOG.info('wrote %s, %d matrices in %s', path, len(chosen), data.name)
    return path


def _load(decoder: Path) -> onnx_ir.Model:
    try:
        found: onnx_ir.Model = onnx_ir.load(decoder)
    except Exception as err:  # protobuf's errors share no other base
        raise BadModel(str(decoder), f'cannot read the graph: {err}') from err
    if found.opset_imports.get('') != FORMS['fused']:
        raise BadModel(
            str(decoder),
            f'its opset is {found.opset_imports.get("")}, not {FORMS["fused"]}: only the fused '
            'graph can be quantised',
        )
    return found


def _matrices(graph: onnx_ir.Graph) -> Iterator[_Matrix]:
    """Every stored matrix that is multiplied with: MatMul(x, Transpose(stored, cast or not))."""
    for node in graph:
        turned = _behind(node, 1) if node.op_type == 'MatMul' else None
        if turned is None or turned.op_type != 'Transpose':
            continue
        cast = _behind(turned, 0)
        value, kept = turned.inputs[0], (turned if cast is None else cast).inputs[0]
        if value is None or kept is None or not value.name:
            continue
        tensor = kept.const_value
        if isinstance(tensor, onnx_ir.ExternalTensor) and len(tensor.shape) == 2:
            computed = tensor.dtype if cast is None else _type_of(cast)
            yield _Matrix(value.name, tensor, computed, turned, node)


def _behind(node: onnx_ir.Node, index: int) -> onnx_ir.Node | None:
    """What computes an input."""
    value = node.inputs[index]
    return None if value is None else value.producer()


def _type_of(cast: onnx_ir.Node) -> onnx_ir.DataType:
    return onnx_ir.DataType(cast.attributes['to'].as_int())


def _format_of(matrix: _Matrix, weights: str) -> str:
    """How a matrix is to be stored; '' as it is."""
    if matrix.name.startswith(HEAD):
        return _HEAD_FORMATS.get(weights, '')
    return '' if weights == 'int4' and not block_of(matrix.shape[1]) else weights


@dataclass(frozen=True, slots=True)
class _Writer:
    """Appends tensors to the file that will have the name `data`."""

    stream: BinaryIO
    data: Path

    def write(
        self, name: str, content: NDArray[Any], dtype: onnx_ir.DataType, shape: tuple[int, ...]
    ) -> onnx_ir.Value:
        """An initializer whose bytes are in the file."""
        self.stream.write(bytes(-self.stream.tell() % _PAGE))
        tensor = onnx_ir.ExternalTensor(
            self.data.name,
            self.stream.tell(),
            content.nbytes,
            dtype,
            shape=onnx_ir.Shape(shape),
            name=name,
            base_dir=self.data.parent,
        )
        content.tofile(self.stream)
        return onnx_ir.Value(
            name=name,
            shape=tensor.shape,
            type=onnx_ir.TensorType(dtype),
            const_value=tensor,
        )


def _replace(graph: onnx_ir.Graph, matrix: _Matrix, weights: str, writer: _Writer) -> None:
    """Put codes and scales in the place of a matrix, its Cast and its Transpose."""
    codes, computed, name = _encoded(matrix, weights), matrix.computed, matrix.name
    values = writer.write(
        f'{name}.codes', codes.packed(BITS[weights]), _STORED[weights], codes.values.shape
    )
    scale = codes.scales.astype(computed.numpy())
    scales = writer.write(f'{name}.scales', scale, computed, scale.shape)
    for one in (values, scales):
        graph.register_initializer(one)
    attributes: dict[str, Any] = {}
    if codes.block:
        attributes = {'axis': 0, 'block_size': codes.block}
    elif codes.scales.ndim:
        attributes = {'axis': 1}
    node = onnx_ir.node('DequantizeLinear', [values, scales], attributes)
    (whole,) = node.outputs
    whole.name, whole.type = f'{name}.dequantized', onnx_ir.TensorType(computed)
    whole.shape = onnx_ir.Shape(codes.values.shape)
    graph.insert_before(matrix.product, node)
    matrix.product.replace_input_with(1, whole)
    _drop(graph, matrix.turned)


def _drop(graph: onnx_ir.Graph, node: onnx_ir.Node) -> None:
    """Remove a node that nothing reads, and what only it read."""
    if any(one.uses() for one in node.outputs):
        return
    read = [one for one in node.inputs if one is not None]
    graph.remove(node, safe=True)
    for one in read:
        if (producer := one.producer()) is not None:
            _drop(graph, producer)
        elif one.name and not one.uses():
            graph.initializers.pop(one.name)


def _encoded(matrix: _Matrix, weights: str) -> Codes:
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
            return encode(rows, outputs, inputs, weights)
    except (OSError, ValueError) as err:
        raise BadModel(str(path), f'cannot quantise {matrix.name}: {err}') from err


if __name__ == '__main__':
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    parser = argparse.ArgumentParser(description='Store the matrices of a decoder in few bits.')
    parser.add_argument('decoder', type=Path)
    parser.add_argument('weights', choices=FORMATS)
    given = parser.parse_args()
    quantize_weights(given.decoder, given.weights)
