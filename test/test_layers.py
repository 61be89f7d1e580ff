# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Holds every import in the package to the floors of docs/architecture.md.

A file imports from its own floor or a lower one and never in a circle; a package from outside is
imported only where the tables below allow it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = 'molmo_ground_ros'
ROOT = Path(__file__).resolve().parents[1]

# Floor of every module and folder of the package. One that is not listed is a violation.
FLOORS = {
    1: {
        *('clip', 'config', 'conversions', 'datasets', 'decoded', 'errors', 'grammar', 'image'),
        *(
            'lru',
            'masks',
            'metrics',
            'prompts',
            'replace',
            'stitch',
            'training_data',
            'types',
            'verdicts',
        ),
        *('videos', 'windows'),
    },
    2: {'backends'},
    3: {'ahead', 'grounder', 'scores', 'session', 'standing'},
    4: {'analysis', 'bag', 'cli', 'commands', 'evaluation', 'recording', 'report', 'ros'},
}

# The files of the backend named transformers; replay and the choice between backends know no torch.
HF = {'backends/hf', 'backends/weights'}
SAM2 = {'backends/sam2'}
# The files of our own graph that know torch: with `onnx` none of them is imported.
GRAPH = {
    *(f'backends/molmo2/{name}' for name in ('export', 'graph', 'load', 'ops', 'vision')),
    *(f'backends/molmo2/runtimes/{name}' for name in ('cuda_graphs', 'torch')),
}
# Packages from outside that every file may import, and those that only some may.
EVERYWHERE = {'cv2', 'numpy'}
ONLY_IN = {
    'ament_index_python': {'ros'},
    'backports': {'recording/unpack'},
    'builtin_interfaces': {'ros'},
    'compression': {'recording/unpack'},
    'cuda': {'backends/molmo2/trt/cuda_memory'},
    'cv_bridge': {'ros'},
    'diagnostic_msgs': {'ros'},
    'geometry_msgs': {'ros'},
    'huggingface_hub': {'backends/checkpoint'},
    'lz4': {'recording/unpack'},
    'ml_dtypes': {'backends/molmo2/codes'},
    'onnx_ir': {
        *(
            f'backends/molmo2/{name}'
            for name in ('capacity', 'export', 'quantize', 'trt/graph_file')
        )
    },
    'onnxruntime': {'backends/molmo2/runtimes/onnx'},
    'pyarrow': {'datasets/rows', 'datasets/write'},
    'pycocotools': {'masks'},
    'ray': {'analysis/spread'},
    'rcl_interfaces': {'ros'},
    'rclpy': {'ros'},
    'rosbags': {'analysis/outputs/bag'},  # reading needs none of it; see recording/mcap.py
    'ruamel': {'commands/questions'},
    'safetensors': HF,
    'scipy': {'metrics', 'stitch'},
    'sensor_msgs': {'ros'},
    'std_msgs': {'ros'},
    'tensorrt': {'backends/molmo2/trt/find'},  # by name, as tensorrt_rtx
    'tf2_ros': {'ros'},
    'tokenizers': {'backends/molmo2/tokens'},
    'torch': {*HF, *GRAPH, *SAM2, 'backends/device'},
    'transformers': {*HF, *SAM2},
    f'{PACKAGE}.action': {'ros'},
    f'{PACKAGE}.msg': {'ros'},
    f'{PACKAGE}.srv': {'ros'},
}


@dataclass(frozen=True)
class Import:
    """One name that a file imports."""

    file: str  # relative to the package
    line: int
    name: str  # dotted, absolute

    def breaks(self, rule: str) -> str:
        return f'{PACKAGE}/{self.file}:{self.line}: imports {self.name}: {rule}'


def covers(entry: str, file: str) -> bool:
    return file == f'{entry}.py' or file.startswith(f'{entry}/')


def floor(file: str) -> int | None:
    return next((n for n, entries in FLOORS.items() if any(covers(e, file) for e in entries)), None)


