# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How long a build will take and how much it writes: guesses, made before anything was measured.

Measured: 18 s to export the 36 layers of the 4B on 2 CPU cores; 2 to 4 s a layer of its size to
build ahead of time with TensorRT-RTX, half a second a layer of the vision tower (tensorrt.md 0.4
and 1). An engine that is built on the GPU it runs on has its kernels timed too: not run yet.
"""

from __future__ import annotations

from collections.abc import Collection

from molmo_ground_ros.backends.molmo2 import memory
from molmo_ground_ros.backends.molmo2.memory import Model

CHECK = 'comparing with the reference'
CHECK_FRAMES = 4  # of the self-check's clip: selfcheck.SECONDS

Steps = tuple[tuple[str, float], ...]
"""What a step's name begins with, and guessed seconds."""

_EXPORT_S, _EXPORT_LAYER_S = 4.0, 0.4
_BUILD_LAYER_S, _BUILD_VISION_LAYER_S = 3.0, 0.6
_ROUNDED_A_SECOND = 3e7  # weights
_BYTES_A_SECOND = 3e8  # hashed
_OPERATIONS_A_SECOND = 3e10  # of the reference, on a CPU
_GRAPH_BYTES = 10 * 2**20  # of the exported graphs: they hold no weights
_KERNEL_BYTES = 64 * 2**20  # of a plan
_QUANTISED = ('int8', 'fp8', 'int4')


def exporting(part: str) -> str:
    """The step's name."""
    return f'exporting {part}'


def onnx_steps(sizes: Model, missing: Collection[str]) -> Steps:
    """Of a build for ONNX Runtime; missing: the graphs that are not there yet."""
    config = sizes.config
    layers = {'decoder': config.text.layers, 'vision': config.vision.layers}
    export = (
        (exporting(part), _export_s(layers[part]) if part in missing else 0.0) for part in layers
    )
    return (*export, (CHECK, _check_s(sizes)))


def tensorrt_steps(sizes: Model, dtype: str, *, runs_here: bool) -> Steps:
    """Of a build of engines: the steps of engines.build_engines, in its order."""
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


def disk_bytes(sizes: Model, backend: str, dtype: str) -> int:
    """What is written: graphs; of engines the two plans, and the quantised weights beside them."""
    if backend == 'onnx':
        return _GRAPH_BYTES
    nbytes = dict(memory.weights(sizes.config, dtype).parts)
    quantised = nbytes['decoder layers'] + nbytes['head'] if dtype in _QUANTISED else 0
    return sum(nbytes.values()) + 2 * _KERNEL_BYTES + quantised + _GRAPH_BYTES


def _export_s(layers: int) -> float:
    return _EXPORT_S + layers * _EXPORT_LAYER_S


def _check_s(sizes: Model) -> float:
    """A clip and two questions, read by two runtimes: two operations a weight and token."""
    config = sizes.config
    vision = memory.vision_weights(config) * config.vision.positions * CHECK_FRAMES
    tokens = CHECK_FRAMES * sizes.frame_tokens + memory.QUESTION_TOKENS
    return 2 * 2 * (_layer_weights(sizes) * tokens + vision) / _OPERATIONS_A_SECOND


def _layer_weights(sizes: Model) -> float:
    return dict(memory.weights(sizes.config, 'float32').parts)['decoder layers'] / 4
