# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint's graphs as engines are built from them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.exported import GraphState, state
from molmo_ground_ros.backends.molmo2.files import PARTS, graph_file
from molmo_ground_ros.backends.molmo2.trt.content import sha256
from molmo_ground_ros.backends.molmo2.trt.plans import ENGINES, file_contents
from molmo_ground_ros.backends.molmo2.trt.precision import computed
from molmo_ground_ros.backends.molmo2.trt.profiles import DECODER
from molmo_ground_ros.backends.molmo2.weights import digest, read_index
from molmo_ground_ros.errors import MissingPackage
from molmo_ground_ros.storage.atomic import write_atomically


def prepare(
    checkpoint: Checkpoint, dtype: str, capacity: int, on_step: Callable[[str, int, int], None]
) -> dict[str, Path]:
    """The graph of each part, in the format and with the capacity that are wanted.

    What is there already is not made again, but for the graph of a capacity, which takes no time.
    """
    on_step('exporting the graphs', 0, 1)
    graphs = whole(checkpoint, computed(dtype))
    on_step('exporting the graphs', 1, 1)
    if computed(dtype) != dtype:
        name = f'quantising to {dtype}'
        on_step(name, 0, 1)
        graphs[DECODER] = _quantised(checkpoint.folder, graphs[DECODER], dtype)
        on_step(name, 1, 1)
    with exporter():
        from molmo_ground_ros.backends.molmo2.capacity import fix_capacity
    graphs[DECODER] = fix_capacity(graphs[DECODER], capacity)
    return graphs


def whole(checkpoint: Checkpoint, dtype: str) -> dict[str, Path]:
    """The graph of each part as it is exported, for any capacity."""
    model, folder = checkpoint.model, checkpoint.folder
    layout = digest(read_index(model, folder), checkpoint.config)
    graphs = {part: folder / graph_file(part, dtype, 'fused') for part in PARTS}
    lacking = [
        part for part, path in graphs.items() if state(path, layout) is not GraphState.CURRENT
    ]
    if lacking:
        with exporter():
            from molmo_ground_ros.backends.molmo2.export import export_graphs
        export_graphs(model, folder, dtype, parts=lacking)
    return graphs


def _quantised(folder: Path, decoder: Path, weights: str) -> Path:
    """The quantised graph; made anew unless it is what this graph and these weights gave before.

    That is noted beside the plans, with a hash of the code that does it.
    """
    with exporter():
        from molmo_ground_ros.backends.molmo2 import codes, quantize
        from molmo_ground_ros.backends.molmo2.trt.graph_file import files_of
    code = [sha256(Path(str(one.__file__))) for one in (quantize, codes)]
    name = graph_file(DECODER, weights, 'fused')
    note = folder / ENGINES / f'{name}.note'
    read = file_contents(folder, files_of(decoder))
    if (folder / name).is_file() and note.is_file():
        made = {'code': code, 'read': read, 'gave': file_contents(folder, files_of(folder / name))}
        if note.read_text(encoding='utf-8') == json.dumps(made):
            return folder / name
    path = quantize.quantize_weights(decoder, weights)
    made = {'code': code, 'read': read, 'gave': file_contents(folder, files_of(path))}
    write_atomically(note, json.dumps(made).encode())
    return path


@contextlib.contextmanager
def exporter() -> Iterator[None]:
    """For imports of what needs the exporter's packages: names the extra where one is missing."""
    try:
        yield
    except ModuleNotFoundError as err:
        raise MissingPackage((err.name or 'onnx').partition('.')[0], 'export') from err
