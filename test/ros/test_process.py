# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node as a process of its own, as `ros2 run` starts it, and the demo around it."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.world import wait_until

from molmo_ground_ros.ros import convert
from molmo_ground_ros.srv import Ground

ROOT = Path(__file__).parents[2]
GRASPS = (
    'Counting the <points coords="2.0 1 479 201;9.5 2 619 491;19.0 3 621 482">'
    'grasp of the red block</points> shows a total of 3.'
)
PATIENCE_S = 60.0
# A node whose backend hangs for a minute in the method that is its first argument.
HANGING_NODE = """
import sys, time
from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.ros import node, process

def hang(*_):
    print('hangs', flush=True)
    time.sleep(60)

def load(*_):
    backend = ReplayBackend(['yes'])
    setattr(backend, sys.argv[1], hang)
    return backend

node.load_backend = hang if sys.argv[1] == 'load' else load
raise SystemExit(process.main(['--ros-args', '-r', f'__node:={sys.argv[2]}']))
"""


def start_node(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, '-m', 'molmo_ground_ros.ros.process', '--ros-args', *arguments]
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


@pytest.mark.parametrize('method', ['load', 'prepare', 'generate', 'close'])
def test_node_whose_backend_hangs_ends_within_two_seconds(method: str) -> None:
    name = f'hangs_in_{method}_{os.getpid()}'
    command = [sys.executable, '-c', HANGING_NODE, method, name]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    context = Context()
    rclpy.init(context=context)
    client = Node('client', context=context)
    images = client.create_publisher(Image, 'image', 10)
    asking = client.create_client(Ground, f'/{name}/ground')
    assert process.stdout is not None
    try:
        wait_until(lambda: client.count_publishers(f'/{name}/points') > 0, 'the node')
        stamp_ns = 1_000_000_000
        while method != 'close' and not select.select([process.stdout], [], [], 0.1)[0]:
            stamp_ns += 500_000_000
            images.publish(image(stamp_ns))
            if method == 'generate':
                asking.call_async(Ground.Request(query='Is it there?'))
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        process.communicate(timeout=PATIENCE_S)
        elapsed_s = time.monotonic() - began
    finally:
        process.kill()
        client.destroy_node()
        rclpy.shutdown(context=context)
    assert process.returncode == 0
    assert elapsed_s < 2.0


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_model_in_a_process_of_its_own_ends_with_the_node(
    answers: Path, number: signal.Signals
) -> None:
    name = f'parent_{number.name.lower()}_{os.getpid()}'
    process = start_node(
        '-p', 'backend:=replay', '-p', f'model:={answers}', '-r', f'__node:={name}'
    )
    try:
        wait_until(lambda: bool(children(process.pid)), "the model's process")
        (child,) = children(process.pid)
        process.send_signal(number)
        began_s = time.monotonic()
        process.communicate(timeout=PATIENCE_S)
        wait_until(lambda: not is_running(child), "the model's process to end")
        assert time.monotonic() - began_s < 2.0
    finally:
        process.kill()


# A node whose model never ends loading, in a process of its own.
LOADING_NODE = """
import sys
from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.own_process import OwnProcessBackend
from molmo_ground_ros.ros import node, process

node.load_backend = lambda _, on_start: OwnProcessBackend(
    'obedient', BackendSettings('hang'), kept_bytes=0, patience_s=9.0,
    module='support.obedient_child', on_start=on_start)
raise SystemExit(process.main(['--ros-args', '-r', f'__node:={sys.argv[1]}']))
"""


def test_node_whose_model_is_loading_in_its_own_process_ends_within_two_seconds() -> None:
    path = os.pathsep.join([str(ROOT / 'test'), *sys.path])
    command = [sys.executable, '-c', LOADING_NODE, f'loads_{os.getpid()}']
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, 'PYTHONPATH': path})
    try:
        wait_until(lambda: bool(children(process.pid)), "the model's process")
        (child,) = children(process.pid)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        began_s = time.monotonic()
        assert process.wait(PATIENCE_S) == 0
        wait_until(lambda: not is_running(child), "the model's process to end")
        assert time.monotonic() - began_s < 2.0
    finally:
        process.kill()


