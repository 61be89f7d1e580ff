# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Holds every import in the package to the rooms of docs/architecture.md.

A file imports from its own room or from rooms below it, through their public modules and names, and
never in a circle; a package from outside is imported only where the tables below allow it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = 'molmo_ground_ros'
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Room:
    """A folder of the package. Entries are files without `.py`, or folders, below it."""

    below: tuple[str, ...]  # the rooms it may import from
    public: str  # what other rooms may import from, separated by blanks
    private: str = ''

    @property
    def entries(self) -> list[str]:
        return [*self.public.split(), *self.private.split()]


# What every room speaks, each with what it may import of the others. They are no rooms.
COMMON: Mapping[str, tuple[str, ...]] = {
    'plain_text': (),
    'errors': ('plain_text',),
    'types': (),
    'config': ('errors', 'types'),
}

ROOMS: Mapping[str, Room] = {
    'storage': Room((), 'atomic closing folder_lock json_lines lru'),
    'frames': Room(
        ('storage',),
        'assignment buffer_stats cdr clip_buffer decoded_cache image masks pinned_window'
        ' h264_order sampled_clip track_rule video_file video_frame video_packets windows',
        private='compressed_image group_decoder held_messages jpeg packet_group'
        ' picture_head raw_image video_groups',
    ),
    'space': Room(
        (),
        'camera_model depth_image errors camera_space locate topics transforms',
        'patch registration rvl',
    ),
    'language': Room((), 'grammar prompts'),
    'backends': Room(
        ('storage', 'frames'),
        public='base checkpoint host layouts segmenter'
        ' molmo2/config molmo2/engine molmo2/exported molmo2/files molmo2/formats molmo2/memory'
        ' molmo2/weight_counts molmo2/weights molmo_point/checkpoint molmo_point/point_files'
        ' molmo_point/point_config molmo_point/stored'
        ' molmo2/trt/plans server/deviations server/endpoint server/probe',
        private='features hf molmo2 molmo_point own_process pixels prompt_ids registry replay sam2'
        ' server text_stream weights',
    ),
    'grounding': Room(
        ('storage', 'frames', 'language', 'backends'),
        public='calibration grounder job loader motion rate_limit session session_stats'
        ' standing stitch',
        private='ahead guarded_backend placement scores session_settings tally',
    ),
    'recording': Room(
        ('storage', 'frames', 'space'),
        public='below recorded_frames lerobot/notes lerobot/choice lerobot/copy',
        private='bag_records camera_messages channels files formats foxglove index lerobot loss'
        ' mcap metadata open_files pages picture_folder recorded_space recorded_transforms'
        ' recording records rosbag1 source sqlite timeline unpack video video_topic',
    ),
    'analysis': Room(
        ('storage', 'grounding', 'recording'),
        public='calibrated findings moments positions ray/cluster ray/workers records run store'
        ' window',
        private='ray',
    ),
    'reports': Room(
        ('storage', 'analysis'),
        public='agent_record annotations answer_record answer_table bag colours contact_sheet'
        ' drawing figures html moments page table video words',
        private='message_definitions page_data page_video timeline',
    ),
    'benchmarks': Room(
        ('storage', 'frames', 'language', 'reports'),
        public='conversions datasets feedback scoring',
        private='metrics',
    ),
    'commands': Room(
        (
            *('backends', 'grounding'),
            *('recording', 'analysis', 'reports', 'benchmarks'),
        ),
        public='',
        private='agents analyze build calibrate checks convert doctor episodes estimate evaluate'
        ' exit_codes export find index loading mcp positions probes progress questions settings'
        ' evaluate_arguments evaluate_rows'
        ' convert_checkpoint convert_recording conversion_log'
        ' server_checks window',
    ),
    'ros': Room(
        ('frames', 'space', 'backends', 'grounding', 'reports'),
        public='agent_source behaviours client event_stream replies',
        private='annotations ask camera_input camera_watch common_topics convert'
        ' depth_buffer depth_input detections diagnostics event_bridge'
        ' executor image_bridge image_receiver markers node overlay pairing params places'
        ' process question_server scene standing_server transform_input transitions transports'
        ' views',
    ),
    'client': Room(('ros',), public='agents behaviours', private=''),
    # What vLLM loads, in its own processes. It knows none of the others.
    'vllm_plugin': Room((), public='', private='all_frames molmo2'),
}
# On top of the rooms: the command, which may import every one but the node.
TOP: Mapping[str, tuple[str, ...]] = {'cli': ('commands',)}

