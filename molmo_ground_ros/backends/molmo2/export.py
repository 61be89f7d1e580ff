# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Exports the graph to ONNX files beside a checkpoint's weights, which are not copied.

    python -m molmo_ground_ros.backends.molmo2.export FOLDER

The files hold the graph alone. Its weights are external data, i.e. byte ranges of the checkpoint's
own safetensors files, so exporting a model of any size reads none of them. If the graph computes in
another precision than a weight is stored in, a Cast follows the weight.

fused   opset 24, for ONNX Runtime and for TensorRT from 10.15 on
plain   opset 20, for programs that lack those operators
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
from molmo_ground_ros.backends.molmo2.formats import FLOAT_BYTES, SAFETENSORS
from molmo_ground_ros.backends.molmo2.load import empty_graphs, released_name
from molmo_ground_ros.backends.molmo2.ops import FUSED, PLAIN
from molmo_ground_ros.backends.molmo2.weights import (
    DECODER,
    VISION,
    StoredTensor,
    digest,
    read_index,
)
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.storage.atomic import atomic_file

_LOG = logging.getLogger(__name__)
# This logger warns that torchvision is missing, which our graph does not use.
_NOISE = 'torch.onnx._internal.exporter._registration'
_OPS = {'fused': FUSED, 'plain': PLAIN}
_TYPES = {
    'float32': onnx_ir.DataType.FLOAT,
    'float16': onnx_ir.DataType.FLOAT16,
    'bfloat16': onnx_ir.DataType.BFLOAT16,
}


@dataclass(frozen=True, slots=True)
class Part:
    """One graph, and what the exporter needs to know of it."""

    name: str
    released: Callable[[str], str]  # the name in the checkpoint of one of its tensors
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
    """Write the graphs of a checkpoint into its folder, and return their paths.

    dtype: the precision of the arithmetic, a key of formats.FLOAT_BYTES. form: a key of
    files.FORMS. Raises BadModel, and BackendError if torch's exporter fails.
    """
    written = []
    for part, onnx_model in graph_models(model, folder, dtype, form, parts):
        path = folder / graph_file(part, dtype, form)
        with atomic_file(path) as unfinished:
            onnx_ir.save(onnx_model, unfinished)
        _LOG.info('wrote %s', path)
        written.append(path)
    return written


def graph_models(
    model: str, folder: Path, dtype: str, form: str, parts: Sequence[str]
) -> Iterator[tuple[str, onnx_ir.Model]]:
    """The parts' names and graphs, as `export_graphs` writes them, which refer to the folder."""
    config = read_config(model, folder)
    decoder, vision, stored = empty_graphs(model, folder, config, _OPS[form])
    checkpoint_digest = digest(read_index(model, folder), config)
    precision: torch.dtype = getattr(torch, dtype)
    names = [partial(released_name, prefix=prefix) for prefix in (DECODER, VISION)]
    outputs = ('logits', 'tokens', 'logprobs')
    both_parts = (
        decoder_part(decoder, config, precision, outputs, names[0]),
        vision_part(vision, config, precision, ('features',), names[1]),
    )
    for part in (part for part in both_parts if part.name in parts):
        onnx_model = exported_model(part, stored, folder, dtype, form)
        onnx_model.metadata_props[DIGEST] = checkpoint_digest
        yield part.name, onnx_model


def exported_model(
    part: Part, stored: Mapping[str, StoredTensor], folder: Path, dtype: str, form: str
) -> onnx_ir.Model:
    """One graph as ONNX, whose weights refer to the checkpoint's files in the folder.

    stored: where each weight is, by its name in the checkpoint. Which checkpoint it is of is left
    to the caller to note.
    """
    onnx_model = _export(part, getattr(torch, dtype), FORMS[form])
    _refer_to_checkpoint(onnx_model, part, stored, folder, _TYPES[dtype])
    _drop_traces(onnx_model)
    onnx_model.metadata_props[VERSION] = str(EXPORT_VERSION)
    return onnx_model


def decoder_part(
    graph: nn.Module,
    config: Molmo2Config,
    dtype: torch.dtype,
    outputs: Sequence[str],
    released: Callable[[str], str],
) -> Part:
    """A decoder's graph with the inputs of `DecoderGraph`. outputs: without the caches."""
    text = config.text
    # No two sizes of the examples are equal, so the exporter cannot confuse them.
    tokens, rows, logit_tokens = 7, 19, 3
    layers = range(text.layers)
    dims = {name: torch.export.Dim(name) for name in ('tokens', CAPACITY, 'feature_rows', 'wanted')}
    token_axis, row_axis = {1: dims['tokens']}, {2: dims[CAPACITY]}

    def caches() -> list[Tensor]:
        return [torch.zeros((1, text.kv_heads, rows, text.head_dim), dtype=dtype) for _ in layers]

    inputs: dict[str, Any] = {
        'ids': torch.zeros((1, tokens), dtype=torch.long),
        'slots': torch.zeros((1, tokens), dtype=torch.long),
        'features': torch.zeros((5, text.hidden), dtype=dtype),
        'visual': torch.zeros((1, tokens), dtype=torch.bool),
        'seen_visual': torch.zeros((1, rows), dtype=torch.bool),
        'start': torch.zeros(1, dtype=torch.long),
        'wanted': torch.zeros(logit_tokens, dtype=torch.long),
        'keys': caches(),
        'values': caches(),
    }
    shapes = (
        *(token_axis, token_axis, {0: dims['feature_rows']}, token_axis, {1: dims[CAPACITY]}, None),
        *({0: dims['wanted']}, [row_axis for _ in layers], [row_axis for _ in layers]),
    )
    caches_out = [f'{name}_{i}' for name in ('key_out', 'value_out') for i in layers]
    return Part('decoder', released, graph, inputs, shapes, [*outputs, *caches_out])


