# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Builds the engines that the backend named `tensorrt` runs. Takes minutes.

The steps are: export, quantise, fix the capacity, build, check against the reference if there is a
GPU, and write the manifest. A plan of the same recipe is used again, so an interrupted build goes
on where it stopped. Building needs torch and the exporter's packages; running the engines does not.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.formats import ENGINE_FORMATS, compute_dtype
from molmo_ground_ros.backends.molmo2.trt.build import build_plan, check_capability
from molmo_ground_ros.backends.molmo2.trt.choose import PlanPair
from molmo_ground_ros.backends.molmo2.trt.find import RTX, Tensorrt, find_tensorrts
from molmo_ground_ros.backends.molmo2.trt.graphs import export_extra, prepare_graphs
from molmo_ground_ros.backends.molmo2.trt.memory import TargetGpu, system
from molmo_ground_ros.backends.molmo2.trt.plans import (
    ENGINES,
    NOT_CHECKED,
    PENDING,
    BuildFacts,
    Plan,
    Recipe,
    checkpoint_hashes,
    delete_older,
    delete_plan,
    find_plan,
    write_manifest,
    write_plan,
)
from molmo_ground_ros.backends.molmo2.trt.profiles import (
    DECODER,
    VISION,
    Limits,
    decoder_profiles,
    describe_profiles,
    vision_profiles,
)
from molmo_ground_ros.backends.molmo2.weights import digest, read_index
from molmo_ground_ros.backends.pixels import pooling_indices
from molmo_ground_ros.errors import BackendError, BadModel, BadSetting, MissingPackage
from molmo_ground_ros.storage.atomic import delete_unfinished

_LOG = logging.getLogger(__name__)
_KERNEL_BYTES = 64 * 2**20  # of a plan, besides its weights
# The self-check's clip has so many frames.
_FEWEST_FRAMES = 4
# A plan with more than so many times the bytes of its weights holds some of them twice.
_LARGE = 1.3


@dataclass(frozen=True, slots=True)
class Target:
    """What engines are built for.

    dtype: the format of the weights, one of formats.ENGINE_FORMATS. capacity: rows of the cache,
    i.e. tokens of a prompt and its answer. frames: of the longest clip. capability: '' for this
    machine's GPU; 'SM86' for example to build ahead of time, which needs TensorRT-RTX.
    """

    dtype: str
    capacity: int
    frames: int
    capability: str = ''


