# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground build`: writes the graphs or engines of a checkpoint. Needs no network.

It first prints what it will do and how much memory, disk and time that takes, and refuses a build
that will not fit. Finished steps are not repeated, so an interrupted build goes on where it ended.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.util
import logging
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.base import SAVE_ALL, BackendSettings
from molmo_ground_ros.backends.checkpoint import NOT_FOR_MOLMO_POINT, is_molmo_point
from molmo_ground_ros.backends.host import machine, ram
from molmo_ground_ros.backends.molmo2 import memory
from molmo_ground_ros.backends.molmo2.exported import GraphState, graph_state
from molmo_ground_ros.backends.molmo2.files import PARTS, graph_file, part_dtype
from molmo_ground_ros.backends.molmo2.formats import CPU, compute_dtype, cpu_format
from molmo_ground_ros.backends.molmo2.memory import Need, WindowSize
from molmo_ground_ros.backends.molmo_point.point_files import (
    OTHER_DTYPES,
    POINT_DTYPES,
    POINT_PARTS,
)
from molmo_ground_ros.backends.molmo_point.stored import any_digest
from molmo_ground_ros.commands.estimate import (
    CHECK,
    CHECK_FRAMES,
    ROUNDED,
    Steps,
    building_bytes,
    disk_bytes,
    exporting,
    onnx_steps,
    tensorrt_steps,
)
from molmo_ground_ros.commands.progress import ProgressLine, duration
from molmo_ground_ros.errors import (
    BadEngine,
    BadModel,
    BadSetting,
    DoesNotFit,
    MissingPackage,
    size,
)

DTYPES = {
    'onnx': ('float32', 'float16', 'int8', 'int4'),
    'tensorrt': ('bfloat16', 'float16', 'int8', 'fp8', 'int4'),
}
"""Formats of the weights by backend, the default first."""

_BACKENDS = 'molmo_ground_ros.backends'
# The packages that exporting graphs needs.
_NEEDED = ('torch', 'onnx', 'onnxscript')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    parser.add_argument('folder', metavar='FOLDER', help='a checkpoint; what is written goes there')
    parser.add_argument('--backend', required=True, choices=sorted(DTYPES), help='what will run it')
    parser.add_argument(
        '--dtype',
        default='auto',
        choices=['auto', *dict.fromkeys(dtype for dtypes in DTYPES.values() for dtype in dtypes)],
        help='format of the weights; auto: '
        + ', '.join(f'{dtypes[0]} for {name}' for name, dtypes in DTYPES.items()),
    )
    parser.add_argument(
        '--window',
        type=float,
        default=16.0,
        metavar='SECONDS',
        help='longest window that will be asked about, at most 63; decides the capacity of an '
        'engine (default: 16)',
    )
    parser.add_argument(
        '--capability',
        default='',
        metavar='SM86',
        help='tensorrt: build ahead of time for a GPU of this compute capability, with TensorRT-RTX'
        '; default: the GPU that is here',
    )
    parser.add_argument('--dry-run', action='store_true', help='only say what would be done')


