# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The package as users get it: by colcon, used from the install folder, and by pip without ROS."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tools.setup import interfaces

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(sys.prefix)
PACKAGE = 'molmo_ground_ros'
BUILT_FROM = (
    *(
        'CMakeLists.txt',
        'package.xml',
        'pyproject.toml',
        'setup.py',
        'msg',
        'srv',
        'action',
        PACKAGE,
    ),
    *('scripts', 'launch', 'config', 'models', 'examples'),
)
COMPILED = shutil.ignore_patterns('__pycache__')
SHARE = Path('install', PACKAGE, 'share')


def output_of(command: list[str], **options: object) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=500, **options)
    assert ran.returncode == 0, f'{command}:\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}'
    return ran.stdout


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    """A colcon workspace with this package built and installed in it."""
    folder = tmp_path_factory.mktemp('workspace')
    # A copy: CMake refuses to export paths in the source tree, where the environment may lie.
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / 'src' / PACKAGE / name, ignore=COMPILED)
        elif (ROOT / name).is_file():
            (folder / 'src' / PACKAGE).mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / 'src' / PACKAGE)
    colcon = [str(HERE / 'bin' / 'colcon'), '--log-base', str(folder / 'log'), 'build']
    arguments = [
        '-GNinja',
        f'-DCMAKE_PREFIX_PATH={HERE}',
        f'-DPython3_EXECUTABLE={sys.executable}',
        '-DPython3_FIND_VIRTUALENV=ONLY',
        '-DBUILD_TESTING=OFF',
    ]
    environment = os.environ | interfaces.ros_environment(HERE) | {'COLCON_HOME': str(folder)}
    output_of([*colcon, '--cmake-args', *arguments], cwd=folder, env=environment)
    return folder


def installed(workspace: Path, command: str) -> str:
    """What a command prints in a shell that has sourced the workspace, away from the source."""
    script = f'. {workspace}/install/local_setup.sh && cd {workspace} && {command}'
    environment = os.environ | interfaces.ros_environment(HERE)
    environment.pop('PYTHONPATH', None)
    return output_of(['/bin/sh', '-c', script], env=environment)


