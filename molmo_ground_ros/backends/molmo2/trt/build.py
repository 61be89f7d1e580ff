# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One ONNX file to one plan, for the GPU that is here or ahead of time for a compute capability."""

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
    """What the parser made of a graph."""

    attention: int  # layers of attention that are one layer of the network
    in_place_kv: int  # updates of a cache that write where it lies


@dataclass(frozen=True, slots=True)
class PlanData:
    """A plan that was built and lies in memory."""

    data: memoryview
    found: Inspection
    fused_attention: int  # layers that are one kernel for certain: all, or none after a fallback
    seconds: float


@dataclass(frozen=True, slots=True)
class _Parsed:
    builder: Any
    network: Any
    parser: Any  # holds the weights while the network is used


def build_plan(
    tensorrt: Tensorrt,
    graph: Path,
    profiles: Sequence[Limits],
    capability: str = '',
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> PlanData:
    """Build a graph's plan; takes from seconds to many minutes, and memory.

    Ahead of time, of two layers of the 4B's sizes (TensorRT-RTX 1.7): 1.9 GB for 0.41 GB of float16
    weights stored as float32, 0.54 GB for 0.11 GB of int4. So five times the weights.


    capability: 'SM86' for ahead of time, '' for the GPU that is here. on_step gets (done, total) of
    the builder's outermost phase, from any thread; what it raises ends the build and is raised.

    Where no kernel does all of an attention, it is built once more with attention taken apart, and
    says so: a warning in the log, and `fused_attention` 0.

    Raises BadSetting for a capability it does not build for, BackendError in TensorRT's words.
    """
    check_capability(tensorrt, capability)
    started = time.monotonic()
    lines, progress = BuildLog(), BuildProgress(on_step)
    logger = make_logger(tensorrt.module, lines)
    parsed = _parse(tensorrt, graph, logger, lines)
    found = inspect(parsed.network)
    plan = _build(tensorrt, parsed, profiles, capability, progress)
    fused = found.attention
    if plan is None and found.attention:
        why = lines.take()
        _LOG.warning(
            'no fused attention for %s with %s: %s; attention is taken apart, which is slower',
            graph.name, capability or 'this GPU', why,
        )  # fmt: skip
        parsed, fused = _parse(tensorrt, graph, logger, lines), 0
        _take_apart(tensorrt.module, parsed.network)
        plan = _build(tensorrt, parsed, profiles, capability, progress)
    if plan is None:
        raise BackendError(f'{tensorrt} cannot build {graph.name}: {lines.take()}')
    return PlanData(memoryview(plan).cast('B'), found, fused, time.monotonic() - started)


def check_capability(tensorrt: Tensorrt, capability: str) -> None:
    """Raise BadSetting unless it builds for that one; '' is the GPU that is here."""
    if capability and capability not in tensorrt.capabilities:
        known = ', '.join(tensorrt.capabilities) or 'none: it builds for the GPU that is here'
        raise BadSetting('capability', capability, f'{tensorrt} builds ahead of time for {known}')


def inspect(network: Any) -> Inspection:
    """Count the layers of a parsed network (INetworkDefinition)."""
    names = [network.get_layer(i).type.name for i in range(network.num_layers)]
    return Inspection(names.count('ATTENTION_INPUT'), names.count('KV_CACHE_UPDATE'))


def parse(tensorrt: Tensorrt, graph: Path) -> Inspection:
    """What the parser makes of a graph. Raises BackendError where it does not take it."""
    lines = BuildLog()
    return inspect(_parse(tensorrt, graph, make_logger(tensorrt.module, lines), lines).network)


def _parse(tensorrt: Tensorrt, graph: Path, logger: Any, lines: BuildLog) -> _Parsed:
    builder = tensorrt.module.Builder(logger)
    network = builder.create_network(tensorrt.network_flags)
    parser = tensorrt.module.OnnxParser(network, logger)
    if not parser.parse_from_file(str(graph)):
        said = [parser.get_error(i) for i in range(parser.num_errors)]
        told = '; '.join(f'{one.node_operator() or "graph"}: {one.desc()}' for one in said)
        raise BackendError(f'{tensorrt} cannot read {graph.name}: {told or lines.take()}')
    return _Parsed(builder, network, parser)


def _build(
    tensorrt: Tensorrt,
    parsed: _Parsed,
    profiles: Sequence[Limits],
    capability: str,
    progress: BuildProgress,
) -> Any:
    """The plan (IHostMemory), or None where TensorRT failed."""
    module, config = tensorrt.module, parsed.builder.create_builder_config()
    if tensorrt.flavour == RTX:
        config.num_compute_capabilities = 1
        wanted = getattr(module.ComputeCapability, capability or 'CURRENT')
        config.set_compute_capability(wanted, 0)
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


def _take_apart(module: Any, network: Any) -> None:
    """Allow every attention to be several kernels."""
    for i in range(network.num_layers):
        layer = network.get_layer(i)
        if layer.type.name == 'ATTENTION_INPUT':
            layer.__class__ = module.IAttentionInputLayer  # the bindings give an ILayer
            layer.attention.decomposable = True
