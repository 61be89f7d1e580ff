# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint's graphs as engines are built from them. What needs the exporter comes by name."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.exported import State, state
from molmo_ground_ros.backends.molmo2.files import PARTS, graph_file
from molmo_ground_ros.backends.molmo2.trt.content import sha256, write_whole
from molmo_ground_ros.backends.molmo2.trt.formats import computed
from molmo_ground_ros.backends.molmo2.trt.plans import ENGINES, file_contents
from molmo_ground_ros.backends.molmo2.trt.profiles import DECODER
from molmo_ground_ros.backends.molmo2.weights import digest, read_index
from molmo_ground_ros.errors import MissingPackage

_PACKAGE = 'molmo_ground_ros.backends.molmo2'


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
    graphs[DECODER] = needed('capacity').fix_capacity(graphs[DECODER], capacity)
    return graphs


def whole(checkpoint: Checkpoint, dtype: str) -> dict[str, Path]:
    """The graph of each part as it is exported, for any capacity."""
    model, folder = checkpoint.model, checkpoint.folder
    layout = digest(read_index(model, folder), checkpoint.config)
    graphs = {part: folder / graph_file(part, dtype, 'fused') for part in PARTS}
    lacking = [part for part, path in graphs.items() if state(path, layout) is not State.CURRENT]
    if lacking:
        needed('export').export_graphs(model, folder, dtype, parts=lacking)
    return graphs


def _quantised(folder: Path, decoder: Path, weights: str) -> Path:
    """The quantised graph; made anew unless it is what this graph and these weights gave before.

    That is noted beside the plans, with a hash of the code that does it.
    """
    code = [sha256(Path(needed(name).__file__)) for name in ('quantize', 'codes')]
    files_of = needed('trt.graph_file').files_of
    name = graph_file(DECODER, weights, 'fused')
    note = folder / ENGINES / f'{name}.note'
    read = file_contents(folder, files_of(decoder))
    if (folder / name).is_file() and note.is_file():
        made = {'code': code, 'read': read, 'gave': file_contents(folder, files_of(folder / name))}
        if note.read_text(encoding='utf-8') == json.dumps(made):
            return folder / name
    path: Path = needed('quantize').quantize_weights(decoder, weights)
    made = {'code': code, 'read': read, 'gave': file_contents(folder, files_of(path))}
    write_whole(note, json.dumps(made).encode())
    return path


def needed(module: str) -> Any:
    """A module that needs the exporter's packages."""
    try:
        return importlib.import_module(f'{_PACKAGE}.{module}')
    except ModuleNotFoundError as err:
        raise MissingPackage((err.name or 'onnx').partition('.')[0], 'export') from err
