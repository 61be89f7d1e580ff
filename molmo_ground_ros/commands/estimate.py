# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Guesses how long a build will take and how many bytes it writes, before the build begins.

The rates below come from these measurements: exporting the 36 layers of the 4B model takes 18 s on
2 CPU cores; building ahead of time with TensorRT-RTX takes 2 to 4 s a layer of that size, and half
a second a layer of the vision tower (tensorrt.md 0.4 and 1). A build on the GPU that will run the
engine also times its kernels; that was not measured yet.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from molmo_ground_ros.backends.checkpoint import is_molmo_point
from molmo_ground_ros.backends.molmo2 import memory, weight_counts
from molmo_ground_ros.backends.molmo2.files import PARTS
from molmo_ground_ros.backends.molmo2.formats import CPU, CPU_FORMATS, HEAD_FORMATS, cpu_format
from molmo_ground_ros.backends.molmo2.memory import ModelSizes
from molmo_ground_ros.errors import size

CHECK = 'comparing with the reference'
# The file of rounded weights that engines are built from.
ROUNDED = 'rounded weights'
# Frames of the self-check's clip: the length of `selfcheck.SECONDS`.
CHECK_FRAMES = 4

Steps = tuple[tuple[str, float], ...]
"""For each step, what its name begins with, and its guessed length in seconds."""

_EXPORT_S, _EXPORT_LAYER_S = 4.0, 0.4
_BUILD_LAYER_S, _BUILD_VISION_LAYER_S = 3.0, 0.6
# Weights that are quantised a second.
_ROUNDED_A_SECOND = 3e7
# Weights that the reference of rounded graphs restores a second, and the passes that do it.
_RESTORED_A_SECOND, _CHECK_PASSES = 2e8, 7
# Bytes of weights that are read and hashed a second.
_BYTES_A_SECOND = 3e8
# Operations a second of the reference runtime on a CPU.
_OPERATIONS_A_SECOND = 3e10
# Memory of torch with its exporter and of ONNX Runtime, without any weights.
_EXPORTER_BYTES = 6 * 10**8
# How many times TensorRT-RTX holds the weights of a decoder while it builds. A random Molmo2-4B
# took 8.5 to 9.8 GB in int4 (3.0 GB of weights), 11.0 to 12.3 GB in int8 and 11.0 GB in fp8 (5.2 GB
# each): 2.0 to 3.0 times (2 cores, 2026-11-27).
_WEIGHTS_HELD = 2.5
# The exported graphs hold no weights.
_GRAPH_BYTES = 10 * 2**20
# The compiled kernels in one plan.
_KERNEL_BYTES = 64 * 2**20
_QUANTISED = ('int8', 'fp8', 'int4')


def exporting(part: str) -> str:
    """The name of the step that exports a part of the model, 'decoder' for example."""
    return f'exporting {part}'


def onnx_steps(
    sizes: ModelSizes, dtype: str, missing: Collection[str], parts: Sequence[str] = PARTS
) -> Steps:
    """The steps of a build for ONNX Runtime; missing: the parts whose graphs must be written."""
    config = sizes.config
    layers = {'decoder': config.text.layers, 'vision': config.vision.layers}
    rounding = dict.fromkeys(layers, 0.0)
    check = _check_s(sizes)
    if dtype.endswith(CPU):
        weights = {'decoder': _layer_weights(sizes), 'vision': weight_counts.vision_weights(config)}
        rounding = {part: count / _ROUNDED_A_SECOND for part, count in weights.items()}
        check += sum(weights.values()) * _CHECK_PASSES / _RESTORED_A_SECOND
    written = (
        (
            exporting(part),
            _export_s(layers.get(part, 0)) + rounding.get(part, 0.0) if part in missing else 0.0,
        )
        for part in parts
    )
    return (*written, (CHECK, check))


def tensorrt_steps(
    sizes: ModelSizes, dtype: str, there: Collection[str] = frozenset(), *, runs_here: bool
) -> Steps:
    """The steps of `engines.build_engines`, in its order.

    there: as in `disk_bytes`; that takes no time. runs_here: it ends with a self-check.
    """
    config = sizes.config
    nbytes = dict(memory.weights(sizes.config, dtype).parts)
    rounding = _layer_weights(sizes) / _ROUNDED_A_SECOND if dtype in _QUANTISED else 0.0
    vision_s = config.vision.layers * _BUILD_VISION_LAYER_S
    decoder_s = config.text.layers * _BUILD_LAYER_S
    return (
        ('exporting', _export_s(config.text.layers) + _export_s(config.vision.layers)),
        ('quantising', 0.0 if ROUNDED in there else rounding),
        ('reading the weights of vision', nbytes['vision'] / _BYTES_A_SECOND),
        ('building vision', 0.0 if 'vision' in there else vision_s),
        ('reading the weights of decoder', sum(nbytes.values()) / _BYTES_A_SECOND),
        ('building decoder', 0.0 if 'decoder' in there else decoder_s),
        *([(CHECK, _check_s(sizes))] if runs_here else []),
    )


