# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The launch file: its arguments, each explained, and what they become.

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
ARGUMENTS = {'params_file', 'namespace', 'image', 'model', 'backend', 'log_level', 'use_sim_time'}
# Our own folder launch/ is found as a namespace without a file: that is not it.
SPEC = importlib.util.find_spec('launch')
HAS_LAUNCH = bool(SPEC and SPEC.origin) and importlib.util.find_spec('launch_ros') is not None


def calls(name: str) -> list[ast.Call]:
    tree = ast.parse(FILE.read_text())
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call for call in found if isinstance(call.func, ast.Name) and call.func.id == name]


def keywords(call: ast.Call) -> dict[str, str]:
    return {keyword.arg or '': ast.unparse(keyword.value) for keyword in call.keywords}


def test_every_argument_is_declared_with_description_and_default():
    declared = {
        ast.literal_eval(call.args[0]): keywords(call) for call in calls('DeclareLaunchArgument')
    }
    assert set(declared) == ARGUMENTS
    for name, given in declared.items():
        assert {'description', 'default_value'} <= set(given), name


def test_node_is_the_one_the_package_installs():
    (node,) = map(keywords, calls('Node'))
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
                    'model': '/m',
                    'backend': 'replay',
                    'use_sim_time': 'true',
                },
                {
                    'backend': 'replay',
                    'image_topics': ['wrist/image'],
                    'model': '/m',
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