@pytest.mark.ros
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    importlib.util.find_spec('ament_package') is None or not (HERE / 'bin' / 'colcon').is_file(),
    reason='needs ROS 2 and colcon in a virtual environment: run it through `make test`',
)
class TestColcon:
    """One build, shared by all tests here."""

    def test_python_package_is_used_from_the_install_folder(self, workspace):
        program = (
            f'import {PACKAGE}.language.grammar, {PACKAGE}.msg, {PACKAGE}.srv, {PACKAGE}.action; '
            f'print({PACKAGE}.__file__, {PACKAGE}.language.__file__, {PACKAGE}.msg.__file__)'
        )
        for path in installed(workspace, f'python3 -c "{program}"').split():
            assert Path(path).is_relative_to(workspace / 'install')

    def test_templates_of_pages_are_installed_beside_the_code(self, workspace):
        program = (
            f'from {PACKAGE}.reports import html; '
            'print(html.TEMPLATES, *(path.name for path in html.TEMPLATES.iterdir()))'
        )
        folder, *names = installed(workspace, f'python3 -c "{program}"').split()
        assert Path(folder).is_relative_to(workspace / 'install')
        assert set(names) == {
            path.name for path in (ROOT / PACKAGE / 'reports/templates').iterdir()
        }

    def test_ros2_finds_it(self, workspace):
        index = SHARE / 'ament_index' / 'resource_index'
        assert (workspace / index / 'packages' / PACKAGE).is_file()
        listed = (workspace / index / 'rosidl_interfaces' / PACKAGE).read_text().split()
        for name in (
            'msg/PointArray.msg',
            'msg/TrackArray.msg',
            'srv/Ground.srv',
            'action/Ground.action',
        ):
            assert name in listed
            assert (workspace / SHARE / PACKAGE / name).is_file()

    def test_launch_file_and_parameters_are_installed_side_by_side(self, workspace):
        share = workspace / SHARE / PACKAGE
        assert (share / 'launch' / 'ground.launch.py').is_file()
        for name in (
            *('ground.yaml', 'ground.rviz', 'foxglove_layout.json', 'molmo_ground.policy.xml'),
        ):
            assert (share / 'config' / name).is_file()
        assert (share / 'package.xml').is_file()

    @pytest.mark.parametrize(
        ('name', 'arguments', 'shown'),
        [
            ('ground_node', '--ros-args -p queue_size:=-3', 'queue_size = -3'),
            ('molmo-ground', 'analyze nowhere.mcap --query x', "bag 'nowhere.mcap': no such file"),
        ],
    )
    def test_executables_that_ros2_run_starts_come_to_the_point(
        self, workspace, name, arguments, shown
    ):
        program = workspace / 'install' / PACKAGE / 'lib' / PACKAGE / name
        assert os.access(program, os.X_OK)
        command = f'python3 {program} {arguments} 2>&1; echo exit code $?'
        lines = installed(workspace, command).splitlines()
        assert shown in lines[0]
        assert lines[1:] == ['exit code 2']

    def test_nothing_of_the_source_tree_came_along_that_should_not(self, workspace):
        found = list((workspace / 'install').rglob('*'))
        assert not [
            path for path in found if path.name in ('test', 'tools', '.venv', 'conftest.py')
        ]


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """The wheel that `pip install .` makes, built without a network from a copy of the source."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    source.mkdir()
    for name in ('pyproject.toml', 'setup.py', 'LICENSE', 'README.md'):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / PACKAGE, source / PACKAGE, ignore=COMPILED)
    alone = ['--no-deps', '--no-index', '--no-build-isolation', '--disable-pip-version-check']
    output_of([sys.executable, '-m', 'pip', 'wheel', *alone, '-w', str(folder), str(source)])
    return next(folder.glob('*.whl'))


@pytest.fixture(scope='module')
def bare(wheel, tmp_path_factory):
    """Python of an environment that holds the wheel, numpy and OpenCV: neither ROS nor torch."""
    folder = tmp_path_factory.mktemp('bare')
    output_of([sys.executable, '-m', 'venv', '--without-pip', str(folder)])
    python = folder / 'bin' / 'python'
    site = next(folder.glob('lib/python3*/site-packages'))
    for pattern in ('numpy', 'numpy.libs', 'cv2', 'opencv_python*.libs'):
        for path in Path(sysconfig.get_path('platlib')).glob(pattern):
            (site / path.name).symlink_to(path)
    alone = ['--no-deps', '--no-index', '--disable-pip-version-check']
    pip = [sys.executable, '-m', 'pip', '--python', str(python), 'install', *alone]
    output_of([*pip, str(wheel)])
    return python


def test_wheel_holds_the_package_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(f'{PACKAGE}-0.1.0.dist-info/METADATA').decode()
    assert {name.partition('/')[0] for name in names} == {PACKAGE, f'{PACKAGE}-0.1.0.dist-info'}
    assert f'{PACKAGE}/py.typed' in names
    templates = {path.name for path in (ROOT / PACKAGE / 'reports' / 'templates').iterdir()}
    assert {'analysis.html', 'evaluation.html', 'page.css', 'report.css', 'page.js'} <= templates
    assert {f'{PACKAGE}/reports/templates/{name}' for name in templates} <= set(names)
    needed = [line for line in metadata.splitlines() if line.startswith('Requires-Dist')]
    assert {line.split()[1].partition('>')[0] for line in needed if 'extra ==' not in line} == {
        'numpy',
        'opencv-python-headless',
    }
    for extra in ('bag', 'transformers', 'onnx', 'tensorrt', 'eval', 'dev'):
        assert f'Provides-Extra: {extra}' in metadata


def test_core_works_where_neither_ros_nor_torch_is_installed(bare):
    program = (
        'import importlib.util as u\n'
        'assert not any(map(u.find_spec, ("rclpy", "torch", "transformers", "rosbags")))\n'
        f'import {PACKAGE}.types, {PACKAGE}.errors, {PACKAGE}.config\n'
        f'import {PACKAGE}.frames.clip_buffer, {PACKAGE}.frames.image, {PACKAGE}.frames.windows\n'
        f'import {PACKAGE}.language.grammar, {PACKAGE}.language.prompts\n'
        f'import {PACKAGE}.grounding.session\n'
        f'from {PACKAGE}.grounding.grounder import Grounder\n'
        f'print({PACKAGE}.__file__)\n'
    )
    printed = output_of([str(bare), '-c', program], cwd=bare.parent)
    assert Path(printed.strip()).is_relative_to(bare.parents[1])


def test_command_is_installed(bare):
    assert f'from {PACKAGE}.cli import main' in (bare.parent / 'molmo-ground').read_text()
