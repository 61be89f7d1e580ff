# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Opens exported graphs in ONNX Runtime, on the CPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnxruntime

from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.exported import GraphState, graph_state
from molmo_ground_ros.backends.molmo2.files import FORMS, graph_file
from molmo_ground_ros.backends.molmo2.formats import CPU
from molmo_ground_ros.backends.molmo2.runtimes.denormals import flush_denormals
from molmo_ground_ros.errors import BackendError, BadModel

# Activations of an engine's matrices stay as they are: by default they are rounded to int8. Those
# of MatMulNBits, which graphs for this CPU name themselves, follow the graph.
_LEVEL = ('session.qdq_matmulnbits_accuracy_level', '1')
# For the threads of its pool: each sets this anew when it starts.
_FLUSH = ('session.set_denormal_as_zero', '1')
# A session's threads spin when it has no more work, on the cores that the other one needs then.
_STOP = ('session.force_spinning_stop', '1')
_EXPORT = 'molmo-ground build --backend onnx'
_ERRORS = 3  # severity: ONNX Runtime warns of folded constants


def find_graph(checkpoint: Checkpoint, part: str, dtype: str, form: str = '') -> Path:
    """The graph's file in the checkpoint's folder. Raises BadModel, saying how to write it.

    form: a key of files.FORMS; '' takes the best one that exists.
    """
    names = [graph_file(part, dtype, form_name) for form_name in ([form] if form else FORMS)]
    paths = [checkpoint.folder / name for name in names if (checkpoint.folder / name).is_file()]
    if not paths:
        raise BadModel(
            checkpoint.model,
            f'{names[0]} is not in {checkpoint.folder}: write it with '
            f'{_EXPORT} --dtype {dtype.removesuffix(CPU)} {checkpoint.folder}',
        )
    return paths[0]


def open_session(model: str, path: Path, checkpoint_digest: str, threads: int) -> Any:
    """The session of a graph's file. Raises BadModel, saying how to write it."""
    state = graph_state(path, checkpoint_digest)
    if state is GraphState.DAMAGED:
        raise BadModel(model, f'cannot load {path.name}: it is damaged, or its weights are')
    if state is GraphState.FOREIGN:
        raise BadModel(
            model,
            f'{path.name} was exported from other weights: write it again with '
            f'{_EXPORT} {path.parent}',
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _ERRORS
    options.add_session_config_entry(*_LEVEL)
    options.add_session_config_entry(*_FLUSH)
    options.add_session_config_entry(*_STOP)
    try:
        # The switch above would leave this thread changed for good.
        with flush_denormals():
            session = onnxruntime.InferenceSession(
                str(path), options, providers=['CPUExecutionProvider']
            )
    except Exception as err:
        # ONNX Runtime's errors share no other base.
        reason = str(err).strip().split('\n')[0]
        raise BadModel(model, f'cannot load {path.name}: {reason}') from err
    return session


@contextlib.contextmanager
def guarded_run(doing: str) -> Iterator[None]:
    """Turn whatever ONNX Runtime raises into BackendError. doing: what the block does."""
    try:
        yield
    except Exception as err:
        # ONNX Runtime's errors share no other base.
        reason = str(err).strip().split('\n')[0]
        raise BackendError(f'{doing}: {type(err).__name__}: {reason}') from err