def run(arguments: argparse.Namespace) -> int:
    """Print the plan, carry it out, and print the files that were written."""
    plan = _plan(arguments)
    for line in plan.lines():
        print(line)
    plan.check()
    if arguments.dry_run:
        return 0
    sys.stdout.flush()
    # torch.onnx warns of optional packages that this export does not need.
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    progress = ProgressLine(plan.steps, sys.stderr)
    try:
        written = _BUILD[plan.backend](plan, progress)
    except KeyboardInterrupt:
        print('stopped: finished steps are kept, the same command goes on', file=sys.stderr)
        raise
    finally:
        progress.close()
    for line in written:
        print(line)
    return 0


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a build will do and need, worked out before it begins."""

    # An engine.Checkpoint; its type is not imported because its module needs tokenizers.
    checkpoint: Any
    # Whether it is of MolmoPoint, and the parts that have a graph each.
    points: bool
    parts: Sequence[str]
    backend: str
    # As the user names it, and as memory.py and the names of files do.
    dtype: str
    stored: str
    capability: str
    window: WindowSize
    need: Need
    # Free bytes of the memory that will hold the model; None if it is elsewhere or unreadable.
    free: int | None
    # The name of that memory, for messages.
    where: str
    building: int  # bytes of memory that the build takes, a guess
    disk: int  # bytes
    steps: Steps

    def lines(self) -> list[str]:
        """The plan as text for a person."""
        window, folder = self.window, self.checkpoint.folder
        free = 'not known here' if self.free is None else f'{size(self.free)} are free'
        guessed = duration(sum(seconds for _, seconds in self.steps))
        return [
            f'{self.backend} in {self.dtype} of {folder}'
            + (f' for {self.capability}' if self.capability else ''),
            f'window    {window.seconds:g} s: {window.frames} frames, {window.prompt} tokens',
            f'capacity  {window.rows} rows: {window.answer} for an answer',
            f'memory    {size(self.need.total)} of {self.where}, {free}',
            *(f'          {size(nbytes):>10}  {name}' for name, nbytes in self.need.parts),
            f'building  about {size(self.building)} of memory here, files that it maps left out',
            f'disk      {size(self.disk)}, {size(shutil.disk_usage(folder).free)} are free',
            f'time      about {guessed}, a guess:',
            *(f'          {duration(seconds):>10}  {name}' for name, seconds in self.steps),
        ]

    def check(self) -> None:
        """Raise DoesNotFit where memory or disk is too small."""
        if self.free is not None:
            # fp8 is not suggested: it takes as much memory as int8, and not every GPU has it.
            dtypes = POINT_DTYPES if self.points else DTYPES[self.backend]
            others = [dtype for dtype in dtypes if dtype not in (self.dtype, 'fp8')]
            others = [_stored(self.backend, dtype) for dtype in others]
            memory.fit(
                self.checkpoint.sizes,
                self.stored,
                self.window,
                self.free,
                self.where,
                formats=others,
                features=SAVE_ALL.feature_bytes,
                fused=_fused(self.backend),
            )
        free = shutil.disk_usage(self.checkpoint.folder).free
        if self.disk > free:
            parts = [('what is written', self.disk)]
            raise DoesNotFit('the build', parts, free, f'the disk of {self.checkpoint.folder}', [])


def _plan(arguments: argparse.Namespace) -> _Plan:
    backend, dtype = arguments.backend, arguments.dtype
    if dtype == 'auto':
        dtype = DTYPES[backend][0]
    if dtype not in DTYPES[backend]:
        raise BadSetting('dtype', dtype, f'{backend} has {", ".join(DTYPES[backend])}')
    if arguments.capability and backend != 'tensorrt':
        raise BadSetting('capability', arguments.capability, f'{backend} builds for no GPU')
    checkpoint, points = _open(arguments.folder, backend, dtype)
    parts = POINT_PARTS if points else PARTS
    window = memory.window_of(arguments.window, checkpoint.sizes)
    if window.frames < CHECK_FRAMES:
        raise BadSetting('window', arguments.window, f'holds less than {CHECK_FRAMES} frames')
    free, where = _memory(backend, arguments.capability)
    stored = _stored(backend, dtype)
    need = memory.need(
        checkpoint.sizes, stored, window, features=SAVE_ALL.feature_bytes, fused=_fused(backend)
    )
    if backend == 'onnx':
        there = {part for part in parts if _is_current(checkpoint, part, stored)}
        steps = onnx_steps(checkpoint.sizes, stored, set(parts) - there, parts)
    else:
        there = _built(checkpoint.folder, dtype, arguments.capability)
        steps = tensorrt_steps(checkpoint.sizes, dtype, there, runs_here=not arguments.capability)
    return _Plan(
        checkpoint=checkpoint,
        points=points,
        parts=parts,
        backend=backend,
        dtype=dtype,
        stored=stored,
        capability=arguments.capability,
        window=window,
        need=need,
        free=free,
        where=where,
        building=building_bytes(checkpoint.sizes, backend, stored),
        disk=disk_bytes(checkpoint.sizes, backend, stored, there),
        steps=steps,
    )


def _open(folder: str, backend: str, dtype: str) -> tuple[Any, bool]:
    """The checkpoint in a folder, and whether it is of MolmoPoint, which this build must know."""
    # Only a folder: a hub id would be looked up on the network.
    if not Path(folder).is_dir():
        raise BadModel(folder, 'no such folder')
    points = is_molmo_point(folder, Path(folder))
    if points and backend != 'onnx':
        raise BadModel(folder, NOT_FOR_MOLMO_POINT)
    if points and dtype not in POINT_DTYPES:
        raise BadSetting('dtype', dtype, OTHER_DTYPES)
    opened = _import('molmo_point.checkpoint', 'onnx')
    return opened.open_any(BackendSettings(folder)), points


def _memory(backend: str, capability: str) -> tuple[int | None, str]:
    """(free bytes of the memory that will hold the model, its name); None if not readable here."""
    if capability:
        return None, f'the memory of a {capability} GPU'
    if backend == 'onnx' or machine.jetson():
        return ram.available_bytes(), 'memory'
    try:
        first = machine.gpus()[0]
    except OSError:
        return None, 'the memory of a GPU'
    return first.free, f'the memory of {first.name}'


def _stored(backend: str, dtype: str) -> str:
    return cpu_format(dtype) if backend == 'onnx' else dtype


def _fused(backend: str) -> bool:
    return backend != 'onnx'


def _graph(checkpoint: Any, part: str, stored: str) -> Path:
    path: Path = checkpoint.folder / graph_file(part, part_dtype(part, stored), 'fused')
    return path


def _is_current(checkpoint: Any, part: str, stored: str) -> bool:
    digest = any_digest(checkpoint.model, checkpoint.folder)
    return graph_state(_graph(checkpoint, part, stored), digest) is GraphState.CURRENT


def _built(folder: Path, dtype: str, capability: str) -> set[str]:
    """What an earlier build of engines left. Plans of this machine's GPU are not looked for."""
    plans = _import('molmo2.trt.plans', 'export')
    formats = {'decoder': dtype, 'vision': compute_dtype(dtype)}
    there: set[str] = plans.built_parts(folder, formats, capability) if capability else set()
    rounded = (folder / graph_file('decoder', dtype, 'fused')).is_file()
    return there | ({ROUNDED} if rounded else set())