def children(parent: int) -> list[int]:
    """The child processes of a process."""
    tasks = Path(f'/proc/{parent}/task').glob('*/children')
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def is_running(pid: int) -> bool:
    """False for a zombie too: its new parent may never ask for it."""
    try:
        status = Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return False
    return status.rpartition(')')[2].split()[0] not in 'ZX'


def image(stamp_ns: int) -> Image:
    header = Header(stamp=convert.time_msg(stamp_ns))
    pixels = bytes(16 * 12 * 3)
    return Image(header=header, width=16, height=12, encoding='rgb8', step=48, data=pixels)


def test_bad_parameter_is_one_line_and_exit_code_2() -> None:
    process = start_node('-p', 'queue_size:=-3')
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert errors.count('\n') == 1
    assert 'queue_size = -3' in errors


def test_folder_for_logs_that_cannot_be_written_costs_the_log_file_alone(answers: Path) -> None:
    name = f'without_logs_{os.getpid()}'
    command = [sys.executable, '-m', 'molmo_ground_ros.ros.process', '--ros-args']
    command += ['-r', f'__node:={name}', '-p', 'backend:=replay', '-p', f'model:={answers}']
    # Nobody may write there, root neither.
    environment = {**os.environ, 'ROS_LOG_DIR': '/proc/nowhere'}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    context = Context()
    rclpy.init(context=context)
    client = Node('client', context=context)
    try:
        wait_until(lambda: client.count_publishers(f'/{name}/points') > 0, 'the node')
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        client.destroy_node()
        rclpy.shutdown(context=context)
    assert process.returncode == 0, errors
    assert 'no log file: RCLError: failed to initialize logging' in errors
    assert "'/proc/nowhere'" in errors
    assert 'Traceback' not in errors


def demo(text: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """The demo with one recorded answer to all questions, played faster than `make demo` does."""
    answers = tmp_path / 'answers.jsonl'
    answers.write_text(json.dumps({'text': text, 'match': '.'}))
    options = ['--backend', 'replay', '--model', str(answers), '--rate', '10']
    command = [sys.executable, '-m', 'tools.demo', *options, '--sheet', str(tmp_path / 'sheet.png')]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=PATIENCE_S
    )


def test_demo_prints_the_answer_beside_the_truth(tmp_path: Path) -> None:
    done = demo(GRASPS, tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'count: 3   truth: 3' in done.stdout
    assert 'missed' not in done.stdout
    assert 'none' not in done.stdout
    places = done.stdout.partition("in metres, in the frame 'world'")[2]
    apart_cm = [float(value) for value in re.findall(r'(\d+\.\d) cm$', places, re.MULTILINE)]
    # A pixel shows the near side of a block with an edge of 6.5 cm.
    assert len(apart_cm) == 3
    assert all(3.2 <= value <= 5.7 for value in apart_cm)
    assert (tmp_path / 'sheet.png').stat().st_size > 10_000


def test_demo_counts_grasps_as_they_happen(tmp_path: Path) -> None:
    pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
    done = subprocess.run(
        [sys.executable, '-m', 'tools.demo', '--sheet', str(tmp_path / 'sheet.png')],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    live = [line.split() for line in done.stdout.splitlines() if 'live: number' in line]
    assert [words[2] for words in live] == ['1', '2', '3'][: len(live)]
    # The third may come too late on a machine that is busy.
    assert len(live) >= 2, done.stdout
    for words, grasp_s in zip(live, (1.72, 9.45, 18.90), strict=False):
        assert abs(float(words[4]) - grasp_s) <= 0.5


def test_demo_fails_where_no_count_comes_back(tmp_path: Path) -> None:
    assert demo('I see a robot.', tmp_path).returncode == 1
