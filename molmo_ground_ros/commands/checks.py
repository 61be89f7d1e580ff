# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `molmo-ground doctor` checks: this machine, its packages, ROS 2, and a model's folder.

Nothing that is broken ends it, and it asks no network. Packages are loaded in processes of their
own.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from molmo_ground_ros.backends import installed, machine, ram
from molmo_ground_ros.backends.installed import CORE, EXTRAS, TOKENIZERS, TORCH, Package
from molmo_ground_ros.backends.molmo2.trt.plans import damage, entries
from molmo_ground_ros.errors import GroundError, size

Found = TypeVar('Found')

LEAST_PYTHON = (3, 11)
BACKENDS = ('tensorrt', 'onnx', 'torch', 'transformers')
TENSORRT = (
    Package('tensorrt', '10.16', 'import tensorrt'),
    Package('tensorrt-rtx', '1.7', 'import tensorrt_rtx'),
)
_CUDA = Package('cuda-bindings', '13', 'import cuda.bindings')
_FORMATS = ('float32', 'float16')  # of graphs that ONNX Runtime runs
_ROS_PACKAGES = (
    'builtin_interfaces',
    'diagnostic_msgs',
    'geometry_msgs',
    'sensor_msgs',
    'std_msgs',
)
_NO_GPU = 'without an NVIDIA GPU and its driver: --backend onnx, on the CPU'
_MENDED = 'mend what the message names'
_INTERFACES = 'colcon build --packages-select molmo_ground_ros, then source install/setup.bash'
_TORCH_GPU = """
import torch
if torch.cuda.is_available():
    found = torch.cuda.get_device_properties(0)
    print(f'{found.name}, compute capability {found.major}.{found.minor}, '
          f'{found.total_memory / 1e9:.2f} GB, CUDA {torch.version.cuda}')
"""
_ENGINE = """
import sys
from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.trt.choose import choose
from molmo_ground_ros.backends.molmo2.trt.cuda_memory import find_gpu
from molmo_ground_ros.backends.molmo2.trt.find import installed
made = choose(
    open_checkpoint(BackendSettings(sys.argv[1])), 'auto', installed(), find_gpu(0)
).decoder.recipe
print(f'{made.weights}, capacity {made.capacity}, by {made.tensorrt}')
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One check."""

    section: str
    name: str
    ok: bool
    text: str  # what was found
    advice: str = ''  # what to do where it failed


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, and what follows from them."""

    lines: tuple[Line, ...]
    can_run: dict[str, bool]  # by backend; why not is in its line
    chosen: str  # what `backend: auto` takes; '' without a model

    @property
    def code(self) -> int:
        """0 if a backend can run the model."""
        return 0 if any(self.can_run.values()) else 2


class Doctor:
    """The checks. What they ask of the machine can be put in another's place."""

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
        verdicts = [self._verdict(name) for name in BACKENDS]
        able = [line.name for line in verdicts if line.ok]
        chosen = (_outcome(self._chosen)[0] or '') if self._model else ''
        lines += [*verdicts, self._choice(able, chosen)]
        return Report(tuple(lines), {one.name: one.ok for one in verdicts}, chosen)

    @staticmethod
    def _tried(section: str, name: str, check: Callable[[], list[Line]]) -> list[Line]:
        """The lines of a check, or one that says how the check itself failed."""
        lines, why = _outcome(check)
        return [Line(section, name, False, why, _MENDED)] if lines is None else lines

    def _machine(self) -> list[Line]:
        version, cores = platform.python_version(), os.cpu_count() or 0
        least = '.'.join(str(one) for one in LEAST_PYTHON)
        free, total = ram.available_bytes(self._root), ram.total_bytes(self._root)
        known = free is not None and total is not None
        return [
            Line('machine', 'Python', sys.version_info >= LEAST_PYTHON,
                 f'{version} at {sys.executable}', f'use Python {least} or later'),
            Line('machine', 'system', platform.system() == 'Linux',
                 f'{platform.system()} {platform.release()} {platform.machine()}, {cores} cores',
                 'only Linux is tested'),
            Line('machine', 'memory', known,
                 f'{size(total or 0)}, {size(free or 0)} are free' if known else 'not told',
                 'what fits cannot be checked: this is read from /proc/meminfo'),
        ]  # fmt: skip

    def _gpus(self) -> list[Line]:
        """By nvidia-smi, else by torch; and whether torch sees what nvidia-smi does."""
        board = machine.jetson(self._root)
        lines = [Line('machine', 'Jetson', True, board)] if board else []
        in_torch = self._torch_gpu()
        try:
            found = machine.gpus(self._ask)
        except OSError as err:
            if in_torch:
                return [*lines, Line('machine', 'GPU', True, in_torch)]
            return [*lines, Line('machine', 'GPU', False, f'none: {err}', _NO_GPU)]
        for gpu in found:
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
        """The GPU that torch sees, '' for none."""
        return '' if self._wrong(TORCH) else (_outcome(self._ask_torch)[0] or '')

    def _ask_torch(self) -> str:
        return self._attempt(['-c', _TORCH_GPU]).strip()

    def _load_packages(self) -> None:
        """Load all of them at once: each takes seconds, and most of that is waiting."""
        named = {*CORE, *TENSORRT, _CUDA, *(one for some in EXTRAS.values() for one in some)}
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._wrong, named))

    def _wrong_with(self, package: Package) -> str:
        """Why a package cannot be used, whatever goes wrong in finding out."""
        found, why = _outcome(lambda: installed.wrong_with(package, self._attempt))
        return why if found is None else found

    def _packages(self) -> list[Line]:
        lines = [self._package_line('packages', 'core', CORE)]
        for extra, packages in EXTRAS.items():
            lines.append(self._package_line('packages', extra, packages))
        return [*lines, self._package_line('packages', 'tensorrt', self._of_tensorrt())]

    def _of_tensorrt(self) -> list[Package]:
        """What the flavours that are here need; the full one where none is."""
        flavours = [one for one in TENSORRT if not self._wrong(one)] or TENSORRT[:1]
        return [*flavours, _CUDA, TOKENIZERS]

    def _package_line(self, section: str, name: str, packages: Sequence[Package]) -> Line:
        wrong = {one: why for one in packages if (why := self._wrong(one))}
        versions = [
            f'{one.name} {installed.version_of(one)}' for one in packages if one not in wrong
        ]
        text = '; '.join([*(f'{one.name} {why}' for one, why in wrong.items()), *versions])
        advice = 'pip install ' + ' '.join(f"'{one.requirement}'" for one in wrong)
        return Line(section, name, not wrong, text, advice)

    def _ros(self) -> list[Line]:
        """rclpy, the messages of others, ours, and the middleware."""
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
                said = self._attempt(['-c', program])
            except OSError as err:
                lines.append(Line('ROS 2', name, False, str(err), advice))
            else:
                lines.append(Line('ROS 2', name, True, said.strip() or 'there'))
        return lines

    def _folder(self) -> list[Line]:
        """Files, config, weights, graphs and engines of the model's folder."""
        folder = self._found()
        return [
            Line('model', 'folder', True, str(folder)),
            *self._tried('model', 'files', lambda: self._files(folder)),
            *self._tried('model', 'graphs', lambda: self._graphs(folder)),
            *self._tried('model', 'engines', lambda: self._engines(folder)),
        ]

    def _found(self) -> Path:
        """The model's folder; one named by a hub id is looked up in the cache alone."""
        from molmo_ground_ros.backends.checkpoint import find_folder

        os.environ['HF_HUB_OFFLINE'] = '1'
        return find_folder(self._model)

    def _files(self, folder: Path) -> list[Line]:
        from molmo_ground_ros.backends.checkpoint import check_files, read_processor
        from molmo_ground_ros.backends.molmo2 import memory
        from molmo_ground_ros.backends.molmo2.config import read_config

        check_files(self._model, folder)
        config, (pixels, _) = read_config(self._model, folder), read_processor(self._model, folder)
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
        from molmo_ground_ros.backends.molmo2.config import read_config
        from molmo_ground_ros.backends.molmo2.weights import digest, read_index

        return digest(read_index(self._model, folder), read_config(self._model, folder))

    def _graphs(self, folder: Path) -> list[Line]:
        """The graphs in every format of which one is there; else those of the default one."""
        from molmo_ground_ros.backends.molmo2.exported import State, state
        from molmo_ground_ros.backends.molmo2.files import PARTS, graph_files

        digest, lines = self._digest(folder), []
        for dtype in _FORMATS:
            states = {}
            for part in PARTS:
                paths = [folder / name for name in graph_files(part, dtype)]
                path = next((one for one in paths if one.is_file()), paths[0])
                states[part] = state(path, digest)
            if dtype == _FORMATS[0] or set(states.values()) != {State.MISSING}:
                text = ', '.join(f'{part} {one.value}' for part, one in states.items())
                current = set(states.values()) == {State.CURRENT}
                advice = f'molmo-ground build {folder} --backend onnx --dtype {dtype}'
                lines.append(Line('model', f'graphs {dtype}', current, text, advice))
        return lines

    def _engines(self, folder: Path) -> list[Line]:
        """Each kept engine: is it whole, and of this checkpoint. Whether it runs here is asked."""
        digest, (found, wrong) = self._digest(folder), entries(folder)
        advice = f'molmo-ground build {folder} --backend tensorrt'
        lines = [Line('model', 'engine', False, why, advice) for why in wrong]
        for one in found:
            made = one.recipe
            why = damage(one.plan)
            if made.checkpoint != digest:
                why = 'of another checkpoint'
            text = f'{made.part} {made.weights}, {made.capability}, by {made.tensorrt}: '
            lines.append(Line('model', 'engine', not why, text + (why or 'whole'), advice))
        return lines or [Line('model', 'engines', False, 'none', advice)]

    def _verdict(self, backend: str) -> Line:
        """Whether a backend can run the model, or any model where none was named."""
        lacks, why = _outcome(lambda: self._lacks(backend))
        text, advice = (why, _MENDED) if lacks is None else lacks
        what = 'this model' if self._model else 'a model'
        return Line('backends', backend, not text, text or f'can run {what}', advice)

    def _lacks(self, backend: str) -> tuple[str, str]:
        """What a backend lacks to run the model, and what to do; '' where it lacks nothing."""
        needed = [*CORE, *(self._of_tensorrt() if backend == 'tensorrt' else EXTRAS[backend])]
        packages = self._package_line('backends', backend, needed)
        if not packages.ok:
            return packages.text, packages.advice
        if backend == 'tensorrt' and not any(one.name == 'GPU' and one.ok for one in self._gpus()):
            return 'no GPU', _NO_GPU
        if not self._model:
            return '', ''
        folder = self._found()
        self._files(folder)
        build = f'molmo-ground build {folder} --backend {backend}'
        if backend == 'tensorrt':
            try:
                self._attempt(['-c', _ENGINE, str(folder)])
            except OSError as err:
                return _said(err), build
            return '', ''
        if backend == 'onnx' and not any(line.ok for line in self._graphs(folder)):
            return 'no current graphs in the folder', build
        return self._too_large(folder, backend)

    def _too_large(self, folder: Path, backend: str) -> tuple[str, str]:
        """Where no window at all fits the memory of this machine."""
        from molmo_ground_ros.backends.base import BackendSettings
        from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
        from molmo_ground_ros.backends.molmo2.memory import longest_window

        sizes, free = open_checkpoint(BackendSettings(str(folder))).sizes, self._free(backend)
        if free is None or longest_window(sizes, 'float16', free, fused=backend != 'onnx'):
            return '', ''
        why = f'{size(free)} are free: no window fits, not even in float16'
        return why, 'a smaller model, or int4 engines: docs/jetson.md'

    def _free(self, backend: str) -> int | None:
        """The most that one device has."""
        found = [ram.available_bytes(self._root) or 0]
        if backend != 'onnx':
            try:
                found += [gpu.free or 0 for gpu in machine.gpus(self._ask)]
            except OSError:
                return found[0] or None
        return max(found) or None

    def _chosen(self) -> str:
        """What `backend: auto` takes for this folder."""
        from molmo_ground_ros import backends
        from molmo_ground_ros.backends.base import BackendSettings

        return backends.choose(backends.AUTO, BackendSettings(str(self._found())))

    def _choice(self, able: Sequence[str], chosen: str) -> Line:
        """What would be taken, and whether it can run the model."""
        if not able:
            return Line('backends', 'chosen', False, 'none can run it', 'mend one of those above')
        if chosen and chosen not in able:
            text = f'auto takes {chosen}, which cannot run it'
            return Line('backends', 'chosen', False, text, f'mend that, or --backend {able[0]}')
        return Line('backends', 'chosen', True, f'auto takes {chosen or able[0]}')


def _said(err: OSError) -> str:
    """What another process ended with; of our own errors the text without the name."""
    text = str(err)
    return text.partition(': ')[2] if text.startswith('molmo_ground_ros.errors.') else text


def _outcome(check: Callable[[], Found]) -> tuple[Found | None, str]:
    """What a check gives, or None and why it failed.

    The one place where any error is caught: whatever is broken on a machine, the page goes on.
    """
    try:
        return check(), ''
    except (GroundError, OSError) as err:
        return None, ' '.join(str(err).split())
    except Exception as err:  # noqa: BLE001
        return None, f'could not be checked: {type(err).__name__}: {" ".join(str(err).split())}'
