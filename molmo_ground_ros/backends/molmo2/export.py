# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The graph to ONNX files beside a checkpoint's weights, which stay where they are.

    python -m molmo_ground_ros.backends.molmo2.export FOLDER

The files hold the graph alone; its weights are external data, i.e. byte ranges of the checkpoint's
own safetensors, so a full-size export reads none of them. Where the graph computes in another
precision than the file is in, a Cast follows the weight.

fused   opset 24, for ONNX Runtime and for TensorRT from 10.15 on
plain   opset 20, for what lacks those operators
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir
import torch
from torch import Tensor, nn

from molmo_ground_ros.backends.molmo2.config import Molmo2Config, read_config
from molmo_ground_ros.backends.molmo2.files import (
    CAPACITY,
    DIGEST,
    EXPORT_VERSION,
    FORMS,
    PARTS,
    VERSION,
    graph_file,
)
from molmo_ground_ros.backends.molmo2.load import empty_graphs, released_name
from molmo_ground_ros.backends.molmo2.ops import FUSED, PLAIN
from molmo_ground_ros.backends.molmo2.weights import (
    DECODER,
    VISION,
    StoredTensor,
    digest,
    read_index,
)
from molmo_ground_ros.storage.atomic import atomic_file

_LOG = logging.getLogger(__name__)
_NOISE = 'torch.onnx._internal.exporter._registration'  # it misses torchvision, we do not
_OPS = {'fused': FUSED, 'plain': PLAIN}
_TYPES = {'F32': onnx_ir.DataType.FLOAT, 'BF16': onnx_ir.DataType.BFLOAT16}
_TYPES |= {'F16': onnx_ir.DataType.FLOAT16}
_TO = {torch.float32: _TYPES['F32'], torch.bfloat16: _TYPES['BF16'], torch.float16: _TYPES['F16']}


@dataclass(frozen=True, slots=True)
class _Part:
    """One graph, and what the exporter is told of it."""

    name: str
    prefix: str  # of its tensors' names in the checkpoint
    graph: nn.Module
    inputs: dict[str, Any]  # examples, by name
    shapes: tuple[Any, ...]  # which of their sizes may change
    outputs: list[str]


def export_graphs(
    model: str,
    folder: Path,
    dtype: str = 'float32',
    form: str = 'fused',
    parts: Sequence[str] = PARTS,
) -> list[Path]:
    """Write the graphs of a checkpoint into its folder. Raises BadModel.

    dtype: 'float32', 'float16' or 'bfloat16', the precision that is computed in.
    """
    config = read_config(model, folder)
    decoder, vision, stored = empty_graphs(model, folder, config, _OPS[form])
    mark = digest(read_index(model, folder), config)
    precision: torch.dtype = getattr(torch, dtype)
    both = (_decoder(decoder, config, precision), _vision(vision, config, precision))
    written = []
    for part in (one for one in both if one.name in parts):
        found = _traced(part, precision, FORMS[form])
        _leave_weights(found, part, stored, folder, _TO[precision])
        _forget_traces(found)
        found.metadata_props[DIGEST] = mark
        found.metadata_props[VERSION] = str(EXPORT_VERSION)
        path = folder / graph_file(part.name, dtype, form)
        with atomic_file(path) as unfinished:
            onnx_ir.save(found, unfinished)
        _LOG.info('wrote %s', path)
        written.append(path)
    return written


def _decoder(graph: nn.Module, config: Molmo2Config, dtype: torch.dtype) -> _Part:
    text, (tokens, rows, wanted) = config.text, (7, 19, 3)  # no two sizes of the examples alike
    layers = range(text.layers)
    named = {
        name: torch.export.Dim(name) for name in ('tokens', CAPACITY, 'feature_rows', 'wanted')
    }
    one, many = {1: named['tokens']}, {2: named[CAPACITY]}

    def caches() -> list[Tensor]:
        return [torch.zeros((1, text.kv_heads, rows, text.head_dim), dtype=dtype) for _ in layers]

    inputs: dict[str, Any] = {
        'ids': torch.zeros((1, tokens), dtype=torch.long),
        'slots': torch.zeros((1, tokens), dtype=torch.long),
        'features': torch.zeros((5, text.hidden), dtype=dtype),
        'visual': torch.zeros((1, tokens), dtype=torch.bool),
        'seen_visual': torch.zeros((1, rows), dtype=torch.bool),
        'start': torch.zeros(1, dtype=torch.long),
        'wanted': torch.zeros(wanted, dtype=torch.long),
        'keys': caches(),
        'values': caches(),
    }
    shapes = (
        *(one, one, {0: named['feature_rows']}, one, {1: named[CAPACITY]}, None),
        *({0: named['wanted']}, [many for _ in layers], [many for _ in layers]),
    )
    outputs = ['logits', 'tokens', 'logprobs']
    outputs += [f'{name}_{i}' for name in ('key_out', 'value_out') for i in layers]
    return _Part('decoder', DECODER, graph, inputs, shapes, outputs)


