# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Text of askers, cameras and models is data: no line of a log, no command, no path, no format."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.clips import stamp
from support.world import World, image, wait_until

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.msg import PointArray, StandingQuery
from molmo_ground_ros.ros import convert
from molmo_ground_ros.srv import Ground, SetQuery

Start = Callable[..., World]
FORGED = '[FATAL] [1.0] [molmo_ground]: the model is on fire'
HOSTILE = (
    f'red\n{FORGED}\r\n\x1b[2J\x1b]0;owned\x07\x9b31m\u202e%s%n%d%(x)s{{0}}{{0.__class__}}'
    '\u2028../../../../tmp/owned;$(touch owned)`touch owned`'
)
# A line of rcutils: [LEVEL] [time] [name]: text.
LOG_LINE = re.compile(r'\[(DEBUG|INFO|WARN|ERROR|FATAL)\] \[\d+\.\d+\] \[')


@pytest.fixture
def written(
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[[], str]:
    """What the node has written to its log so far, after checks that hold for all of it."""
    monkeypatch.chdir(tmp_path)

    def read() -> str:
        text = ''.join(capfd.readouterr())
        for line in text.split('\n'):
            assert line == '' or LOG_LINE.match(line) or line.startswith('  '), repr(line)
            assert not line.startswith(FORGED)
            assert line.isprintable(), repr(line)
        for record in caplog.records:
            first, *lines = record.getMessage().split('\n')
            assert all(line.isprintable() for line in (first, *lines)), record.getMessage()
            assert all(line.startswith('  ') for line in lines), record.getMessage()
        assert list(tmp_path.iterdir()) == []
        return text

    return read


def test_model_that_writes_hostile_text_is_quoted(start: Start, written: Callable[[], str]) -> None:
    answer = f'<points coords="0.5 1 500 250">{HOSTILE}</points>'
    world = start(ReplayBackend([answer, HOSTILE]))
    arrays = world.listen(PointArray, '/molmo_ground/points')
    world.film(0.5)
    reply = world.ask(query='Where is the red block?')
    assert reply.error_code == Ground.Response.OK
    assert reply.answer == answer  # unchanged: it is the asker's to judge
    wait_until(lambda: bool(arrays), 'the points')
    world.ask(query='What happened?')
    assert '<U+001B>' in written()


def test_asker_that_writes_hostile_text_is_quoted(start: Start, written: Callable[[], str]) -> None:
    world = start(ReplayBackend(['There are none.'], repeat=True))
    world.film(0.5)
    assert world.ask(query=HOSTILE).error_code == Ground.Response.OK
    for fields in ({'camera': HOSTILE}, {'cameras': [HOSTILE]}, {'camera': 'x' * 100_000}):
        reply = world.ask(query=HOSTILE, **fields)
        assert reply.error_code == Ground.Response.BAD_REQUEST
        assert len(reply.error_msg.splitlines()) == 1
        assert len(reply.error_msg) < 3000
    text = written()
    assert '%s%n%d%(x)s{0}{0.__class__}' in text.replace('{{', '{').replace('}}', '}')
    assert len(text) < 20_000


def test_standing_question_with_hostile_text_is_quoted(
    start: Start, written: Callable[[], str]
) -> None:
    world = start(ReplayBackend(['There are none.'], repeat=True), diagnostics_period_seconds=0.1)
    received = world.listen(DiagnosticArray, '/diagnostics')
    world.film(0.5)
    client = world.client.create_client(SetQuery, '/molmo_ground/set_query')
    wait_until(client.service_is_ready, 'the service')
    for fields in (
        {'id': HOSTILE, 'query': HOSTILE},
        {'query': HOSTILE, 'cameras': [HOSTILE]},
        {'id': 'x' * 100_000, 'query': 'How many?'},
    ):
        future = client.call_async(SetQuery.Request(query=StandingQuery(**fields)))
        wait_until(future.done, 'the reply')
        assert len(future.result().error_msg.splitlines()) <= 1
    ticks = len(received)
    wait_until(lambda: len(received) > ticks + 2, 'diagnostics')
    for status in received[-1].status:
        assert status.name.isprintable() and status.message.isprintable()
        assert len(status.name) < 3000
    assert len(written()) < 20_000


def test_camera_that_writes_hostile_text_is_quoted(
    start: Start, written: Callable[[], str]
) -> None:
    world = start(ReplayBackend(['There are none.'], repeat=True), diagnostics_period_seconds=0.1)
    received = world.listen(DiagnosticArray, '/diagnostics')
    world.film(
        0.5, encoding=HOSTILE, header=Header(stamp=convert.time_msg(stamp(0.0)), frame_id=HOSTILE)
    )
    reply = world.ask(query='How many?')
    assert reply.error_code == Ground.Response.NO_FRAMES
    header = Header(stamp=convert.time_msg(stamp(1.0)), frame_id=HOSTILE)
    world.send(world.publisher(Image, 'image'), 'image', image(1.0, header=header))
    reply = world.ask(query='How many?')
    assert (reply.error_code, reply.points.header.frame_id) == (Ground.Response.OK, HOSTILE)
    wait_until(lambda: len(received) > 2, 'diagnostics')
    for status in received[-1].status:
        assert len(status.message.splitlines()) == 1
    written()


def test_backend_that_raises_hostile_text_is_quoted(
    start: Start, written: Callable[[], str]
) -> None:
    def fail() -> None:
        raise RuntimeError(HOSTILE)

    world = start(ReplayBackend(['yes'], repeat=True, delay=fail))
    world.film(0.5)
    reply = world.ask(query='How many?')
    assert reply.error_code == Ground.Response.BACKEND_FAILED
    assert reply.error_msg.isprintable()
    written()


def test_flood_of_queries_is_busy_and_no_flood_of_lines(
    start: Start, written: Callable[[], str]
) -> None:
    world = start(ReplayBackend(['There are none.'], repeat=True), queries_per_minute=5)
    world.film(0.5)
    replies = [world.ask(query='How many?') for _ in range(25)]
    assert [reply.error_code for reply in replies[:5]] == [Ground.Response.OK] * 5
    assert {reply.error_code for reply in replies[6:]} == {Ground.Response.BUSY}
    assert 'queries_per_minute = 5' in replies[-1].error_msg
    assert written().count('BUSY') < 5
