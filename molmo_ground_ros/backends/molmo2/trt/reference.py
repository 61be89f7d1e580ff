# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""New engines against the reference. Not run yet on a GPU; on the tests' stand-in it is."""

from __future__ import annotations

from typing import Any

from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.selfcheck import TOLERANCES, check
from molmo_ground_ros.backends.molmo2.trt.choose import Chosen
from molmo_ground_ros.backends.molmo2.trt.graphs import exporter, whole
from molmo_ground_ros.backends.molmo2.trt.precision import computed
from molmo_ground_ros.backends.molmo2.trt.profiles import DECODER
from molmo_ground_ros.backends.molmo2.weights import read_index


def self_check(checkpoint: Checkpoint, chosen: Chosen) -> str:
    """Compare engines with the reference and say how near they are. Raises BadEngine.

    Not run yet, for want of a GPU. The reference is torch on the CPU in the precision that the
    weights are stored in, so that it maps them and copies none; of quantised weights it is ONNX
    Runtime on a float32 graph with the very same codes.
    """
    from molmo_ground_ros.backends.molmo2.runtimes.tensorrt import TensorrtRuntime
    from molmo_ground_ros.backends.molmo2.trt.cuda_memory import CudaMemory

    runtime = TensorrtRuntime(checkpoint, chosen, CudaMemory(0))
    try:
        return compare(checkpoint, chosen.decoder.recipe.weights, runtime)
    finally:
        runtime.close()


def compare(checkpoint: Checkpoint, weights: str, runtime: Any) -> str:
    """The self-check of a runtime on weights of that format, see self_check. Raises BadEngine."""
    if computed(weights) == weights:
        reference = _mapped_reference(checkpoint)
    else:
        reference = _quantised_reference(checkpoint, weights)
    try:
        found = check(checkpoint, runtime, reference, TOLERANCES[weights])
    finally:
        reference.close()
    return (
        f'{found.largest:.3g} of {found.tolerance:g} standard deviations of the logits, '
        f'{found.same} of {found.rows} tokens the same'
    )


def _mapped_reference(checkpoint: Checkpoint) -> Any:
    with exporter():
        from molmo_ground_ros.backends.host.device import choose_device, choose_dtype
        from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime

    device = choose_device('cpu')
    stored = {one.dtype for one in read_index(checkpoint.model, checkpoint.folder).values()}
    dtype = choose_dtype('bfloat16' if stored == {'BF16'} else 'float32', device)
    return TorchRuntime(checkpoint, device, dtype)


def _quantised_reference(checkpoint: Checkpoint, weights: str) -> Any:
    """Its decoder's files are deleted once they are open: they are as large as the engine."""
    with exporter():
        from molmo_ground_ros.backends.molmo2.quantize import quantize_weights
        from molmo_ground_ros.backends.molmo2.runtimes.onnx import OnnxRuntime
        from molmo_ground_ros.backends.molmo2.trt.graph_file import files_of
    graphs = whole(checkpoint, 'float32')
    path = quantize_weights(graphs[DECODER], weights)
    own = [one for one in files_of(path) if one.startswith(path.name)]
    try:
        return OnnxRuntime(checkpoint, f'{weights}.float32')
    finally:
        for name in own:
            (checkpoint.folder / name).unlink(missing_ok=True)