def _vision(graph: nn.Module, config: Molmo2Config, dtype: torch.dtype) -> _Part:
    vision = config.vision
    inputs = {
        'patches': torch.zeros((2, vision.positions, vision.patch_values), dtype=dtype),
        'pooling': torch.zeros((3, 4), dtype=torch.long),
    }
    named = [torch.export.Dim(name) for name in ('frames', 'tokens', 'window')]
    shapes = ({0: named[0]}, {0: named[1], 1: named[2]})
    return _Part('vision', VISION, graph, inputs, shapes, ['features'])


def _traced(part: _Part, dtype: torch.dtype, opset: int) -> onnx_ir.Model:
    """The graph as ONNX, with tensors that have sizes and no memory behind them yet."""
    graph = part.graph.to(dtype).to_empty(device='cpu').requires_grad_(False).eval()
    names: list[str] = []
    for name, given in part.inputs.items():
        count = len(given) if isinstance(given, list) else None
        names += [name] if count is None else [f'{name[:-1]}_{i}' for i in range(count)]
    logging.getLogger(_NOISE).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch warns of its own code
        program = torch.onnx.export(
            graph,
            tuple(part.inputs.values()),
            dynamo=True,
            opset_version=opset,
            dynamic_shapes=part.shapes,
            input_names=names,
            output_names=part.outputs,
            optimize=False,  # or weights lose their names
            verbose=False,
        )
    if program is None:  # only where a file is written, says torch
        raise RuntimeError('torch gave no ONNX program')
    found: onnx_ir.Model = program.model
    return found


def _forget_traces(found: onnx_ir.Model) -> None:
    """Drop what the exporter notes of its own run: file names and lines of this machine."""
    found.metadata_props.clear()
    found.graph.metadata_props.clear()
    for node in found.graph:
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*found.graph.inputs, *found.graph.initializers.values()):
        value.metadata_props.clear()


def _leave_weights(
    found: onnx_ir.Model,
    part: _Part,
    stored: Mapping[str, StoredTensor],
    folder: Path,
    computed: onnx_ir.DataType,
) -> None:
    """Point every weight to its bytes in the checkpoint."""
    for name in _weights(found, part.graph):
        where = stored[released_name(name, part.prefix)]
        value = found.graph.initializers[name]
        tensor = onnx_ir.ExternalTensor(
            where.file.name,
            where.start,
            where.nbytes,
            _TYPES[where.dtype],
            shape=onnx_ir.Shape(where.shape),
            name=name,
            base_dir=folder,
        )
        if _TYPES[where.dtype] == computed:
            value.const_value = tensor
        else:
            _cast(found.graph, value, tensor, computed)


def _weights(found: onnx_ir.Model, graph: nn.Module) -> Iterable[str]:
    names = graph.state_dict().keys()
    if lost := sorted(names - found.graph.initializers.keys()):
        raise RuntimeError(f'the exporter lost the weight {lost[0]}')
    return list(names)


def _cast(
    graph: onnx_ir.Graph,
    value: onnx_ir.Value,
    tensor: onnx_ir.ExternalTensor,
    computed: onnx_ir.DataType,
) -> None:
    """Replace a weight by the stored one and a Cast behind it."""
    name = value.name or ''
    tensor.name = f'{name}.stored'
    kept = onnx_ir.Value(
        name=tensor.name,
        shape=value.shape,
        type=onnx_ir.TensorType(tensor.dtype),
        const_value=tensor,
    )
    graph.initializers.pop(name)
    graph.register_initializer(kept)
    node = onnx_ir.node('Cast', [kept], {'to': computed})
    node.outputs[0].name = name
    node.outputs[0].shape, node.outputs[0].type = value.shape, value.type
    graph.insert_before(graph[0], node)
    onnx_ir.convenience.replace_all_uses_with(value, node.outputs[0])


if __name__ == '__main__':
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    parser = argparse.ArgumentParser(description='Write the ONNX graphs of a checkpoint.')
    parser.add_argument('folder', type=Path)
    parser.add_argument('--dtype', default='float32', choices=['float32', 'float16', 'bfloat16'])
    parser.add_argument('--form', default='fused', choices=sorted(FORMS))
    given = parser.parse_args()
    export_graphs(str(given.folder), given.folder, given.dtype, given.form)
