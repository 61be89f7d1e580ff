# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Compares new engines with the reference.

This has not been run on a GPU yet; the tests run it on a stand-in for TensorRT.
"""

from __future__ import annotations

from typing import Any

from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.formats import compute_dtype
from molmo_ground_ros.backends.molmo2.selfcheck import TOLERANCES, check
from molmo_ground_ros.backends.molmo2.trt.choose import PlanPair
from molmo_ground_ros.backends.molmo2.trt.graphs import export_extra, export_missing
from molmo_ground_ros.backends.molmo2.trt.profiles import DECODER
from molmo_ground_ros.backends.molmo2.weights import read_index


def self_check(checkpoint: Checkpoint, chosen: PlanPair) -> str:
    """Compare two engines with the reference; how close they are, in words. Raises BadEngine.

    The reference is torch on the CPU, in the precision that the weights are stored in: so it maps
    them from their files and copies none. For quantised weights the reference is ONNX Runtime on a
    float32 graph with the same codes and scales.
    """
    from molmo_ground_ros.backends.molmo2.runtimes.tensorrt import TensorrtRuntime
    from molmo_ground_ros.backends.molmo2.trt.cuda_memory import CudaMemory

    runtime = TensorrtRuntime(checkpoint, chosen, CudaMemory(0))
    try:
        return compare(checkpoint, chosen.decoder.recipe.weights, runtime)
    finally:
        runtime.close()


def compare(checkpoint: Checkpoint, weights: str, runtime: Any) -> str:
    """Compare a runtime with the reference, as `self_check`. Raises BadEngine.

    weights: the format of the runtime's weights, which decides the reference and the tolerance.
    """
    if compute_dtype(weights) == weights:
        reference = _mapped_reference(checkpoint)
    else:
        reference = _quantised_reference(checkpoint, weights)
    try:
        result = check(checkpoint, runtime, reference, TOLERANCES[weights])
    finally:
        reference.close()
    return (
        f'{result.largest:.3g} of {result.tolerance:g} standard deviations of the logits, '
        f'{result.same} of {result.rows} tokens the same'
    )


def _mapped_reference(checkpoint: Checkpoint) -> Any:
    with export_extra():
        from molmo_ground_ros.backends.host.device import choose_device, choose_dtype
        from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime

    device = choose_device('cpu')
    index = read_index(checkpoint.model, checkpoint.folder)
    stored = {tensor.dtype for tensor in index.values()}
    dtype = choose_dtype('bfloat16' if stored == {'BF16'} else 'float32', device)
    return TorchRuntime(checkpoint, device, dtype)


def _quantised_reference(checkpoint: Checkpoint, weights: str) -> Any:
    """ONNX Runtime on a float32 decoder with quantised weights.

    The decoder's files are deleted as soon as they are open: they are as large as the engine.
    """
    with export_extra():
        from molmo_ground_ros.backends.molmo2.quantize import quantize_weights
        from molmo_ground_ros.backends.molmo2.runtimes.onnx import OnnxRuntime
        from molmo_ground_ros.backends.molmo2.trt.graph_file import graph_and_weight_files
    graphs = export_missing(checkpoint, 'float32')
    path = quantize_weights(graphs[DECODER], weights)
    own = [name for name in graph_and_weight_files(path) if name.startswith(path.name)]
    try:
        return OnnxRuntime(checkpoint, f'{weights}.float32')
    finally:
        for name in own:
            (checkpoint.folder / name).unlink(missing_ok=True)
