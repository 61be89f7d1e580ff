# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node as a process of its own, as `ros2 run` starts it, and the demo around it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from support.world import wait_until

ROOT = Path(__file__).parents[2]
GRASPS = (
    'Counting the <points coords="6.0 1 545 265;9.5 2 290 243;16.0 3 317 238">'
    'grasp of the red block</points> shows a total of 3.'
)
PATIENCE_S = 60.0


def start_node(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, '-m', 'molmo_ground_ros.ros.node', '--ros-args', *arguments]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / 'answers.txt'
    path.write_text(GRASPS)
    return path


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_node_with_the_shipped_parameter_file_ends_cleanly(
    answers: Path, number: signal.Signals
) -> None:
    config = str(ROOT / 'config/ground.yaml')
    # A name of its own: a node that ended a moment ago is still seen by others for a while.
    name = f'ends_by_{number.name.lower()}_{os.getpid()}'
    parameters = ['-p', 'backend:=replay', '-p', f'model:={answers}', '-r', f'__node:={name}']
    process = start_node('--params-file', config, *parameters)
    context = Context()
    rclpy.init(context=context)
    client = Node('client', context=context)
    try:
        wait_until(lambda: client.count_publishers(f'/{name}/points') > 0, 'the node')
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        client.destroy_node()
        rclpy.shutdown(context=context)
    assert process.returncode == 0, errors
    assert 'Traceback' not in errors


def test_bad_parameter_is_one_line_and_exit_code_2() -> None:
    process = start_node('-p', 'queue_size:=-3')
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert errors.count('\n') == 1
    assert 'queue_size = -3' in errors


def demo(answers: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """The demo with recorded answers, played faster than `make demo` does."""
    options = ['--backend', 'replay', '--model', str(answers), '--rate', '10']
    command = [sys.executable, '-m', 'tools.demo', *options, '--sheet', str(tmp_path / 'sheet.png')]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=PATIENCE_S
    )


def test_demo_prints_the_answer_beside_the_truth(answers: Path, tmp_path: Path) -> None:
    done = demo(answers, tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'count: 3   truth: 3' in done.stdout
    assert 'missed' not in done.stdout
    assert 'none' not in done.stdout
    assert (tmp_path / 'sheet.png').stat().st_size > 10_000


def test_demo_fails_where_no_count_comes_back(answers: Path, tmp_path: Path) -> None:
    answers.write_text('I see a robot.')
    assert demo(answers, tmp_path).returncode == 1
