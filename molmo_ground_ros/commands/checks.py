# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `molmo-ground doctor` checks: this machine, its packages, ROS 2, and a model's folder.

A check that fails becomes a line of the page, and the other checks go on. No check uses the
network. Packages are imported in other processes, so that a broken one cannot end this one.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TypeVar

from molmo_ground_ros.backends import checkpoint
from molmo_ground_ros.backends.host import installed, machine, ram
from molmo_ground_ros.backends.host.installed import CORE, EXTRAS, TOKENIZERS, TORCH, Package
from molmo_ground_ros.backends.molmo2.files import PARTS
from molmo_ground_ros.backends.molmo2.trt.plans import damage, read_plans
from molmo_ground_ros.backends.molmo_point.point_files import POINT_DTYPES, POINT_PARTS
from molmo_ground_ros.commands.estimate import on_cpu, too_large
from molmo_ground_ros.commands.probes import ENGINE, TORCH_GPU
from molmo_ground_ros.errors import GroundError, size

Result = TypeVar('Result')

LEAST_PYTHON = (3, 11)
BACKENDS = ('tensorrt', 'onnx', 'torch', 'transformers')
TENSORRT = (
    Package('tensorrt', '10.16', 'import tensorrt'),
    Package('tensorrt-rtx', '1.7', 'import tensorrt_rtx'),
)
_CUDA = Package('cuda-bindings', '13', 'import cuda.bindings')
# What the name of a line about graphs begins with, and their number formats.
_GRAPHS = 'graphs '
_FORMATS = ('float32', 'float16', 'int8', 'int4')
_ROS_PACKAGES = (
    'builtin_interfaces',
    'diagnostic_msgs',
    'geometry_msgs',
    'sensor_msgs',
    'std_msgs',
)
_NO_GPU = (
    'without an NVIDIA GPU and its driver, on the CPU: molmo-ground build FOLDER --backend onnx, '
    'with --dtype int4 for Molmo2-4B on a machine of 8 GB or more'
)
_MENDED = 'mend what the message names'
_INTERFACES = 'colcon build --packages-select molmo_ground_ros, then source install/setup.bash'