def vision_part(
    graph: nn.Module,
    config: Molmo2Config,
    dtype: torch.dtype,
    outputs: Sequence[str],
    released: Callable[[str], str],
) -> Part:
    """A tower's graph with the inputs of `VisionGraph`."""
    vision = config.vision
    inputs = {
        'patches': torch.zeros((2, vision.positions, vision.patch_values), dtype=dtype),
        'pooling': torch.zeros((3, 4), dtype=torch.long),
    }
    dims = [torch.export.Dim(name) for name in ('frames', 'tokens', 'window')]
    shapes = ({0: dims[0]}, {0: dims[1], 1: dims[2]})
    return Part('vision', released, graph, inputs, shapes, list(outputs))


def _export(part: Part, dtype: torch.dtype, opset: int) -> onnx_ir.Model:
    """The graph as ONNX. Its weights have names and sizes, but no meaningful values yet."""
    graph = part.graph.to(dtype).to_empty(device='cpu').requires_grad_(False).eval()
    names: list[str] = []
    for name, example in part.inputs.items():
        count = len(example) if isinstance(example, list) else None
        names += [name] if count is None else [f'{name[:-1]}_{i}' for i in range(count)]
    logging.getLogger(_NOISE).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # torch warns of its own code.
        warnings.simplefilter('ignore')
        program = torch.onnx.export(
            graph,
            tuple(part.inputs.values()),
            dynamo=True,
            opset_version=opset,
            dynamic_shapes=part.shapes,
            input_names=names,
            output_names=part.outputs,
            # The optimizer would rename the weights.
            optimize=False,
            verbose=False,
        )
    # torch documents None only for exports that it writes to a file itself.
    if program is None:
        raise BackendError('torch gave no ONNX program')
    model: onnx_ir.Model = program.model
    return model


def _drop_traces(model: onnx_ir.Model) -> None:
    """Remove the exporter's notes on its own run: names and lines of files on this machine."""
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    for node in model.graph:
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()


def _refer_to_checkpoint(
    model: onnx_ir.Model,
    part: Part,
    stored: Mapping[str, StoredTensor],
    folder: Path,
    computed: onnx_ir.DataType,
) -> None:
    """Make every weight refer to its bytes in the checkpoint's files."""
    for name in _weights(model, part.graph):
        where = stored[part.released(name)]
        value = model.graph.initializers[name]
        tensor = onnx_ir.ExternalTensor(
            where.file.name,
            where.start,
            where.nbytes,
            _TYPES[SAFETENSORS[where.dtype]],
            shape=onnx_ir.Shape(where.shape),
            name=name,
            base_dir=folder,
        )
        if _TYPES[SAFETENSORS[where.dtype]] == computed:
            value.const_value = tensor
        else:
            _cast(model.graph, value, tensor, computed)


def _weights(model: onnx_ir.Model, graph: nn.Module) -> Iterable[str]:
    names = graph.state_dict().keys()
    if lost := sorted(names - model.graph.initializers.keys()):
        raise BackendError(f'the exporter lost the weight {lost[0]}')
    return list(names)


def _cast(
    graph: onnx_ir.Graph,
    value: onnx_ir.Value,
    tensor: onnx_ir.ExternalTensor,
    computed: onnx_ir.DataType,
) -> None:
    """Replace a weight by the stored tensor followed by a Cast."""
    name = value.name or ''
    tensor.name = f'{name}.stored'
    stored = onnx_ir.Value(
        name=tensor.name,
        shape=value.shape,
        type=onnx_ir.TensorType(tensor.dtype),
        const_value=tensor,
    )
    graph.initializers.pop(name)
    graph.register_initializer(stored)
    node = onnx_ir.node('Cast', [stored], {'to': computed})
    node.outputs[0].name = name
    node.outputs[0].shape, node.outputs[0].type = value.shape, value.type
    graph.insert_before(graph[0], node)
    onnx_ir.convenience.replace_all_uses_with(value, node.outputs[0])


if __name__ == '__main__':
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    parser = argparse.ArgumentParser(description='Write the ONNX graphs of a checkpoint.')
    parser.add_argument('folder', type=Path)
    parser.add_argument('--dtype', default='float32', choices=tuple(FLOAT_BYTES))
    parser.add_argument('--form', default='fused', choices=sorted(FORMS))
    arguments = parser.parse_args()
    export_graphs(str(arguments.folder), arguments.folder, arguments.dtype, arguments.form)
