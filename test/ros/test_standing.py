# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Standing questions of the node over real DDS: set, listed and removed, and their events."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.clips import stamp
from support.standing import PLAIN, QUESTION, TRACKING, TruthfulBackend
from support.world import World, wait_until

from molmo_ground_ros.msg import Event, PointArray, StandingQuery, TrackArray
from molmo_ground_ros.ros import convert
from molmo_ground_ros.srv import Ground, ListQueries, RemoveQuery, SetQuery

Start = Callable[..., World]
GRASPS = [(float(time), 0.25, 0.5) for time in range(3, 200, 7)]
FAST = {**PLAIN, 'prepare': False, 'diagnostics_period_seconds': 0.1}


def at(seconds: float) -> Time:
    return convert.time_msg(stamp(seconds))


class Film:
    """Publishes images two a second, each once the node has taken in the one before it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._publisher = world.publisher(Image, 'image')
        self.now = 0.0

    def until(self, end: float) -> None:
        while self.now <= end:
            header = Header(stamp=at(self.now), frame_id='optical')
            image = Image(
                header=header, width=8, height=6, encoding='rgb8', step=24, data=bytes(144)
            )
            self._world.send(self._publisher, 'image', image)
            self.now += 0.5


def call(world: World, kind: Any, name: str, **request: Any) -> Any:
    client = world.client.create_client(kind, f'/molmo_ground/{name}')
    wait_until(client.service_is_ready, name)
    future = client.call_async(kind.Request(**request))
    wait_until(future.done, f'a reply of {name}')
    return future.result()


def set_query(world: World, **fields: Any) -> Any:
    return call(world, SetQuery, 'set_query', query=StandingQuery(**fields))


def answered(world: World, count: int) -> None:
    """Wait until the first question was answered so often."""
    wait_until(lambda: world.node.standing.statuses()[0].answered >= count, 'an answer')


def test_events_are_published_once_as_they_happen(start: Start) -> None:
    world = start(TruthfulBackend(GRASPS), **FAST)
    events = world.listen(Event, '/molmo_ground/events')
    points = world.listen(PointArray, '/molmo_ground/points')
    reply = set_query(world, id='grasps', query=QUESTION, period=Duration(sec=2))
    assert (reply.error_code, reply.error_msg, reply.id) == (Ground.Response.OK, '', 'grasps')
    film = Film(world)
    for number, end in enumerate((8, 12, 16), start=1):
        film.until(end)
        answered(world, number)
    wait_until(lambda: len(events) == 2, 'two events')
    first, second = events
    assert (first.query_id, first.query, first.camera) == ('grasps', QUESTION, 'image')
    assert (first.number, first.total, first.point.id) == (1, 1, 1)
    assert (second.number, second.total, second.point.id) == (2, 2, 2)
    assert (first.header.stamp, first.header.frame_id) == (at(3), 'optical')
    assert (first.point.stamp, first.point.x, first.point.y) == (at(3), 2.0, 3.0)
    assert (second.point.stamp, second.label) == (at(10), 'grasp')
    assert (first.image_width, first.image_height) == (8, 6)
    assert first.coverage == 1.0 and list(first.doubts) == []
    assert first.covered.start == at(0)
    wait_until(lambda: len(points) >= 3, 'the answers')
    assert {array.query_id for array in points} == {'grasps'}


def test_questions_are_listed_and_removed(start: Start) -> None:
    world = start(TruthfulBackend(GRASPS), standing_queries=[QUESTION], **FAST)
    set_query(world, query=TRACKING, task=3, period=Duration(sec=4), priority=2)
    film = Film(world)
    film.until(10)
    answered(world, 1)
    first, second = call(world, ListQueries, 'list_queries').queries
    assert (first.id, first.query, second.id, second.query) == (
        'standing-1',
        QUESTION,
        'standing-2',
        TRACKING,
    )
    assert (first.period, first.window) == (Duration(sec=5), Duration(sec=20))
    assert (second.period, second.priority, second.task) == (Duration(sec=4), 2, 3)
    assert (first.total, first.answered, first.coverage) == (1, 1, 1.0)
    assert first.covered_until == at(10)
    reply = call(world, RemoveQuery, 'remove_query', id='standing-1')
    assert reply.error_code == Ground.Response.OK
    again = call(world, RemoveQuery, 'remove_query', id='standing-1')
    assert again.error_code == Ground.Response.BAD_REQUEST
    assert "'standing-1'" in again.error_msg and "'standing-2'" in again.error_msg
    assert [q.id for q in call(world, ListQueries, 'list_queries').queries] == ['standing-2']


def test_a_bad_request_is_refused_with_its_value(start: Start) -> None:
    world = start(TruthfulBackend(), **FAST)
    for fields, words in (
        ({'query': ''}, 'empty'),
        ({'query': 'x', 'task': 77}, '77'),
        ({'query': 'x', 'cameras': ['top']}, "'top'"),
        ({'query': 'x', 'period': Duration(sec=-3)}, '-3 s'),
        ({'query': 'x', 'window': Duration(sec=99)}, '99 s'),
        ({'query': 'x', 'id': 'i' * 200}, 'iii'),
        ({'query': 'x' * 5000}, '5000'),
        ({'query': 'What do you see?'}, 'words'),
    ):
        reply = set_query(world, **fields)
        assert reply.error_code == Ground.Response.BAD_REQUEST, fields
        assert words in reply.error_msg
    assert call(world, ListQueries, 'list_queries').queries == []


def test_tracks_have_the_ids_of_objects(start: Start) -> None:
    world = start(TruthfulBackend(), standing_queries=[TRACKING], **FAST)
    tracks = world.listen(TrackArray, '/molmo_ground/tracks')
    film = Film(world)
    for number, end in enumerate((10, 15, 20), start=1):
        film.until(end)
        answered(world, number)
    wait_until(lambda: len(tracks) == 3, 'three answers')
    assert [[track.id for track in array.tracks] for array in tracks] == [[1]] * 3
    assert {point.id for array in tracks for point in array.tracks[0].points} == {1}


def test_a_span_longer_than_the_buffer_is_answered_and_says_what_is_unseen(start: Start) -> None:
    world = start(TruthfulBackend(GRASPS), standing_queries=[QUESTION], buffer_seconds=15.0, **FAST)
    film = Film(world)
    for number, end in enumerate(range(10, 41, 5), start=1):
        film.until(end)
        answered(world, number)
    backend_calls = len(world.node.standing.statuses())
    reply = world.ask(query=QUESTION, start=at(1), end=at(40))
    assert (reply.error_code, reply.points.count) == (Ground.Response.OK, 6)
    assert [point.stamp for point in reply.points.points] == [at(t) for t in range(3, 39, 7)]
    (span,) = reply.unseen
    assert (span.start, span.end) == (at(38.5), at(40))
    assert reply.model == 'truthful' and backend_calls == 1
    other = world.ask(query='How many cups are there?', start=at(1), end=at(40))
    assert other.error_code == Ground.Response.WINDOW_NOT_COVERED


def statuses(messages: list[Any], word: str) -> list[DiagnosticStatus]:
    return [s for array in messages[-1:] for s in array.status if word in s.name]


def test_diagnostics_say_whether_the_model_keeps_up(start: Start) -> None:
    world = start(TruthfulBackend(GRASPS), standing_queries=[QUESTION], **FAST)
    heard = world.listen(DiagnosticArray, '/diagnostics')
    wait_until(lambda: statuses(heard, 'standing'), 'a status')
    (status,) = statuses(heard, 'standing')
    assert status.message == 'asked every 5 s, not answered yet'
    film = Film(world)
    film.until(10)
    answered(world, 1)
    with world.node.session._changed:
        # The worker cannot take a pass meanwhile.
        film.until(28)
    answered(world, 2)
    wait_until(
        lambda: (
            [s.message for s in statuses(heard, 'standing')]
            == ['asked every 5 s, answered every 18 s']
        ),
        'the warning',
    )
    (status,) = statuses(heard, 'standing')
    values = {item.key: item.value for item in status.values}
    assert status.level == DiagnosticStatus.WARN
    assert (values['skipped'], values['answered'], values['total']) == ('2', '2', '4')


def test_state_outlives_the_node_and_a_damaged_file_is_told(start: Start, tmp_path: Path) -> None:
    path = tmp_path / 'state.json'
    settings = {'standing_queries': [QUESTION], 'state_file': str(path), **FAST}
    world = start(TruthfulBackend(GRASPS), **settings)
    film = Film(world)
    film.until(10)
    answered(world, 1)
    world.node.close()
    again = start(TruthfulBackend(GRASPS), **settings)
    (status,) = call(again, ListQueries, 'list_queries').queries
    assert (status.total, status.answered) == (1, 1)
    again.node.close()
    path.write_text('{')
    last = start(TruthfulBackend(GRASPS), **settings)
    heard = last.listen(DiagnosticArray, '/diagnostics')
    wait_until(lambda: statuses(heard, 'state of'), 'the error')
    (status,) = statuses(heard, 'state of')
    assert status.level == DiagnosticStatus.ERROR and 'damaged' in status.message
    assert (tmp_path / 'state.json.refused').read_text() == '{'


def test_a_node_that_is_not_configured_refuses(start: Start) -> None:
    world = start(TruthfulBackend(), autostart=False, **FAST)
    reply = set_query(world, query=QUESTION)
    assert reply.error_code == Ground.Response.NOT_ACTIVE
    assert call(world, ListQueries, 'list_queries').queries == []


def test_a_bad_entry_of_the_parameter_is_named(start: Start) -> None:
    entry = json.dumps({'query': QUESTION, 'perod': 5})
    world = start(TruthfulBackend(), autostart=False, standing_queries=[QUESTION, entry])
    errors: list[str] = []
    world.node.get_logger().error = errors.append
    assert not world.node.autostart()
    assert 'standing_queries, entry 2' in errors[0] and "'perod'" in errors[0]