# The files of the backend named transformers; replay and the choice between backends know no torch.
HF = {'backends/hf', 'backends/weights'}
SAM2 = {'backends/sam2'}
# The files of our own graph that know torch: with `onnx` none of them is imported.
GRAPH = {
    *(f'backends/molmo2/{name}' for name in ('export', 'graph', 'load', 'ops', 'vision')),
    *(
        f'backends/molmo2/runtimes/{name}'
        for name in ('cuda_graphs', 'rounded', 'torch', 'torch_decoder')
    ),
    *(
        f'backends/molmo_point/{name}'
        for name in ('point_export', 'graph', 'load', 'runtimes/torch')
    ),
}
# Packages from outside that every file may import, and those that only some may.
EVERYWHERE = {'cv2', 'numpy'}
ONLY_IN = {
    'ament_index_python': {'ros'},
    'av': {
        *(
            f'frames/{name}'
            for name in ('group_decoder', 'video_file', 'video_frame', 'video_packets')
        ),
        'benchmarks/feedback/clip_videos',
        'reports/page_video',
    },
    'backports': {'recording/unpack'},
    'builtin_interfaces': {'ros'},
    'compression': {'recording/unpack'},
    'PIL': {'benchmarks/datasets/png'},
    'cuda': {'backends/molmo2/trt/cuda_memory'},
    'cv_bridge': {'ros'},
    'diagnostic_msgs': {'ros'},
    'geometry_msgs': {'ros'},
    'huggingface_hub': {'backends/checkpoint'},
    'jinja2': {'reports/html'},
    'lz4': {'recording/unpack'},
    'markupsafe': {'reports/html'},
    'anyio': {'commands/agents/server'},
    'mcp': {'commands/agents/server'},
    'mcp_types': {'commands/agents/server'},
    'message_filters': {'ros'},
    'ml_dtypes': {'backends/molmo2/codes'},
    'onnx_ir': {
        *(
            f'backends/molmo2/{name}'
            for name in ('capacity', 'cpu_graphs', 'export', 'matrices', 'quantize')
        ),
        'backends/molmo2/runtimes/rounded',
        'backends/molmo2/trt/graph_file',
        'backends/molmo_point/point_export',
    },
    'onnxruntime': {f'backends/molmo2/runtimes/onnx_{name}' for name in ('decoder', 'session')},
    'py_trees': {'ros/behaviours'},
    'pyarrow': {
        *('benchmarks/datasets/row_reader', 'benchmarks/datasets/write'),
        'recording/lerobot/tables',
    },
    'pycocotools': {'frames/masks'},
    'pytransform3d': {'space/transforms'},
    'ray': {'analysis/ray'},
    'rcl_interfaces': {'ros'},
    'rclpy': {'ros'},
    'rosbags': {'reports/bag'},  # reading needs none of it; see recording/mcap.py
    'ruamel': {'commands/questions'},
    'safetensors': HF,
    'scipy': {'benchmarks/metrics/reliability', 'grounding/stitch', 'frames/assignment'},
    'sensor_msgs': {'ros'},
    'std_msgs': {'ros'},
    'tensorrt': {'backends/molmo2/trt/find'},  # by name, as tensorrt_rtx
    'tf2_msgs': {'ros'},
    'tf2_ros': {'ros'},
    'visualization_msgs': {'ros'},
    'tokenizers': {'backends/molmo2/tokens'},
    'torch': {*HF, *GRAPH, *SAM2, 'backends/host/device', 'vllm_plugin'},
    'transformers': {*HF, *SAM2},
    'vllm': {'vllm_plugin'},
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


def place_of(file: str) -> str:
    """The room that a file lies in, or its own name where it lies in none."""
    return Path(file).parts[0].removesuffix('.py')


def entry_of(file: str) -> str | None:
    """The entry of its room's map that a file belongs to: the longest that covers it."""
    room = ROOMS.get(place_of(file))
    inside = file.partition('/')[2]
    entries = [entry for entry in room.entries if covers(entry, inside)] if room else []
    return max(entries, key=len, default=None)


def is_mapped(file: str) -> bool:
    place = place_of(file)
    if '/' not in file:
        return place in COMMON or place in TOP
    return place in ROOMS and (file == f'{place}/__init__.py' or entry_of(file) is not None)


def is_public(file: str) -> bool:
    """Whether other rooms may import from a file: a room's own `__init__` always."""
    place = place_of(file)
    return file == f'{place}/__init__.py' or entry_of(file) in ROOMS[place].public.split()


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


def room_violations(imported: Import, target: str) -> Iterator[str]:
    own, other = place_of(imported.file), place_of(target)
    if own == other:
        return
    below = ROOMS[own].below if own in ROOMS else {**COMMON, **TOP}.get(own, ())
    if other in COMMON:
        if own in COMMON and other not in COMMON[own]:
            yield imported.breaks(f'{own} may not import from {other}')
    elif other not in below:
        yield imported.breaks(f'{own} may not import from {other}')
    elif other in ROOMS and own in ROOMS and not is_public(target):
        yield imported.breaks(f'{target} is private to {other}')


def private_names(file: str, package: Path) -> Iterator[str]:
    """Imports from other rooms of names that begin with an underscore."""
    for node in ast.walk(ast.parse((package / file).read_text(), filename=file)):
        if isinstance(node, ast.ImportFrom) and (node.module or '').startswith(f'{PACKAGE}.'):
            target = file_of(node.module or '', package)
            if target is None or place_of(target) == place_of(file):
                continue
            for alias in node.names:
                if alias.name.startswith('_'):
                    where = Import(file, node.lineno, f'{node.module}.{alias.name}')
                    yield where.breaks(f'the name is private to {place_of(target)}')


def missing_entries(package: Path) -> Iterator[str]:
    """Entries of the maps that no file or folder stands for."""
    named = [f'{room}/{entry}' for room, spec in ROOMS.items() for entry in spec.entries]
    for entry in (*named, *COMMON, *TOP, *(e for es in ONLY_IN.values() for e in es)):
        path = package / entry
        if not path.with_name(f'{path.name}.py').is_file() and not path.is_dir():
            yield f'{entry}: test_layers.py names it, and there is no such file or folder'


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
    broken: list[str] = []
    edges: dict[str, dict[str, Import]] = {}
    for file in files(package):
        if not is_mapped(file):
            broken.append(f'{PACKAGE}/{file}: is in no room: add it to ROOMS in test_layers.py')
            continue
        broken += private_names(file, package)
        for imported in imports(file, package):
            target = file_of(imported.name, package)
            if target is None:
                if imported.name != PACKAGE:
                    broken += foreign_violations(imported)
            elif target != file and is_mapped(target):
                broken += room_violations(imported, target)
                edges.setdefault(file, {}).setdefault(target, imported)
    return broken + list(circles(edges))


def test_every_import_keeps_to_its_room():
    broken = violations(ROOT / PACKAGE)
    assert not broken, '\n'.join(broken)


def test_every_entry_of_the_maps_is_there():
    missing = list(missing_entries(ROOT / PACKAGE))
    assert not missing, '\n'.join(missing)


def test_no_room_is_among_those_below_itself():
    below = {name: room.below for name, room in ROOMS.items()}
    order = list(ROOMS)
    assert all(order.index(lower) < order.index(name) for name in below for lower in below[name])


def test_entry_without_a_file_is_named(tmp_path):
    package = package_with(tmp_path, {f'{name}.py': '' for name in (*COMMON, *TOP)})
    assert 'storage/lru: test_layers.py names it, and there is no such file or folder' in list(
        missing_entries(package)
    )


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
    light = {'storage', 'frames', 'language', 'grounding', 'recording', *COMMON}
    core = [file for file in files(ROOT / PACKAGE) if place_of(file) in light]
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
            id='heavy package in what everyone speaks',
        ),
        pytest.param(
            {'grounding/grounder.py': 'def ask():\n    import rclpy.node\n'},
            'molmo_ground_ros/grounding/grounder.py:2: imports rclpy.node: only ros may',
            id='inside a function counts as well',
        ),
        pytest.param(
            {
                'frames/image.py': 'from molmo_ground_ros.grounding import session\n',
                'grounding/session.py': '',
            },
            'molmo_ground_ros/frames/image.py:1: imports molmo_ground_ros.grounding.session: '
            'frames may not import from grounding',
            id='from package import module, upwards',
        ),
        pytest.param(
            {'backends/base.py': 'from ..cli import main\n', 'cli.py': 'main = 1\n'},
            'molmo_ground_ros/backends/base.py:1: imports molmo_ground_ros.cli: '
            'backends may not import from cli',
            id='relative import, upwards',
        ),
        pytest.param(
            {
                'grounding/grounder.py': 'from molmo_ground_ros.backends.hf import X\n',
                'backends/hf.py': '',
            },
            'molmo_ground_ros/grounding/grounder.py:1: imports molmo_ground_ros.backends.hf: '
            'backends/hf.py is private to backends',
            id='past the public modules of a room below',
        ),
        pytest.param(
            {
                'grounding/grounder.py': 'from molmo_ground_ros.backends.base import _x\n',
                'backends/base.py': '',
            },
            'molmo_ground_ros/grounding/grounder.py:1: '
            'imports molmo_ground_ros.backends.base._x: the name is private to backends',
            id='a private name of a room below',
        ),
        pytest.param(
            {'recording/index.py': 'from molmo_ground_ros.msg import PointArray\n'},
            'molmo_ground_ros/recording/index.py:1: imports molmo_ground_ros.msg: only ros may',
            id='generated messages outside ros',
        ),
        pytest.param(
            {'recording/index.py': 'from molmo_ground_ros import msg\n'},
            'molmo_ground_ros/recording/index.py:1: imports molmo_ground_ros.msg: only ros may',
            id='generated messages as a module',
        ),
        pytest.param(
            {
                'storage/lru.py': 'from molmo_ground_ros.storage import atomic\n',
                'storage/atomic.py': 'from .lru import X\n',
            },
            'molmo_ground_ros/storage/lru.py:1: imports molmo_ground_ros.storage.atomic: '
            'a circle: storage/atomic.py -> storage/lru.py -> storage/atomic.py',
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
            'molmo_ground_ros/helpers.py: is in no room: add it to ROOMS in test_layers.py',
            id='file nobody placed',
        ),
        pytest.param(
            {'frames/helpers.py': ''},
            'molmo_ground_ros/frames/helpers.py: is in no room: add it to ROOMS in test_layers.py',
            id='file in a room whose map does not name it',
        ),
    ],
)
def test_violation_is_named_with_file_line_import_and_rule(tmp_path, sources, message):
    assert violations(package_with(tmp_path, sources)) == [message]


def test_imports_downwards_and_of_the_standard_library_are_fine(tmp_path):
    sources = {
        'types.py': 'import dataclasses\nimport numpy as np\n',
        'grounding/session.py': 'from molmo_ground_ros import types\n'
        'from molmo_ground_ros.types import X\n',
        'backends/hf.py': 'import torch\n',
        'ros/node.py': 'from molmo_ground_ros.srv import Ground\n'
        'from ..grounding.session import Session\n',
    }
    assert violations(package_with(tmp_path, sources)) == []