@dataclass(frozen=True, slots=True)
class Line:
    """The result of one check; `advice` says what to do where it failed."""

    section: str
    name: str
    ok: bool
    text: str
    advice: str = ''


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, the backends that can run the model, and the chosen one."""

    lines: tuple[Line, ...]
    # By name of the backend; the reason for a False is in the backend's line.
    can_run: dict[str, bool]
    # The backend that `auto` chooses; '' where no model is named.
    chosen: str

    @property
    def code(self) -> int:
        """0 if a backend can run the model."""
        return 0 if any(self.can_run.values()) else 2


class Doctor:
    """Makes the checks.

    attempt: runs this Python with arguments and returns its output; raises OSError.
    ask: runs a command and returns its output; raises OSError.
    root: the folder that stands for `/` when files of the system are read.
    """

    def __init__(
        self,
        model: str = '',
        attempt: Callable[[Sequence[str]], str] = installed.attempt,
        ask: Callable[[Sequence[str]], str] = machine.ask,
        root: Path = Path('/'),
    ) -> None:
        self._model = model
        self._attempt = attempt
        self._ask = ask
        self._root = root
        self._wrong = cache(self._wrong_with)
        self._torch_gpu = cache(self._in_torch)

    def report(self) -> Report:
        """Run every check. Raises nothing."""
        self._load_packages()
        lines = [
            *self._tried('machine', 'this machine', self._machine),
            *self._tried('machine', 'GPU', self._gpus),
            *self._tried('packages', 'packages', self._packages),
            *self._tried('ROS 2', 'rclpy', self._ros),
        ]
        if self._model:
            lines += self._tried('model', 'folder', self._folder)
            lines += self._tried('model', 'on the CPU', self._on_cpu)
        verdicts = [self._verdict(name) for name in BACKENDS]
        able = [line.name for line in verdicts if line.ok]
        chosen = (_outcome(self._chosen)[0] or '') if self._model else ''
        lines += [*verdicts, self._choice(able, chosen)]
        return Report(tuple(lines), {verdict.name: verdict.ok for verdict in verdicts}, chosen)

    @staticmethod
    def _tried(section: str, name: str, check: Callable[[], list[Line]]) -> list[Line]:
        """The lines of a check, or one that says how the check itself failed."""
        lines, why = _outcome(check)
        return [Line(section, name, False, why, _MENDED)] if lines is None else lines

    def _machine(self) -> list[Line]:
        version, cores = platform.python_version(), os.cpu_count() or 0
        least = '.'.join(str(number) for number in LEAST_PYTHON)
        free, total = ram.available_bytes(self._root), ram.total_bytes(self._root)
        is_readable = free is not None and total is not None
        return [
            Line('machine', 'Python', sys.version_info >= LEAST_PYTHON,
                 f'{version} at {sys.executable}', f'use Python {least} or later'),
            Line('machine', 'system', platform.system() == 'Linux',
                 f'{platform.system()} {platform.release()} {platform.machine()}, {cores} cores',
                 'only Linux is tested'),
            Line('machine', 'memory', is_readable,
                 f'{size(total or 0)}, {size(free or 0)} are free' if is_readable else 'not told',
                 'what fits cannot be checked: this is read from /proc/meminfo'),
        ]  # fmt: skip

    def _gpus(self) -> list[Line]:
        """Lines for the GPUs: from nvidia-smi, else from torch; and whether torch sees a GPU."""
        board = machine.jetson(self._root)
        lines = [Line('machine', 'Jetson', True, board)] if board else []
        in_torch = self._torch_gpu()
        try:
            gpus = machine.gpus(self._ask)
        except OSError as err:
            if in_torch:
                return [*lines, Line('machine', 'GPU', True, in_torch)]
            return [*lines, Line('machine', 'GPU', False, f'none: {err}', _NO_GPU)]
        for gpu in gpus:
            memory = 'the memory of the machine'
            if gpu.total is not None:
                memory = f'{size(gpu.total)}, {size(gpu.free or 0)} are free'
            text = f'{gpu.name}, compute capability {gpu.capability or "not told"}, {memory}'
            lines.append(Line('machine', 'GPU', True, f'{text}, driver {gpu.driver or "not told"}'))
        if not self._wrong(TORCH):
            advice = 'install a torch that was built for the CUDA of this driver'
            text = in_torch or 'torch sees no GPU'
            lines.append(Line('machine', 'GPU in torch', bool(in_torch), text, advice))
        return lines

    def _in_torch(self) -> str:
        """The GPU as torch describes it, '' for none."""
        return '' if self._wrong(TORCH) else (_outcome(self._ask_torch)[0] or '')

    def _ask_torch(self) -> str:
        return self._attempt(['-c', TORCH_GPU]).strip()

    def _load_packages(self) -> None:
        """Try to import all packages at once: each import takes seconds, mostly of waiting."""
        packages = {*CORE, *TENSORRT, _CUDA, *chain.from_iterable(EXTRAS.values())}
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._wrong, packages))

    def _wrong_with(self, package: Package) -> str:
        """Why a package cannot be used, '' if it can; also where the check itself fails."""
        fault, why = _outcome(lambda: installed.wrong_with(package, self._attempt))
        return why if fault is None else fault

    def _packages(self) -> list[Line]:
        lines = [self._package_line('packages', 'core', CORE)]
        for extra, packages in EXTRAS.items():
            lines.append(self._package_line('packages', extra, packages))
        return [*lines, self._package_line('packages', 'tensorrt', self._of_tensorrt())]

    def _of_tensorrt(self) -> list[Package]:
        """The packages of the installed kinds of TensorRT; of the full one if none is installed."""
        flavours = [flavour for flavour in TENSORRT if not self._wrong(flavour)] or TENSORRT[:1]
        return [*flavours, _CUDA, TOKENIZERS]

    def _package_line(self, section: str, name: str, packages: Sequence[Package]) -> Line:
        wrong = {package: why for package in packages if (why := self._wrong(package))}
        versions = [
            f'{package.name} {installed.version_of(package)}'
            for package in packages
            if package not in wrong
        ]
        text = '; '.join([*(f'{package.name} {why}' for package, why in wrong.items()), *versions])
        advice = 'pip install ' + ' '.join(f"'{package.requirement}'" for package in wrong)
        return Line(section, name, not wrong, text, advice)

    def _ros(self) -> list[Line]:
        """Lines for rclpy with its middleware, the message packages, and our own interfaces."""
        code = 'import rclpy; print(rclpy.get_rmw_implementation_identifier())'
        sourced = 'source /opt/ros/jazzy/setup.bash (only the node needs ROS 2)'
        checks = (
            ('rclpy', code, sourced),
            ('message packages', f'import {", ".join(_ROS_PACKAGES)}', sourced),
            ('our interfaces', 'from molmo_ground_ros.srv import Ground', _INTERFACES),
        )
        lines = []
        for name, program, advice in checks:
            try:
                output = self._attempt(['-c', program])
            except OSError as err:
                lines.append(Line('ROS 2', name, False, str(err), advice))
            else:
                lines.append(Line('ROS 2', name, True, output.strip() or 'there'))
        return lines

    def _folder(self) -> list[Line]:
        """Files, config, weights, graphs and engines of the model's folder."""
        folder = self._find_folder()
        lines = [Line('model', 'folder', True, str(folder))]
        lines += self._tried('model', 'files', lambda: self._files(folder))
        lines += self._tried('model', 'graphs', lambda: self._graphs(folder))
        # MolmoPoint has no engines.
        if not checkpoint.is_molmo_point(self._model, folder):
            lines += self._tried('model', 'engines', lambda: self._engines(folder))
        return lines

    def _find_folder(self) -> Path:
        """The model's folder; a hub id is looked up in the local cache, never on the network."""
        os.environ['HF_HUB_OFFLINE'] = '1'
        return checkpoint.find_folder(self._model)

    def _files(self, folder: Path) -> list[Line]:
        from molmo_ground_ros.backends.molmo2 import memory
        from molmo_ground_ros.backends.molmo_point.point_config import read_any_config

        checkpoint.check_any_files(self._model, folder)
        config = read_any_config(self._model, folder)
        pixels, _ = checkpoint.read_processor(self._model, folder)
        nbytes = memory.weights(config, 'float16').total
        text = config.text
        return [
            Line('model', 'files', True, 'all there'),
            Line('model', 'config', True,
                 f'{nbytes / 2:.3g} weights, {text.layers} layers of {text.hidden}, context '
                 f'{text.positions}, frames of {pixels.size} x {pixels.size} pixels'),
            Line('model', 'weights', True,
                 f'layout {self._digest(folder)[:12]}, {size(nbytes)} in 16 bits'),
        ]  # fmt: skip

    def _digest(self, folder: Path) -> str:
        from molmo_ground_ros.backends.molmo_point.stored import any_digest

        return any_digest(self._model, folder)

    def _graphs(self, folder: Path) -> list[Line]:
        """A line for each number format that has a graph; without any, one for the default."""
        from molmo_ground_ros.backends.molmo2.exported import GraphState, graph_states

        digest, lines = self._digest(folder), []
        points = checkpoint.is_molmo_point(self._model, folder)
        formats, parts = (POINT_DTYPES, POINT_PARTS) if points else (_FORMATS, PARTS)
        for dtype in formats:
            states = graph_states(folder, dtype, digest, parts)
            if dtype == formats[0] or set(states.values()) != {GraphState.MISSING}:
                text = ', '.join(f'{part} {status.value}' for part, status in states.items())
                current = set(states.values()) == {GraphState.CURRENT}
                advice = f'molmo-ground build {folder} --backend onnx --dtype {dtype}'
                lines.append(Line('model', f'{_GRAPHS}{dtype}', current, text, advice))
        return lines

    def _engines(self, folder: Path) -> list[Line]:
        """A line for each stored engine: its plan is undamaged and belongs to this checkpoint.

        Whether it runs on this machine is checked with the backend.
        """
        digest, (plans, wrong) = self._digest(folder), read_plans(folder)
        advice = f'molmo-ground build {folder} --backend tensorrt'
        lines = [Line('model', 'engine', False, why, advice) for why in wrong]
        for entry in plans:
            recipe = entry.recipe
            why = damage(entry.file)
            if recipe.checkpoint != digest:
                why = 'of another checkpoint'
            text = f'{recipe.part} {recipe.weights}, {recipe.capability}, by {recipe.tensorrt}: '
            lines.append(Line('model', 'engine', not why, text + (why or 'whole'), advice))
        return lines or [Line('model', 'engines', False, 'none', advice)]

    def _verdict(self, backend: str) -> Line:
        """The line that says whether a backend can run the model, or any model if none is named."""
        lacks, why = _outcome(lambda: self._lacks(backend))
        text, advice = (why, _MENDED) if lacks is None else lacks
        what = 'this model' if self._model else 'a model'
        return Line('backends', backend, not text, text or f'can run {what}', advice)

    def _lacks(self, backend: str) -> tuple[str, str]:
        """(what a backend lacks to run the model, what to do about it), or two empty texts."""
        needed = [*CORE, *(self._of_tensorrt() if backend == 'tensorrt' else EXTRAS[backend])]
        packages = self._package_line('backends', backend, needed)
        if not packages.ok:
            return packages.text, packages.advice
        if backend == 'tensorrt' and not any(
            line.name == 'GPU' and line.ok for line in self._gpus()
        ):
            return 'no GPU', _NO_GPU
        if not self._model:
            return '', ''
        folder = self._find_folder()
        runs_points = backend in ('torch', 'onnx')
        if not runs_points and checkpoint.is_molmo_point(self._model, folder):
            return checkpoint.NOT_FOR_MOLMO_POINT, '--backend torch'
        self._files(folder)
        build = f'molmo-ground build {folder} --backend {backend}'
        if backend == 'tensorrt':
            try:
                self._attempt(['-c', ENGINE, str(folder)])
            except OSError as err:
                return _process_message(err), build
            return '', ''
        formats = ['float16']
        if backend == 'onnx':
            formats = [line.name.removeprefix(_GRAPHS) for line in self._graphs(folder) if line.ok]
        return too_large(folder, backend, formats, self._free(backend))

    def _on_cpu(self) -> list[Line]:
        """Without a GPU, a line that says what runs the model on the CPU."""
        free = ram.available_bytes(self._root)
        if free is None or any(line.name == 'GPU' and line.ok for line in self._gpus()):
            return []
        advice = 'more memory or a smaller model'
        return [Line('model', 'on the CPU', *on_cpu(self._find_folder(), free), advice)]

    def _free(self, backend: str) -> int | None:
        """Free bytes of the device that has most of them; None where none could be read."""
        free_bytes = [ram.available_bytes(self._root) or 0]
        if backend != 'onnx':
            try:
                free_bytes += [gpu.free or 0 for gpu in machine.gpus(self._ask)]
            except OSError:
                return free_bytes[0] or None
        return max(free_bytes) or None

    def _chosen(self) -> str:
        """What `backend: auto` takes for this folder."""
        from molmo_ground_ros import backends
        from molmo_ground_ros.backends.base import BackendSettings

        return backends.choose(backends.AUTO, BackendSettings(str(self._find_folder())))

    def _choice(self, able: Sequence[str], chosen: str) -> Line:
        """The line that names the backend `auto` chooses, and whether it can run the model."""
        if not able:
            return Line('backends', 'chosen', False, 'none can run it', 'mend one of those above')
        if chosen and chosen not in able:
            text = f'auto takes {chosen}, which cannot run it'
            return Line('backends', 'chosen', False, text, f'mend that, or --backend {able[0]}')
        return Line('backends', 'chosen', True, f'auto takes {chosen or able[0]}')


def _process_message(err: OSError) -> str:
    """The error that another process ended with; an error of this package without its name."""
    text = str(err)
    return text.partition(': ')[2] if text.startswith('molmo_ground_ros.errors.') else text


def _outcome(check: Callable[[], Result]) -> tuple[Result | None, str]:
    """(result, '') of a check, or (None, why it failed).

    Catches every error: whatever is broken on a machine, the other checks are still made.
    """
    try:
        return check(), ''
    except (GroundError, OSError) as err:
        return None, ' '.join(str(err).split())
    except Exception as err:  # noqa: BLE001
        return None, f'could not be checked: {type(err).__name__}: {" ".join(str(err).split())}'
