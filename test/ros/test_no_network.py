# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node needs no network, and opens no connection but those of DDS."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.clips import stamp
from support.world import wait_until

from molmo_ground_ros.ros import convert
from molmo_ground_ros.srv import Ground

ROOT = Path(__file__).parents[2]
PATIENCE_S = 100.0
# Python runs this before anything else: each socket of the internet, and each name that is looked
# up, becomes a line of the file. A process that is started inherits it.
WATCHING = """
import os, sys

def watch(event, arguments, path=os.environ['WATCHED_SOCKETS']):
    inet = event == 'socket.__new__' and int(arguments[1]) in (2, 10)
    if inet or event in ('socket.getaddrinfo', 'socket.gethostbyname'):
        with open(path, 'a') as file:
            file.write(f'{os.getpid()} {event} {arguments[1:]}\\n')

sys.addaudithook(watch)
"""
# Brings the loopback up, as a new network namespace has it down, and becomes the command.
LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    fcntl.ioctl(one, 0x8914, struct.pack('16sh', b'lo', 0x1 | 0x40))
assert [name for _, name in socket.if_nameindex()] == ['lo']
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
GRASPS = (
    'Counting the <points coords="6.0 1 545 265;9.5 2 290 243;16.0 3 317 238">'
    'grasp of the red block</points> shows a total of 3.'
)


def watched(folder: Path) -> tuple[dict[str, str], Path]:
    """An environment in which every Python process writes down what it opens, and the file."""
    (folder / 'sitecustomize.py').write_text(WATCHING)
    record = folder / 'sockets.txt'
    return {**os.environ, 'PYTHONPATH': str(folder), 'WATCHED_SOCKETS': str(record)}, record


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


@contextmanager
def client_node() -> Iterator[Node]:
    context = Context()
    rclpy.init(context=context)
    client = Node('client', context=context)
    try:
        yield client
    finally:
        client.destroy_node()
        rclpy.shutdown(context=context)


def inet_sockets(pid: int) -> list[tuple[str, int]]:
    """(protocol, local port) of each socket of the internet that a process holds."""
    links = [str(link.readlink()) for link in Path(f'/proc/{pid}/fd').iterdir()]
    inodes = {match[1] for link in links if (match := re.fullmatch(r'socket:\[(\d+)\]', link))}
    sockets = []
    for protocol in ('tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6'):
        for line in Path(f'/proc/{pid}/net/{protocol}').read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                sockets.append((protocol, int(fields[1].rpartition(':')[2], 16)))
    return sockets


def children(pid: int) -> list[int]:
    tasks = Path(f'/proc/{pid}/task').iterdir()
    return [int(child) for task in tasks for child in (task / 'children').read_text().split()]


def ask(client: Node, name: str) -> Any:
    """Send images and ask until there is an answer."""
    executor = SingleThreadedExecutor(context=client.context)
    executor.add_node(client)
    publisher = client.create_publisher(Image, 'image', 10)
    asking = client.create_client(Ground, f'/{name}/ground')
    wait_until(asking.service_is_ready, 'the service')
    for number in range(500):
        header = Header(stamp=convert.time_msg(stamp(number / 2)), frame_id='optical')
        pixels = bytes(16 * 12 * 3)
        publisher.publish(
            Image(header=header, width=16, height=12, encoding='rgb8', step=48, data=pixels)
        )
        future = asking.call_async(Ground.Request(query='How many grasps?'))
        executor.spin_until_future_complete(future, timeout_sec=PATIENCE_S)
        if future.result().error_code == Ground.Response.OK:
            return future.result()
        executor.spin_once(timeout_sec=0.1)  # the model is loading
    raise AssertionError(future.result().error_msg)


def test_node_and_its_model_open_no_sockets_but_those_of_dds(tmp_path: Path) -> None:
    pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
    environment, record = watched(tmp_path)
    name = f'watched_{os.getpid()}'
    model = ['-p', 'backend:=onnx', '-p', f'model:={ROOT / "models/tabletop"}']
    command = [sys.executable, '-m', 'molmo_ground_ros.ros.process', '--ros-args', *model]
    with (
        running([*command, '-r', f'__node:={name}'], environment) as process,
        client_node() as client,
    ):
        reply = ask(client, name)
        (model_process,) = children(process.pid)
        sockets = inet_sockets(process.pid)
        assert inet_sockets(model_process) == []
    assert reply.frames_used
    assert not record.exists(), record.read_text()
    assert {protocol for protocol, _ in sockets} == {'udp'}
    # Source: RTPS 2.5, 9.6.2.3. A participant listens on these ports, and sends from others.
    base = 7400 + 250 * int(os.environ['ROS_DOMAIN_ID'])
    assert len([port for _, port in sockets if base <= port < base + 250]) >= 2


def test_watching_sees_connections(tmp_path: Path) -> None:
    environment, record = watched(tmp_path)
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        program = f'import socket; socket.create_connection(("localhost", {port})).close()'
        subprocess.run([sys.executable, '-c', program], env=environment, check=True, timeout=60)
    assert 'socket.getaddrinfo' in record.read_text()
    assert 'socket.__new__' in record.read_text()


def may_unshare() -> bool:
    unshare = shutil.which('unshare')
    return (
        bool(unshare)
        and not subprocess.run(
            [unshare, '--net', 'true'], capture_output=True, check=False
        ).returncode
    )


@pytest.mark.slow
@pytest.mark.skipif(not may_unshare(), reason='needs the right to make a network namespace')
def test_demo_works_where_there_is_only_loopback(tmp_path: Path) -> None:
    answers = tmp_path / 'answers.jsonl'
    answers.write_text(json.dumps({'text': GRASPS, 'match': '.'}))
    options = ['--backend', 'replay', '--model', str(answers), '--rate', '10']
    demo = ['-m', 'tools.demo', *options, '--sheet', str(tmp_path / 'sheet.png')]
    done = subprocess.run(
        ['unshare', '--net', sys.executable, '-c', LOOPBACK_UP, *demo],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'count: 3   truth: 3' in done.stdout