@dataclass(frozen=True, slots=True)
class BuildStep:
    """The progress of one step of a build: `done` of `total` parts of it."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class BuiltEngine:
    """An engine that may be loaded now.

    part: 'decoder' or 'vision'. seconds: how long building it took, perhaps at an earlier call.
    fused_attention: layers of attention that are certainly a single kernel. in_place_kv: updates of
    the cache that overwrite it in place.
    """

    part: str
    path: Path
    nbytes: int
    seconds: float
    fused_attention: int
    in_place_kv: int


OnStep = Callable[[BuildStep], None]


def build_engines(checkpoint: Checkpoint, target: Target, on_step: OnStep) -> list[BuiltEngine]:
    """Build the engines of a checkpoint, the vision tower's first, and list them.

    on_step may be called from other threads, one call at a time. If it raises, the build ends. No
    engine is loaded before it has passed its self-check, and one that fails is deleted. Engines for
    the same target of weights or graphs that have changed since are deleted too.

    Raises BadSetting for an impossible target, MissingPackage, BadModel (or its subclass
    BadEngine), and BackendError if there is no GPU, if TensorRT fails, or if another build is
    running in the same folder.
    """
    job = _job(checkpoint, target, on_step)
    try:
        with _alone(checkpoint.folder):
            delete_unfinished(checkpoint.folder / ENGINES)
            graphs = prepare_graphs(
                checkpoint,
                target.dtype,
                target.capacity,
                lambda name, done, total: on_step(BuildStep(name, done, total)),
            )
            plans = [_find_or_build(job, part, graphs[part]) for part in (VISION, DECODER)]
            if any(plan.facts.self_check == PENDING for plan in plans):
                plans = _check_plans(job, plans)
            for plan in plans:
                delete_older(checkpoint.folder, plan.recipe)
    except OSError as err:
        raise BackendError(f'building in {checkpoint.folder}: {err}') from err
    return [_built_engine(plan) for plan in plans]


@dataclass(frozen=True, slots=True)
class _Job:
    """A target that has been checked, and what builds for it."""

    checkpoint: Checkpoint
    target: Target
    tensorrt: Tensorrt
    gpu: TargetGpu
    profiles: dict[str, list[Limits]]  # by part
    on_step: OnStep


def _job(checkpoint: Checkpoint, target: Target, on_step: OnStep) -> _Job:
    if target.dtype not in ENGINE_FORMATS:
        raise BadSetting('dtype', target.dtype, f'engines have {", ".join(ENGINE_FORMATS)}')
    text, pooling = checkpoint.config.text, pooling_indices(checkpoint.pixels)
    least = target.frames * len(pooling)
    if target.frames < _FEWEST_FRAMES:
        raise BadSetting('frames', target.frames, f'must be at least {_FEWEST_FRAMES}')
    if not least < target.capacity <= text.positions:
        raise BadSetting(
            'capacity',
            target.capacity,
            f'{target.frames} frames alone are {least} tokens, the model takes {text.positions}',
        )
    if target.capability:
        [tensorrt, *_] = find_tensorrts((RTX,))
        check_capability(tensorrt, target.capability)
        gpu = TargetGpu('', target.capability, 0)
    else:
        [tensorrt, *_] = find_tensorrts()
        gpu = _gpu()
    tokens, window = pooling.shape
    profiles = {
        DECODER: decoder_profiles(checkpoint.config, tokens, target.capacity, target.frames),
        VISION: vision_profiles(checkpoint.config, tokens, window),
    }
    return _Job(checkpoint, target, tensorrt, gpu, profiles, on_step)


def _gpu() -> TargetGpu:
    """This machine's GPU. Raises BackendError with a hint how to build without one."""
    try:
        from molmo_ground_ros.backends.molmo2.trt.cuda_memory import find_gpu
    except ModuleNotFoundError as err:
        raise MissingPackage(err.name or 'cuda.bindings', 'tensorrt') from err
    try:
        return find_gpu(0)
    except BackendError as err:
        raise BackendError(
            f'{err}; to build for another machine name its compute capability, as in SM86'
        ) from err


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock on a checkpoint's engines. The system frees it even if the process is killed.

    Raises BackendError if another process holds it.
    """
    (folder / ENGINES).mkdir(exist_ok=True)
    with (folder / ENGINES / 'lock').open('w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise BackendError(f'another build is under way in {folder / ENGINES}') from err
        yield


def _recipe(job: _Job, part: str, graph: Path) -> Recipe:
    checkpoint, decoder = job.checkpoint, part == DECODER
    folder = checkpoint.folder
    with export_extra():
        from molmo_ground_ros.backends.molmo2.trt.graph_file import graph_and_weight_files
    names = graph_and_weight_files(graph)
    job.on_step(BuildStep(f'reading the weights of {part}', 0, 1))
    files = checkpoint_hashes(folder, names)
    job.on_step(BuildStep(f'reading the weights of {part}', 1, 1))
    return Recipe(
        part=part,
        checkpoint=digest(read_index(checkpoint.model, folder), checkpoint.config),
        graph=graph.name,
        files=files,
        weights=job.target.dtype if decoder else compute_dtype(job.target.dtype),
        capacity=job.target.capacity if decoder else 0,
        frames=job.target.frames if decoder else 0,
        profiles=describe_profiles(job.profiles[part]),
        tensorrt=str(job.tensorrt),
        capability=job.gpu.capability,
        gpu=job.gpu.name,
        multiprocessors=job.gpu.multiprocessors,
        system=system(),
    )


def _find_or_build(job: _Job, part: str, graph: Path) -> Plan:
    """The plan of a part: the existing one, or a new one."""
    recipe = _recipe(job, part, graph)
    plan = find_plan(job.checkpoint.folder, recipe)
    if plan is None:
        return _build(job, recipe, graph)
    job.on_step(BuildStep(f'building {part}: there already', 1, 1))
    return plan


def _build(job: _Job, recipe: Recipe, graph: Path) -> Plan:
    """Build and store one plan. If it will be checked, nothing may load it before."""
    name = f'building {recipe.part}'
    plan = build_plan(
        job.tensorrt,
        graph,
        job.profiles[recipe.part],
        job.target.capability,
        lambda done, total: job.on_step(BuildStep(name, done, total)),
    )
    caches = 2 * job.checkpoint.config.text.layers if recipe.part == DECODER else 0
    in_place = plan.inspection.in_place_kv
    if in_place != caches:
        raise BadModel(
            job.checkpoint.model,
            f'{graph.name}: {in_place} of {caches} caches would be updated in place',
        )
    with export_extra():
        from molmo_ground_ros.backends.molmo2.trt.graph_file import weight_bytes
    weights = weight_bytes(graph)
    if len(plan.data) > _LARGE * weights + _KERNEL_BYTES:
        _LOG.warning(
            'the plan of %s has %.1f MiB, its weights %.1f MiB: some of them are in it twice',
            graph.name, len(plan.data) / 2**20, weights / 2**20,
        )  # fmt: skip
    facts = BuildFacts(
        attention=plan.inspection.attention,
        fused_attention=plan.fused_attention,
        in_place_kv=in_place,
        seconds=plan.seconds,
        self_check=f'{NOT_CHECKED}: built ahead of time' if job.target.capability else PENDING,
    )
    return write_manifest(write_plan(job.checkpoint.folder, recipe, plan.data), recipe, facts)


def _check_plans(job: _Job, plans: list[Plan]) -> list[Plan]:
    """Compare new engines with the reference; their plans with the result in the manifest.

    Raises BadModel for engines that do not pass, and deletes their plans.
    """
    from molmo_ground_ros.backends.molmo2.trt.reference import self_check

    job.on_step(BuildStep('comparing with the reference', 0, 1))
    vision, decoder = plans
    try:
        result = self_check(job.checkpoint, PlanPair(job.tensorrt, decoder, vision))
    except BadModel:
        for plan in plans:
            if plan.facts.self_check == PENDING:
                delete_plan(plan.file.path)
        raise
    job.on_step(BuildStep('comparing with the reference', 1, 1))
    return [
        write_manifest(plan.file, plan.recipe, replace(plan.facts, self_check=result))
        if plan.facts.self_check == PENDING
        else plan
        for plan in plans
    ]


def _built_engine(plan: Plan) -> BuiltEngine:
    return BuiltEngine(
        plan.recipe.part,
        plan.file.path,
        plan.file.nbytes,
        plan.facts.seconds,
        plan.facts.fused_attention,
        plan.facts.in_place_kv,
    )
