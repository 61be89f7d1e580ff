# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command that asks a running node from a shell: what it prints, and its exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from support.clips import stamp
from support.world import World, wait_until

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.ros import ask

Start = Callable[..., World]
ROOT = Path(__file__).parents[2]
QUESTION = 'How many times was the red block grasped?'
GRASPS = (
    'Counting the <points coords="0.5 1 500 250;1.0 2 100 900">grasp</points> shows a total of 2.'
)


@pytest.fixture
def answering(start: Start) -> Callable[[str], World]:
    """Starts a node that has frames, and gives one answer to every question."""

    def make(text: str) -> World:
        world = start(ReplayBackend([text], repeat=True))
        world.film(1.25, rate_hz=4.0)
        return world

    return make


def test_count_and_points_are_printed(
    answering: Callable[[str], World], capsys: pytest.CaptureFixture[str]
) -> None:
    answering(GRASPS)
    assert ask.main([QUESTION]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'count: 2'
    assert lines[1].split()[:2] == ['id', 'time']
    assert lines[3].split()[:3] == ['1', '0.50', 's']
    assert lines[-1].startswith('image: 4 of 4 frames, ')


def test_json_is_one_object_without_nan(
    answering: Callable[[str], World], capsys: pytest.CaptureFixture[str]
) -> None:
    answering(GRASPS)
    assert ask.main([QUESTION, '--json', '--task', 'count']) == 0
    record = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (record['count'], record['points'][0]['stamp_ns']) == (2, stamp(0.5))
    assert record['points'][0]['score'] is None


def test_words_are_shown_where_nothing_is_pointed_at(
    answering: Callable[[str], World], capsys: pytest.CaptureFixture[str]
) -> None:
    answering('There are none.')
    assert ask.main([QUESTION]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ['count: 0', 'the model said: There are none.']


def test_error_of_the_node_is_one_line_and_exit_code_1(
    answering: Callable[[str], World], capsys: pytest.CaptureFixture[str]
) -> None:
    answering(GRASPS)
    assert ask.main([QUESTION, '--camera', 'roof']) == 1
    streams = capsys.readouterr()
    assert streams.err.startswith("ask: BAD_REQUEST: unknown camera 'roof'")
    assert streams.out == ''


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_withdraws_the_question(start: Start, number: signal.Signals) -> None:
    hold = threading.Event()
    world = start(ReplayBackend([GRASPS], delay=lambda: hold.wait(1.0) and None, repeat=True))
    world.film(1.25, rate_hz=4.0)
    # A shell makes what it runs in the background ignore SIGINT, these tests and the command too.
    command = ['env', '--default-signal=INT', sys.executable, '-m', 'molmo_ground_ros.ros.ask']
    command.append(QUESTION * 20)
    asking = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: world.node.session.stats().running_s > 0, 'the question to run')
    asking.send_signal(number)
    output = asking.communicate(timeout=20.0)
    assert (asking.returncode, output) == (130, (b'', b''))
    wait_until(lambda: world.node.session.stats().running_s == 0, 'the question to end')
    hold.set()


def test_missing_node_is_named_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr('molmo_ground_ros.ros.client.APPEAR_S', 0.2)
    assert ask.main([QUESTION, '--node', '/nobody']) == 2
    assert "no node '/nobody'" in capsys.readouterr().err
