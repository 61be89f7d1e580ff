# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Builds a plan from an ONNX file, for this machine's GPU or for another compute capability."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.molmo2.trt.find import RTX, Tensorrt
from molmo_ground_ros.backends.molmo2.trt.log import BuildLog, BuildProgress, make_logger
from molmo_ground_ros.backends.molmo2.trt.profiles import Limits
from molmo_ground_ros.errors import BackendError, BadSetting

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inspection:
    """How TensorRT's parser reads a graph.

    attention: layers of attention that became one layer of the network. in_place_kv: updates of a
    cache that overwrite it in place.
    """

    attention: int
    in_place_kv: int


@dataclass(frozen=True, slots=True)
class PlanData:
    """A new plan in memory.

    fused_attention: layers of attention that are certainly a single kernel: all of them, or 0 if
    attention had to be taken apart. seconds: how long building took.
    """

    data: memoryview
    inspection: Inspection
    fused_attention: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A graph in TensorRT. The parser must live as long as the network: it holds the weights."""

    builder: Any
    network: Any
    parser: Any


def build_plan(
    tensorrt: Tensorrt,
    graph: Path,
    profiles: Sequence[Limits],
    capability: str = '',
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> PlanData:
    """Build a graph's plan. It takes from seconds to many minutes.

    capability: 'SM86' for example to build ahead of time; '' for this machine's GPU. on_step gets
    (done, total) of the builder's outermost phase, from any thread. If it raises, the build ends
    and the error is raised from here.

    Building takes several times the memory of the weights. Measured ahead of time (TensorRT-RTX
    1.7) with two layers of the 4B's sizes: 1.9 GB for 0.41 GB of float16 weights stored as float32,
    and 0.54 GB for 0.11 GB of int4 weights; and with all of a random 4B: 8.5 to 9.8 GB for
    3.0 GB of int4 weights, 11.0 to 12.3 GB for 5.2 GB of int8 weights.

    If no single kernel can compute an attention, the plan is built again with attention taken
    apart. Then a warning is logged and `fused_attention` is 0.

    Raises BadSetting for a capability that this TensorRT does not build for, and BackendError with
    TensorRT's own words.
    """
    check_capability(tensorrt, capability)
    started = time.monotonic()
    lines, progress = BuildLog(), BuildProgress(on_step)
    logger = make_logger(tensorrt.module, lines)
    parsed = _parse(tensorrt, graph, logger, lines)
    inspection = inspect(parsed.network)
    plan = _build(tensorrt, parsed, profiles, capability, progress)
    fused = inspection.attention
    if plan is None and inspection.attention:
        why = lines.take()
        _LOG.warning(
            'no fused attention for %s with %s: %s; attention is taken apart, which is slower',
            graph.name, capability or 'this GPU', why,
        )  # fmt: skip
        parsed, fused = _parse(tensorrt, graph, logger, lines), 0
        _allow_parts(tensorrt.module, parsed.network)
        plan = _build(tensorrt, parsed, profiles, capability, progress)
    if plan is None:
        raise BackendError(f'{tensorrt} cannot build {graph.name}: {lines.take()}')
    return PlanData(memoryview(plan).cast('B'), inspection, fused, time.monotonic() - started)


def check_capability(tensorrt: Tensorrt, capability: str) -> None:
    """Raise BadSetting unless TensorRT builds for this capability; '' is this machine's GPU."""
    if capability and capability not in tensorrt.capabilities:
        targets = ', '.join(tensorrt.capabilities) or 'none: it builds for the GPU that is here'
        raise BadSetting('capability', capability, f'{tensorrt} builds ahead of time for {targets}')


def inspect(network: Any) -> Inspection:
    """Count the layers of a parsed network (INetworkDefinition)."""
    names = [network.get_layer(i).type.name for i in range(network.num_layers)]
    return Inspection(names.count('ATTENTION_INPUT'), names.count('KV_CACHE_UPDATE'))


def parse(tensorrt: Tensorrt, graph: Path) -> Inspection:
    """How TensorRT's parser reads an ONNX file. Raises BackendError if it cannot read it."""
    lines = BuildLog()
    return inspect(_parse(tensorrt, graph, make_logger(tensorrt.module, lines), lines).network)


def _parse(tensorrt: Tensorrt, graph: Path, logger: Any, lines: BuildLog) -> _Parsed:
    builder = tensorrt.module.Builder(logger)
    network = builder.create_network(tensorrt.network_flags)
    parser = tensorrt.module.OnnxParser(network, logger)
    if not parser.parse_from_file(str(graph)):
        errors = [parser.get_error(i) for i in range(parser.num_errors)]
        reason = '; '.join(f'{err.node_operator() or "graph"}: {err.desc()}' for err in errors)
        raise BackendError(f'{tensorrt} cannot read {graph.name}: {reason or lines.take()}')
    return _Parsed(builder, network, parser)


def _build(
    tensorrt: Tensorrt,
    parsed: _Parsed,
    profiles: Sequence[Limits],
    capability: str,
    progress: BuildProgress,
) -> Any:
    """The plan (IHostMemory), or None if TensorRT could not build it."""
    module, config = tensorrt.module, parsed.builder.create_builder_config()
    if tensorrt.flavour == RTX:
        config.num_compute_capabilities = 1
        target = getattr(module.ComputeCapability, capability or 'CURRENT')
        config.set_compute_capability(target, 0)
    monitor = progress.monitor(module)
    if monitor is not None:
        config.progress_monitor = monitor
    inputs = {parsed.network.get_input(i).name for i in range(parsed.network.num_inputs)}
    for limits in profiles:
        if unknown := limits.keys() - inputs:
            raise BackendError(f'the graph has no input {min(unknown)}: {sorted(inputs)}')
        profile = parsed.builder.create_optimization_profile()
        for name, shapes in limits.items():
            profile.set_shape(name, *shapes)
        config.add_optimization_profile(profile)
    plan = parsed.builder.build_serialized_network(parsed.network, config)
    if progress.raised is not None:
        raise progress.raised
    return plan


def _allow_parts(module: Any, network: Any) -> None:
    """Allow TensorRT to compute every attention with several kernels."""
    for i in range(network.num_layers):
        layer = network.get_layer(i)
        if layer.type.name == 'ATTENTION_INPUT':
            # The bindings return an ILayer, which has no `attention`.
            layer.__class__ = module.IAttentionInputLayer
            layer.attention.decomposable = True