def disk_bytes(
    sizes: ModelSizes, backend: str, dtype: str, there: Collection[str] = frozenset()
) -> int:
    """Bytes that a build writes: graphs with their own weights, or two plans and what these are of.

    dtype: for onnx as `formats.cpu_format` names it. there: what an earlier build left, which is
    not written again: the parts that have a graph or a plan, and ROUNDED.
    """
    if backend == 'onnx':
        written = memory.copied_bytes(sizes.config, dtype) if dtype.endswith(CPU) else {}
    else:
        nbytes = dict(memory.weights(sizes.config, dtype).parts)
        written = {'vision': nbytes.pop('vision') + _KERNEL_BYTES}
        written['decoder'] = sum(nbytes.values()) + _KERNEL_BYTES
        if dtype in _QUANTISED:
            head = nbytes['head'] if dtype in HEAD_FORMATS else 0
            written[ROUNDED] = nbytes['decoder layers'] + head
    return _GRAPH_BYTES + sum(nbytes for name, nbytes in written.items() if name not in there)


def building_bytes(sizes: ModelSizes, backend: str, dtype: str) -> int:
    """Bytes of memory that a build takes, without those of files that it maps. A guess.

    A graph of few bits is compared with torch, which maps its own weights. For an engine, TensorRT
    holds the decoder's weights several times.
    """
    nbytes = dict(memory.weights(sizes.config, dtype).parts)
    if backend == 'onnx':
        return _EXPORTER_BYTES + sum(nbytes.values())
    return _EXPORTER_BYTES + round(_WEIGHTS_HELD * (sum(nbytes.values()) - nbytes['vision']))


def on_cpu(folder: Path, free: int) -> tuple[bool, str]:
    """Whether a checkpoint runs on a CPU with so many free bytes, and what fits in which format.

    Raises BadModel.
    """
    return cpu_formats(_sizes(folder), free, rounds=not is_molmo_point(str(folder), folder))


def too_large(
    folder: Path, backend: str, formats: Sequence[str], free: int | None
) -> tuple[str, str]:
    """(reason, advice) where a backend runs a checkpoint in none of these formats, else two ''.

    free: bytes of memory, None if that is not known. Raises BadModel.
    """
    sizes, fused = _sizes(folder), backend != 'onnx'
    stored = [cpu_format(dtype) if backend == 'onnx' else dtype for dtype in formats]
    if stored and (
        free is None
        or any(memory.longest_window(sizes, name, free, fused=fused) for name in stored)
    ):
        return '', ''
    rounds = not is_molmo_point(str(folder), folder)
    best = CPU_FORMATS[0] if free is None else best_on_cpu(sizes, free, rounds=rounds)
    advice = f'molmo-ground build {folder} --backend onnx --dtype {best}'
    advice = advice if best else 'more memory or a smaller model'
    if not stored:
        return 'no current graphs in the folder', advice
    return f'{size(free or 0)} are free: no window fits, not even in {formats[-1]}', advice


def _sizes(folder: Path) -> ModelSizes:
    from molmo_ground_ros.backends.base import BackendSettings
    from molmo_ground_ros.backends.molmo_point.checkpoint import open_any

    return open_any(BackendSettings(str(folder))).sizes


def cpu_formats(sizes: ModelSizes, free: int, *, rounds: bool = True) -> tuple[bool, str]:
    """Whether a model of these sizes fits, and what fits in which format.

    rounds: whether its weights can be rounded to few bits.
    """
    formats = (
        *((('onnx', 'int4', False), ('onnx', 'int8', False)) if rounds else ()),
        ('onnx', 'float32', False),
        ('torch', 'bfloat16', True),
        ('torch', 'float32', True),
    )
    words, fits = [], False
    for backend, dtype, fused in formats:
        stored = cpu_format(dtype) if backend == 'onnx' else dtype
        window = memory.longest_window(sizes, stored, free, fused=fused)
        weights = size(memory.weights(sizes.config, stored).total)
        text = f'fits {window:g} s' if window else 'does not fit'
        words.append(f'{backend} in {dtype} ({weights} of weights) {text}')
        fits |= bool(window)
    best = best_on_cpu(sizes, free, rounds=rounds)
    return fits, '; '.join([*words, *([f'best: onnx in {best}'] if best else [])])


def best_on_cpu(sizes: ModelSizes, free: int, *, rounds: bool = True) -> str:
    """The format in which ONNX Runtime's CPU should run a model: float32 if it fits, else int4.

    '' if neither fits. For each token int4 reads about half as much as int8; the shipped model
    points as well with it (docs/performance.md). free: bytes of memory. rounds: as in cpu_formats.
    """
    for stored in (CPU_FORMATS[0], CPU_FORMATS[-1]) if rounds else (CPU_FORMATS[0],):
        if memory.longest_window(sizes, stored, free, fused=False):
            return stored.removesuffix(CPU)
    return ''


def _export_s(layers: int) -> float:
    return _EXPORT_S + layers * _EXPORT_LAYER_S


def _check_s(sizes: ModelSizes) -> float:
    """Two runtimes read the self-check's clip: two operations for each weight and token."""
    config = sizes.config
    vision = weight_counts.vision_weights(config) * config.vision.positions * CHECK_FRAMES
    tokens = CHECK_FRAMES * sizes.frame_tokens + memory.QUESTION_TOKENS
    return 2 * 2 * (_layer_weights(sizes) * tokens + vision) / _OPERATIONS_A_SECOND


def _layer_weights(sizes: ModelSizes) -> float:
    return dict(memory.weights(sizes.config, 'float32').parts)['decoder layers'] / 4