def files(package: Path) -> list[str]:
    found = (path.relative_to(package).as_posix() for path in package.rglob('*.py'))
    return sorted(file for file in found if file != '__init__.py')


def file_of(name: str, package: Path) -> str | None:
    """The file a dotted name is, or lies in; None for generated and foreign names."""
    parts = name.split('.')
    if parts[0] != PACKAGE:
        return None
    for end in range(len(parts), 1, -1):
        stem = '/'.join(parts[1:end])
        for file in (f'{stem}.py', f'{stem}/__init__.py'):
            if (package / file).is_file():
                return file
    return None


def imports(file: str, package: Path) -> Iterator[Import]:
    """Every import in a file, at its top or inside a function, with relative ones made absolute."""
    tree = ast.parse((package / file).read_text(), filename=file)
    folder = [PACKAGE, *Path(file).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] if node.level else []
            module = '.'.join([*base, *filter(None, [node.module])])
            for alias in node.names:
                # `from package import module` imports that module, `from module import X` does not.
                whole = f'{module}.{alias.name}'
                inner = file_of(whole, package) not in (None, file_of(module, package))
                generated = whole in ONLY_IN
                yield Import(file, node.lineno, whole if inner or generated else module)


def foreign_violations(found: Import) -> Iterator[str]:
    allowed = next(
        (where for name, where in ONLY_IN.items() if f'{found.name}.'.startswith(f'{name}.')), None
    )
    top = found.name.partition('.')[0]
    if allowed is not None:
        if not any(covers(entry, found.file) for entry in allowed):
            yield found.breaks(f'only {", ".join(sorted(allowed))} may')
    elif top == PACKAGE:
        yield found.breaks('there is no such module')
    elif top not in EVERYWHERE and top not in sys.stdlib_module_names:
        yield found.breaks('test_layers.py does not say which file may')


def floor_violations(found: Import, target: str) -> Iterator[str]:
    own, other = floor(found.file), floor(target)
    if own is not None and other is not None and other > own:
        yield found.breaks(f'floor {own} may not import from floor {other}')


def circles(edges: dict[str, dict[str, Import]]) -> Iterator[str]:
    """Every circle of imports, once, named by the import that closes it."""
    done: set[str] = set()

    def visit(file: str, path: list[str]) -> Iterator[str]:
        if file in done:
            return
        for target, found in edges.get(file, {}).items():
            if target in path:
                yield found.breaks(
                    f'a circle: {" -> ".join([*path[path.index(target) :], target])}'
                )
            else:
                yield from visit(target, [*path, target])
        done.add(file)

    for start in edges:
        yield from visit(start, [start])


def violations(package: Path) -> list[str]:
    found: list[str] = []
    edges: dict[str, dict[str, Import]] = {}
    for file in files(package):
        if floor(file) is None:
            found.append(
                f'{PACKAGE}/{file}: stands on no floor: add it to FLOORS in test_layers.py'
            )
        for one in imports(file, package):
            target = file_of(one.name, package)
            if target is None:
                if one.name != PACKAGE:
                    found += foreign_violations(one)
            elif target != file:
                found += floor_violations(one, target)
                edges.setdefault(file, {}).setdefault(target, one)
    return found + list(circles(edges))


def test_every_import_keeps_to_its_floor():
    found = violations(ROOT / PACKAGE)
    assert not found, '\n'.join(found)


def test_package_init_holds_nothing_but_the_path():
    tree = ast.parse((ROOT / PACKAGE / '__init__.py').read_text())
    statements = [ast.unparse(node) for node in tree.body[1:]]
    assert statements == ["__path__ = __import__('pkgutil').extend_path(__path__, __name__)"]


# Imports the modules named on the command line: on the way, nothing forbidden may be imported.
GUARDED = """
import importlib, sys
root, forbidden, modules = sys.argv[1], set(sys.argv[2].split(',')), sys.argv[3].split(',')
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name in forbidden or name.partition('.')[0] in forbidden:
            raise ImportError(f'{name} must not be imported here')
sys.meta_path.insert(0, Guard())
sys.path.insert(0, root)
for module in modules:
    importlib.import_module(module)
"""


