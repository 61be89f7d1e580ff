# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint to the engines that the backend named `tensorrt` runs. Offline; takes minutes.

export -> quantise -> fix the capacity -> build -> self-check, where a GPU is there -> keep. What is
there already of the same recipe is kept, so a build that was broken off goes on where it was. Needs
torch and the exporter's packages, which running the engines does not.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.trt.build import build_plan, check_capability
from molmo_ground_ros.backends.molmo2.trt.choose import Chosen
from molmo_ground_ros.backends.molmo2.trt.find import RTX, Tensorrt, installed
from molmo_ground_ros.backends.molmo2.trt.graphs import exporter, prepare
from molmo_ground_ros.backends.molmo2.trt.memory import TargetGpu, system
from molmo_ground_ros.backends.molmo2.trt.plans import (
    ENGINES,
    NOT_CHECKED,
    PENDING,
    Entry,
    Facts,
    Recipe,
    drop,
    drop_older,
    file_contents,
    keep,
    kept,
    write_plan,
)
from molmo_ground_ros.backends.molmo2.trt.precision import FORMATS, computed
from molmo_ground_ros.backends.molmo2.trt.profiles import (
    DECODER,
    VISION,
    Limits,
    decoder_profiles,
    told,
    vision_profiles,
)
from molmo_ground_ros.backends.molmo2.weights import digest, read_index
from molmo_ground_ros.backends.pixels import pooling_indices
from molmo_ground_ros.errors import BackendError, BadModel, BadSetting, MissingPackage
from molmo_ground_ros.storage.atomic import delete_unfinished

_LOG = logging.getLogger(__name__)
_SPARE = 64 * 2**20  # bytes of kernels in a plan
_FEWEST_FRAMES = 4  # of the self-check's clip
_LARGE = 1.3  # a plan this many times its weights holds some of them twice


@dataclass(frozen=True, slots=True)
class Target:
    """What engines are built for."""

    dtype: str  # the format of the weights, one of trt.formats.FORMATS
    capacity: int  # rows of the cache: tokens of a prompt and its answer
    frames: int  # of the longest clip
    capability: str = ''  # '' is the GPU that is here; 'SM86' ahead of time, with TensorRT-RTX


@dataclass(frozen=True, slots=True)
class Step:
    """How far a build has come in what it is doing."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Built:
    """An engine that is kept now."""

    part: str  # 'decoder' or 'vision'
    path: Path
    nbytes: int
    seconds: float  # that it took when it was built, maybe earlier
    fused_attention: int  # layers of attention that are one kernel for certain
    in_place_kv: int  # updates of the cache that write where it lies


OnStep = Callable[[Step], None]


def build_engines(checkpoint: Checkpoint, target: Target, on_step: OnStep) -> list[Built]:
    """Build and keep the engines of a checkpoint; the vision tower's first.

    on_step may be called from other threads, one at a time; what it raises ends the build. An
    engine that does not pass its self-check is deleted, and none is loaded before it did. One that
    was built for the same, of weights or graphs that changed since, is deleted as well.

    Raises BadSetting for a target that cannot be, MissingPackage, BadModel (BadEngine among it) and
    BackendError: for no GPU, for what TensorRT says, and where another build is under way.
    """
    job = _job(checkpoint, target, on_step)
    try:
        with _alone(checkpoint.folder):
            delete_unfinished(checkpoint.folder / ENGINES)
            graphs = prepare(checkpoint, target.dtype, target.capacity, _told(on_step))
            entries = [_entry(job, part, graphs[part]) for part in (VISION, DECODER)]
            if any(one.facts.self_check == PENDING for one in entries):
                entries = _checked(job, entries)
            for entry in entries:
                drop_older(checkpoint.folder, entry.recipe)
    except OSError as err:
        raise BackendError(f'building in {checkpoint.folder}: {err}') from err
    return [_built(entry) for entry in entries]


def _told(on_step: OnStep) -> Callable[[str, int, int], None]:
    return lambda name, done, total: on_step(Step(name, done, total))


@dataclass(frozen=True, slots=True)
class _Job:
    """A target, looked at."""

    checkpoint: Checkpoint
    target: Target
    tensorrt: Tensorrt
    gpu: TargetGpu
    profiles: dict[str, list[Limits]]  # by part
    on_step: OnStep


def _job(checkpoint: Checkpoint, target: Target, on_step: OnStep) -> _Job:
    if target.dtype not in FORMATS:
        raise BadSetting('dtype', target.dtype, f'engines have {", ".join(FORMATS)}')
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
        [tensorrt, *_] = installed((RTX,))
        check_capability(tensorrt, target.capability)
        gpu = TargetGpu('', target.capability, 0)
    else:
        [tensorrt, *_] = installed()
        gpu = _gpu()
    tokens, window = pooling.shape
    profiles = {
        DECODER: decoder_profiles(checkpoint.config, tokens, target.capacity, target.frames),
        VISION: vision_profiles(checkpoint.config, tokens, window),
    }
    return _Job(checkpoint, target, tensorrt, gpu, profiles, on_step)


def _gpu() -> TargetGpu:
    """The GPU that is here."""
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
    """Hold the lock on a checkpoint's engines; it ends with the process, however that ends."""
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
    with exporter():
        from molmo_ground_ros.backends.molmo2.trt.graph_file import files_of
    names = files_of(graph)
    job.on_step(Step(f'reading the weights of {part}', 0, 1))
    files = file_contents(folder, names)
    job.on_step(Step(f'reading the weights of {part}', 1, 1))
    return Recipe(
        part=part,
        checkpoint=digest(read_index(checkpoint.model, folder), checkpoint.config),
        graph=graph.name,
        files=files,
        weights=job.target.dtype if decoder else computed(job.target.dtype),
        capacity=job.target.capacity if decoder else 0,
        frames=job.target.frames if decoder else 0,
        profiles=told(job.profiles[part]),
        tensorrt=str(job.tensorrt),
        capability=job.gpu.capability,
        gpu=job.gpu.name,
        multiprocessors=job.gpu.multiprocessors,
        system=system(),
    )