def _build_onnx(plan: _Plan, progress: ProgressLine) -> list[str]:
    """Write the missing graphs, and compare their logits with torch in float32."""
    for package in (*_NEEDED, 'onnxruntime'):
        if importlib.util.find_spec(package) is None:
            raise MissingPackage(package, 'onnx' if package == 'onnxruntime' else 'export')
    paths = [_graph(plan.checkpoint, part, plan.stored) for part in plan.parts]
    for part in plan.parts:
        step = exporting(part)
        if _is_current(plan.checkpoint, part, plan.stored):
            progress.show(f'{step}: there already', 1, 1)
            continue
        progress.show(step, 0, 1)
        _export(plan, part, functools.partial(progress.show, step))
        progress.show(step, 1, 1)
    progress.show(CHECK, 0, 1)
    comparison = _checked_onnx(plan, paths)
    progress.show(CHECK, 1, 1)
    return [*(f'graph     {path}, {size(_with_copies(path))}' for path in paths), comparison]


def _export(plan: _Plan, part: str, on_matrix: Callable[[int, int], None]) -> None:
    model, folder = plan.checkpoint.model, plan.checkpoint.folder
    if plan.points:
        graphs = _import('molmo_point.point_export', 'export')
        graphs.export_point_graphs(model, folder, plan.dtype, parts=[part])
    elif plan.stored.endswith(CPU):
        graphs = _import('molmo2.cpu_graphs', 'export')
        graphs.write_cpu_graph(model, folder, part, plan.stored, on_matrix)
    else:
        _import('molmo2.export', 'export').export_graphs(model, folder, plan.dtype, parts=[part])