def test_core_and_command_import_with_nothing_heavy_installed():
    core = [file for file in files(ROOT / PACKAGE) if floor(file) in (1, 3)]
    modules = ['.'.join([PACKAGE, *Path(file).with_suffix('').parts]) for file in core]
    modules = [module.removesuffix('.__init__') for module in modules]
    modules += [f'{PACKAGE}.backends', f'{PACKAGE}.backends.replay', f'{PACKAGE}.cli']
    forbidden = ','.join(name for name in ONLY_IN if name != 'scipy')
    command = [sys.executable, '-c', GUARDED, str(ROOT), forbidden, ','.join(modules)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr


def package_with(folder: Path, sources: dict[str, str]) -> Path:
    package = folder / PACKAGE
    for name, source in sources.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return package


@pytest.mark.parametrize(
    ('sources', 'message'),
    [
        pytest.param(
            {'types.py': '\nimport torch\n'},
            'molmo_ground_ros/types.py:2: imports torch: '
            f'only {", ".join(sorted(ONLY_IN["torch"]))} may',
            id='heavy package on floor 1',
        ),
        pytest.param(
            {'grounder.py': 'def ask():\n    import rclpy.node\n'},
            'molmo_ground_ros/grounder.py:2: imports rclpy.node: only ros may',
            id='inside a function counts as well',
        ),
        pytest.param(
            {'clip.py': 'from molmo_ground_ros import session\n', 'session.py': ''},
            'molmo_ground_ros/clip.py:1: imports molmo_ground_ros.session: '
            'floor 1 may not import from floor 3',
            id='from package import module, upwards',
        ),
        pytest.param(
            {'backends/base.py': 'from ..cli import main\n', 'cli.py': 'main = 1\n'},
            'molmo_ground_ros/backends/base.py:1: imports molmo_ground_ros.cli: '
            'floor 2 may not import from floor 4',
            id='relative import, upwards',
        ),
        pytest.param(
            {'bag.py': 'from molmo_ground_ros.msg import PointArray\n'},
            'molmo_ground_ros/bag.py:1: imports molmo_ground_ros.msg: only ros may',
            id='generated messages outside ros',
        ),
        pytest.param(
            {'bag.py': 'from molmo_ground_ros import msg\n'},
            'molmo_ground_ros/bag.py:1: imports molmo_ground_ros.msg: only ros may',
            id='generated messages as a module',
        ),
        pytest.param(
            {
                'types.py': 'from molmo_ground_ros import errors\n',
                'errors.py': 'from .types import X\n',
            },
            'molmo_ground_ros/types.py:1: imports molmo_ground_ros.errors: '
            'a circle: errors.py -> types.py -> errors.py',
            id='circle',
        ),
        pytest.param(
            {'types.py': 'import pandas\n'},
            'molmo_ground_ros/types.py:1: imports pandas: '
            'test_layers.py does not say which file may',
            id='package nobody decided on',
        ),
        pytest.param(
            {'helpers.py': ''},
            'molmo_ground_ros/helpers.py: stands on no floor: add it to FLOORS in test_layers.py',
            id='file nobody placed',
        ),
    ],
)
def test_violation_is_named_with_file_line_import_and_rule(tmp_path, sources, message):
    assert violations(package_with(tmp_path, sources)) == [message]


def test_imports_downwards_and_of_the_standard_library_are_fine(tmp_path):
    sources = {
        'types.py': 'import dataclasses\nimport numpy as np\n',
        'session.py': 'from molmo_ground_ros import types\nfrom molmo_ground_ros.types import X\n',
        'backends/hf.py': 'import torch\n',
        'ros/node.py': 'from molmo_ground_ros.srv import Ground\nfrom ..session import Session\n',
    }
    assert violations(package_with(tmp_path, sources)) == []
