# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Prepares the ONNX graphs that a checkpoint's engines are built from."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.exported import GraphState, graph_state
from molmo_ground_ros.backends.molmo2.files import PARTS, graph_file
from molmo_ground_ros.backends.molmo2.formats import compute_dtype
from molmo_ground_ros.backends.molmo2.trt.content import sha256
from molmo_ground_ros.backends.molmo2.trt.plans import ENGINES, checkpoint_hashes
from molmo_ground_ros.backends.molmo2.trt.profiles import DECODER
from molmo_ground_ros.backends.molmo2.weights import digest, read_index
from molmo_ground_ros.errors import MissingPackage
from molmo_ground_ros.storage.atomic import write_atomically


def prepare_graphs(
    checkpoint: Checkpoint, dtype: str, capacity: int, on_step: Callable[[str, int, int], None]
) -> dict[str, Path]:
    """The path of each part's graph, by part, with weights in format `dtype` and that capacity.

    on_step gets the name of a step, and how many of how many parts of it are done. Graphs that
    exist and are current are used again. Only the graph of a fixed capacity is always written: it
    takes no time. Raises BadModel, BackendError, MissingPackage and OSError.
    """
    on_step('exporting the graphs', 0, 1)
    graphs = export_missing(checkpoint, compute_dtype(dtype))
    on_step('exporting the graphs', 1, 1)
    if compute_dtype(dtype) != dtype:
        name = f'quantising to {dtype}'
        on_step(name, 0, 1)
        graphs[DECODER] = _quantised(checkpoint.folder, graphs[DECODER], dtype)
        on_step(name, 1, 1)
    with export_extra():
        from molmo_ground_ros.backends.molmo2.capacity import fix_capacity
    graphs[DECODER] = fix_capacity(graphs[DECODER], capacity)
    return graphs


def export_missing(checkpoint: Checkpoint, dtype: str) -> dict[str, Path]:
    """The path of each part's exported graph, for any capacity; exports those that are not current.

    dtype: the precision that the graph computes in. Raises BadModel, BackendError, MissingPackage.
    """
    model, folder = checkpoint.model, checkpoint.folder
    layout = digest(read_index(model, folder), checkpoint.config)
    graphs = {part: folder / graph_file(part, dtype, 'fused') for part in PARTS}
    lacking = [
        part for part, path in graphs.items() if graph_state(path, layout) is not GraphState.CURRENT
    ]
    if lacking:
        with export_extra():
            from molmo_ground_ros.backends.molmo2.export import export_graphs
        export_graphs(model, folder, dtype, parts=lacking)
    return graphs


def _quantised(folder: Path, decoder: Path, weights: str) -> Path:
    """The path of the quantised graph.

    It is written only if the graph, its weights or the code that quantises them have changed. Their
    hashes, and those of the result, are in a note beside the plans.
    """
    with export_extra():
        from molmo_ground_ros.backends.molmo2 import codes, formats, matrices, quantize
        from molmo_ground_ros.backends.molmo2.trt.graph_file import graph_and_weight_files
    code = [sha256(Path(str(module.__file__))) for module in (quantize, matrices, codes, formats)]
    name = graph_file(DECODER, weights, 'fused')
    note = folder / ENGINES / f'{name}.note'
    read = checkpoint_hashes(folder, graph_and_weight_files(decoder))

    def hashes() -> str:
        written = checkpoint_hashes(folder, graph_and_weight_files(folder / name))
        return json.dumps({'code': code, 'read': read, 'gave': written})

    unchanged = (
        (folder / name).is_file()
        and note.is_file()
        and note.read_text(encoding='utf-8') == hashes()
    )
    if unchanged:
        return folder / name
    path = quantize.quantize_weights(decoder, weights)
    write_atomically(note, hashes().encode())
    return path


@contextlib.contextmanager
def export_extra() -> Iterator[None]:
    """Imports in this block need the extra `export`; a missing package raises MissingPackage."""
    try:
        yield
    except ModuleNotFoundError as err:
        raise MissingPackage((err.name or 'onnx').partition('.')[0], 'export') from err