def _with_copies(path: Path) -> int:
    """Bytes of a graph and of the file with its own weights."""
    copies = path.with_name(f'{path.name}.data')
    return sum(file.stat().st_size for file in (path, copies) if file.is_file())


def _checked_onnx(plan: _Plan, paths: Sequence[Path]) -> str:
    """Compare the graphs with torch; delete them and raise BadEngine where they differ."""
    checkpoint = plan.checkpoint
    tolerance = _import('molmo2.selfcheck', 'onnx').TOLERANCES[plan.stored]
    if plan.points:
        check = _import('molmo_point.selfcheck', 'onnx').check_heads
        runtime_class = _import('molmo_point.runtimes.onnx', 'onnx').OnnxHeads
    else:
        check = _import('molmo2.selfcheck', 'onnx').check
        runtime_class = _import('molmo2.runtimes.onnx', 'onnx').OnnxRuntime
    with closing(_reference(plan)) as reference:
        try:
            with closing(runtime_class(checkpoint, plan.stored)) as runtime:
                comparison = check(checkpoint, runtime, reference, tolerance)
        except BadEngine:
            for path in paths:
                path.unlink()
                print(f'deleted   {path}', file=sys.stderr)
            raise
    return _compared(comparison)


def _reference(plan: _Plan) -> Any:
    """Torch in float32, with the weights as they are or as the graphs round them."""
    from molmo_ground_ros.backends.host.device import choose_device, choose_dtype

    if plan.stored.endswith(CPU):
        rounded = _import('molmo2.runtimes.rounded', 'export')
        return rounded.rounded_runtime(plan.checkpoint, plan.stored)
    cpu = choose_device('cpu')
    if plan.points:
        runtime_class = _import('molmo_point.runtimes.torch', 'torch').TorchHeads
    else:
        runtime_class = _import('molmo2.runtimes.torch', 'torch').TorchRuntime
    return runtime_class(plan.checkpoint, cpu, choose_dtype('float32', cpu))


def _compared(comparison: Any) -> str:
    return (
        f'compared  {comparison.rows} rows of logits with torch in float32: at most '
        f'{comparison.largest:.2g} standard deviations apart '
        f'({comparison.tolerance:g} are allowed), '
        f'{comparison.same} of {comparison.rows} likeliest tokens are the same'
    )


def _build_tensorrt(plan: _Plan, progress: ProgressLine) -> list[str]:
    """Build the engines, and return a line for each."""
    engines = _import('molmo2.engines', 'export')
    target = engines.Target(
        dtype=plan.dtype,
        capacity=plan.window.rows,
        frames=plan.window.frames,
        capability=plan.capability,
    )
    built = engines.build_engines(
        plan.checkpoint, target, lambda step: progress.show(step.name, step.done, step.total)
    )
    return [
        f'engine    {engine.path}, {size(engine.nbytes)}: {engine.part}, '
        f'built in {duration(engine.seconds)}, {engine.fused_attention} fused attentions, '
        f'{engine.in_place_kv} caches in place'
        for engine in built
    ]


_BUILD = {'onnx': _build_onnx, 'tensorrt': _build_tensorrt}


def _import(module: str, extra: str) -> Any:
    """Import a module of `backends`; raise MissingPackage where its extra is missing."""
    try:
        return importlib.import_module(f'{_BACKENDS}.{module}')
    except ModuleNotFoundError as err:
        raise MissingPackage((err.name or module).partition('.')[0], extra) from err
