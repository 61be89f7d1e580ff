# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Guesses how long a build will take and how many bytes it writes, before the build begins.

The rates below come from these measurements: exporting the 36 layers of the 4B model takes 18 s on
2 CPU cores; building ahead of time with TensorRT-RTX takes 2 to 4 s a layer of that size, and half
a second a layer of the vision tower (tensorrt.md 0.4 and 1). A build on the GPU that will run the
engine also times its kernels; that was not measured yet.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from molmo_ground_ros.backends.molmo2 import memory
from molmo_ground_ros.backends.molmo2.memory import ModelSizes
from molmo_ground_ros.errors import size

CHECK = 'comparing with the reference'
# Frames of the self-check's clip: the length of `selfcheck.SECONDS`.
CHECK_FRAMES = 4

Steps = tuple[tuple[str, float], ...]
"""For each step, what its name begins with, and its guessed length in seconds."""

_EXPORT_S, _EXPORT_LAYER_S = 4.0, 0.4
_BUILD_LAYER_S, _BUILD_VISION_LAYER_S = 3.0, 0.6
# Weights that are quantised a second.
_ROUNDED_A_SECOND = 3e7
# Bytes of weights that are read and hashed a second.
_BYTES_A_SECOND = 3e8
# Operations a second of the reference runtime on a CPU.
_OPERATIONS_A_SECOND = 3e10
# The exported graphs hold no weights.
_GRAPH_BYTES = 10 * 2**20
# The compiled kernels in one plan.
_KERNEL_BYTES = 64 * 2**20
_QUANTISED = ('int8', 'fp8', 'int4')


def exporting(part: str) -> str:
    """The name of the step that exports a part of the model: 'decoder' or 'vision'."""
    return f'exporting {part}'


def onnx_steps(sizes: ModelSizes, missing: Collection[str]) -> Steps:
    """The steps of a build for ONNX Runtime; missing: the parts whose graphs must be exported."""
    config = sizes.config
    layers = {'decoder': config.text.layers, 'vision': config.vision.layers}
    export = (
        (exporting(part), _export_s(layers[part]) if part in missing else 0.0) for part in layers
    )
    return (*export, (CHECK, _check_s(sizes)))


def tensorrt_steps(sizes: ModelSizes, dtype: str, *, runs_here: bool) -> Steps:
    """The steps of `engines.build_engines`, in its order; runs_here: it ends with a self-check."""
    config = sizes.config
    nbytes = dict(memory.weights(config, dtype).parts)
    rounding = _layer_weights(sizes) / _ROUNDED_A_SECOND if dtype in _QUANTISED else 0.0
    return (
        ('exporting', _export_s(config.text.layers) + _export_s(config.vision.layers)),
        ('quantising', rounding),
        ('reading the weights of vision', nbytes['vision'] / _BYTES_A_SECOND),
        ('building vision', config.vision.layers * _BUILD_VISION_LAYER_S),
        ('reading the weights of decoder', sum(nbytes.values()) / _BYTES_A_SECOND),
        ('building decoder', config.text.layers * _BUILD_LAYER_S),
        *([(CHECK, _check_s(sizes))] if runs_here else []),
    )


def disk_bytes(sizes: ModelSizes, backend: str, dtype: str) -> int:
    """Bytes that a build writes: graphs, or two plans and the quantised weights beside them."""
    if backend == 'onnx':
        return _GRAPH_BYTES
    nbytes = dict(memory.weights(sizes.config, dtype).parts)
    quantised = nbytes['decoder layers'] + nbytes['head'] if dtype in _QUANTISED else 0
    return sum(nbytes.values()) + 2 * _KERNEL_BYTES + quantised + _GRAPH_BYTES


def on_cpu(folder: Path, free: int) -> tuple[bool, str]:
    """Whether a checkpoint runs on a CPU with so many free bytes, and what fits in which format.

    Raises BadModel.
    """
    from molmo_ground_ros.backends.base import BackendSettings
    from molmo_ground_ros.backends.molmo_point.checkpoint import open_any

    return cpu_formats(open_any(BackendSettings(str(folder))).sizes, free)


def cpu_formats(sizes: ModelSizes, free: int) -> tuple[bool, str]:
    """Whether a model of these sizes fits, and what fits in which format.

    Nothing here runs a quantised model on a CPU: int4, int8 and fp8 are for engines.
    """
    formats = (('torch', 'bfloat16', True), ('torch', 'float32', True), ('onnx', 'float32', False))
    windows = [
        memory.longest_window(sizes, dtype, free, fused=fused) for _, dtype, fused in formats
    ]
    words = [
        f'{backend} in {dtype} ({size(memory.weights(sizes.config, dtype).total)} of weights) '
        + (f'fits {window:g} s' if window else 'does not fit')
        for (backend, dtype, _), window in zip(formats, windows, strict=True)
    ]
    return any(windows), '; '.join(words)


def _export_s(layers: int) -> float:
    return _EXPORT_S + layers * _EXPORT_LAYER_S


def _check_s(sizes: ModelSizes) -> float:
    """Two runtimes read the self-check's clip: two operations for each weight and token."""
    config = sizes.config
    vision = memory.vision_weights(config) * config.vision.positions * CHECK_FRAMES
    tokens = CHECK_FRAMES * sizes.frame_tokens + memory.QUESTION_TOKENS
    return 2 * 2 * (_layer_weights(sizes) * tokens + vision) / _OPERATIONS_A_SECOND


def _layer_weights(sizes: ModelSizes) -> float:
    return dict(memory.weights(sizes.config, 'float32').parts)['decoder layers'] / 4
