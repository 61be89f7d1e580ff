# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The set-up: done once, redone when what it rests on changes, clear about what a machine lacks."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from tools.setup import __main__ as setup
from tools.setup import interfaces, steps

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(sys.prefix)
made_by_us = pytest.mark.skipif(
    not (HERE / 'setup' / 'interfaces.stamp').is_file(),
    reason='needs the environment of `make test`',
)


@made_by_us
def test_second_set_up_does_nothing():
    command = [sys.executable, '-m', 'tools.setup', '--venv', str(HERE), '--for', 'dev']
    before = (HERE / 'setup' / 'interfaces.stamp').stat().st_mtime_ns
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, '', '')
    assert (HERE / 'setup' / 'interfaces.stamp').stat().st_mtime_ns == before


@made_by_us
@pytest.mark.ros
def test_other_ros_and_missing_home_do_not_disturb(tmp_path):
    foreign = {
        'AMENT_PREFIX_PATH': '/opt/ros/other',
        'HOME': str(tmp_path / 'missing'),
        'LD_LIBRARY_PATH': '/opt/ros/other/lib',
        'PATH': os.environ['PATH'],
        'PYTHONPATH': str(tmp_path),
        'RMW_IMPLEMENTATION': 'rmw_other',
        'ROS_LOCALHOST_ONLY': '1',
        'VENV': str(HERE),
    }
    (tmp_path / 'rclpy.py').write_text('raise ImportError("the other one")\n')
    program = (
        'import os, rclpy\n'
        'rclpy.init()\n'
        'rclpy.create_node("probe").get_logger().info("alive")\n'
        'rclpy.shutdown()\n'
        'assert 1 <= int(os.environ["ROS_DOMAIN_ID"]) <= 101\n'
        'print(os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"])\n'
    )
    command = [str(ROOT / 'tools/ros_env.sh'), 'python', '-c', program]
    ran = subprocess.run(command, env=foreign, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, 'LOCALHOST\n'), ran.stderr
    assert 'alive' in ran.stderr


def test_environment_that_is_not_there_is_named(tmp_path):
    environment = os.environ | {'VENV': str(tmp_path / 'none')}
    command = [str(ROOT / 'tools/ros_env.sh'), 'true']
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10)
    assert ran.returncode == 2
    assert f'no environment in {tmp_path / "none"}' in ran.stderr


def test_stamp_holds_until_a_file_or_fact_changes(tmp_path):
    source = tmp_path / 'A.msg'
    source.write_text('int32 x\n')

    def stamp(*facts: str) -> steps.Stamp:
        return steps.Stamp(tmp_path / 'done' / 'it.stamp', [source], *facts)

    assert not stamp('3.11').is_current()
    stamp('3.11').write()
    assert stamp('3.11').is_current()
    assert not stamp('3.12').is_current()
    source.write_text('int32 y\n')
    assert not stamp('3.11').is_current()
    stamp('3.11').write()
    stamp('3.11').clear()
    assert not stamp('3.11').is_current()


def test_failed_command_shows_the_end_of_its_output(tmp_path):
    program = 'import sys; print("last words"); sys.exit(3)'
    with pytest.raises(steps.SetupError, match=r'last words\n.* failed with exit code 3'):
        steps.run([sys.executable, '-c', program], tmp_path / 'log')


def test_command_that_is_not_there_is_named(tmp_path):
    with pytest.raises(steps.SetupError, match='cannot run /no/such/program: No such file'):
        steps.run(['/no/such/program'], tmp_path / 'log')


def test_missing_compiler_says_what_to_install(monkeypatch):
    monkeypatch.setenv('PATH', '')
    monkeypatch.delenv('CXX', raising=False)
    with pytest.raises(steps.SetupError, match=r'no C\+\+ compiler found.*apt install g\+\+'):
        steps.require_compiler()


def test_python_without_ros_wheels_is_refused(monkeypatch):
    monkeypatch.setattr(sys, 'version_info', (3, 14, 0, 'final', 0))
    with pytest.raises(steps.SetupError, match=r'is Python 3\.14, .* 3\.11 to 3\.13.*make PYTHON='):
        setup.require_python()


def test_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / 'thesis.tex').write_text('')
    with pytest.raises(steps.SetupError, match='is not empty and no virtual environment'):
        setup.make_environment(tmp_path, tmp_path / 'setup')
    assert (tmp_path / 'thesis.tex').is_file()


def test_wheel_builders_paths_become_our_own(tmp_path):
    cmake = tmp_path / 'x' / 'export.cmake'
    cmake.parent.mkdir()
    builder = '/opt/python/cp311-cp311'
    cmake.write_text(
        f'INCLUDES "${{_prefix}}/include;{builder}/include/python3.11;'
        f'{builder}/lib/python3.11/site-packages/numpy/_core/include"\n'
    )
    interfaces.point_to_own_headers(tmp_path)
    own = sysconfig.get_path('include')
    assert cmake.read_text() == f'INCLUDES "${{_prefix}}/include;{own};{np.get_include()}"\n'