def _entry(job: _Job, part: str, graph: Path) -> Entry:
    """The engine of a part: the one that is there, or a new one."""
    recipe = _recipe(job, part, graph)
    found = kept(job.checkpoint.folder, recipe)
    if found is None:
        return _build(job, recipe, graph)
    job.on_step(Step(f'building {part}: there already', 1, 1))
    return found


def _build(job: _Job, recipe: Recipe, graph: Path) -> Entry:
    """Build one plan and keep it; where a self-check will follow, as one that may not be loaded."""
    name = f'building {recipe.part}'
    plan = build_plan(
        job.tensorrt,
        graph,
        job.profiles[recipe.part],
        job.target.capability,
        lambda done, total: job.on_step(Step(name, done, total)),
    )
    caches = 2 * job.checkpoint.config.text.layers if recipe.part == DECODER else 0
    if plan.found.in_place_kv != caches:
        raise BadModel(
            job.checkpoint.model,
            f'{graph.name}: {plan.found.in_place_kv} of {caches} caches would be updated in place',
        )
    with exporter():
        from molmo_ground_ros.backends.molmo2.trt.graph_file import weight_bytes
    weights = weight_bytes(graph)
    if len(plan.data) > _LARGE * weights + _SPARE:
        _LOG.warning(
            'the plan of %s has %.1f MiB, its weights %.1f MiB: some of them are in it twice',
            graph.name, len(plan.data) / 2**20, weights / 2**20,
        )  # fmt: skip
    facts = Facts(
        attention=plan.found.attention,
        fused_attention=plan.fused_attention,
        in_place_kv=plan.found.in_place_kv,
        seconds=plan.seconds,
        self_check=f'{NOT_CHECKED}: built ahead of time' if job.target.capability else PENDING,
    )
    return keep(write_plan(job.checkpoint.folder, recipe, plan.data), recipe, facts)


def _checked(job: _Job, entries: list[Entry]) -> list[Entry]:
    """The engines with what the self-check found; those that did not pass are deleted."""
    from molmo_ground_ros.backends.molmo2.trt.reference import self_check

    job.on_step(Step('comparing with the reference', 0, 1))
    vision, decoder = entries
    try:
        said = self_check(job.checkpoint, Chosen(job.tensorrt, decoder, vision))
    except BadModel:
        for entry in entries:
            if entry.facts.self_check == PENDING:
                drop(entry.plan.path)
        raise
    job.on_step(Step('comparing with the reference', 1, 1))
    return [
        keep(one.plan, one.recipe, replace(one.facts, self_check=said))
        if one.facts.self_check == PENDING
        else one
        for one in entries
    ]


def _built(entry: Entry) -> Built:
    return Built(
        entry.recipe.part,
        entry.plan.path,
        entry.plan.nbytes,
        entry.facts.seconds,
        entry.facts.fused_attention,
        entry.facts.in_place_kv,
    )
