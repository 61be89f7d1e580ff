# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The launch files: their arguments, each explained, and what they become.

Read by the real `launch` where ROS is installed; `launch` is not on PyPI, and elsewhere what can be
read from the source alone is checked.
"""

from __future__ import annotations

import ast
import importlib.util
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / 'launch' / 'ground.launch.py'
REPLAY = ROOT / 'launch' / 'replay.launch.py'
ARGUMENTS = {
    *('params_file', 'namespace', 'image', 'depth', 'target_frame', 'model', 'backend'),
    *('autostart', 'log_level', 'use_sim_time'),
}
REPLAY_ARGUMENTS = {'bag', 'rate', 'loop', 'delay'}
# Our own folder launch/ is found as a namespace without a file: that is not it.
SPEC = importlib.util.find_spec('launch')
HAS_LAUNCH = bool(SPEC and SPEC.origin) and importlib.util.find_spec('launch_ros') is not None


def calls(name: str, file: Path = FILE) -> list[ast.Call]:
    tree = ast.parse(file.read_text())
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call for call in found if isinstance(call.func, ast.Name) and call.func.id == name]


def keywords(call: ast.Call) -> dict[str, str]:
    return {keyword.arg or '': ast.unparse(keyword.value) for keyword in call.keywords}


@pytest.mark.parametrize(('file', 'names'), [(FILE, ARGUMENTS), (REPLAY, REPLAY_ARGUMENTS)])
def test_every_argument_is_declared_with_description_and_default(file, names):
    declared = {
        ast.literal_eval(call.args[0]): keywords(call)
        for call in calls('DeclareLaunchArgument', file)
    }
    assert set(declared) == names
    for name, options in declared.items():
        # Only the bag must be named.
        required = {'description'} if name == 'bag' else {'description', 'default_value'}
        assert required <= set(options), name


def test_node_is_the_one_the_package_installs():
    (node,) = map(keywords, calls('LifecycleNode'))
    assert node['package'] == "'molmo_ground_ros'"
    assert node['executable'] == "'ground_node'"
    assert (ROOT / 'scripts' / 'ground_node').is_file()
    assert node['name'] == "'molmo_ground'"


@pytest.mark.ros
@pytest.mark.skipif(not HAS_LAUNCH, reason='needs launch_ros: run where ROS 2 is installed')
class TestLoaded:
    """With the real launch."""

    def description(self):
        return runpy.run_path(str(FILE))['generate_launch_description']()

    def test_arguments_are_the_agreed_ones(self):
        shown = {one.name: one for one in self.description().get_launch_arguments()}
        assert set(shown) == ARGUMENTS
        assert all(one.description and one.default_value is not None for one in shown.values())

    @pytest.mark.parametrize(
        ('given', 'parameters'),
        [
            pytest.param({}, {'use_sim_time': False}, id='nothing given leaves it to the file'),
            pytest.param(
                {
                    'image': 'wrist/image',
                    'depth': 'wrist/depth',
                    'target_frame': 'map',
                    'model': '/m',
                    'backend': 'replay',
                    'autostart': 'false',
                    'use_sim_time': 'true',
                },
                {
                    'autostart': False,
                    'backend': 'replay',
                    'depth_topics': ['wrist/depth'],
                    'image_topics': ['wrist/image'],
                    'model': '/m',
                    'target_frame': 'map',
                    'use_sim_time': True,
                },
                id='given ones become parameters',
            ),
        ],
    )
    def test_arguments_become_parameters(self, given, parameters):
        from launch import LaunchContext

        context = LaunchContext()
        for argument in self.description().get_launch_arguments():
            argument.execute(context)
        context.launch_configurations.update(given)
        start = runpy.run_path(str(FILE))['parameters_of']
        assert start(context) == parameters

    @pytest.mark.parametrize(
        ('arguments', 'command'),
        [
            ({}, 'ros2 bag play /bags/a --clock --rate 1.0 --delay 3.0'),
            (
                {'rate': '2.0', 'loop': 'true', 'delay': '0'},
                'ros2 bag play /bags/a --clock --rate 2.0 --delay 0 --loop',
            ),
        ],
    )
    def test_bag_is_played_with_its_own_clock(self, arguments, command):
        from launch import LaunchContext

        context = LaunchContext()
        context.launch_configurations['bag'] = '/bags/a'
        loaded = runpy.run_path(str(REPLAY))
        for argument in loaded['declared_arguments']():
            argument.execute(context)
        context.launch_configurations.update(arguments)
        assert ' '.join(loaded['player_command'](context)) == command

    def test_replay_takes_the_arguments_of_the_node_too(self):
        description = runpy.run_path(str(REPLAY))['generate_launch_description']()
        names = {argument.name for argument in description.get_launch_arguments()}
        assert names == ARGUMENTS | REPLAY_ARGUMENTS
