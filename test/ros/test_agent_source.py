# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A running node as agents ask it, beside a real node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from sensor_msgs.msg import Image
from support.clips import stamp
from support.world import World, image, wait_until

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.client import NodeMissing, QuestionFailed
from molmo_ground_ros.client.agents import NodeSource
from molmo_ground_ros.errors import BadRequest, Canceled, ErrorCode, NoFrames
from molmo_ground_ros.reports.agent_record import AgentQuestion, stamp_text

Start = Callable[..., World]
QUESTION = 'How many times was the red block grasped?'
GRASPS = (
    'Counting the <points coords="0.5 1 500 250;1.0 2 100 900">grasp</points> shows a total of 2.'
)


@pytest.fixture
def world(start: Start) -> World:
    return start(ReplayBackend([GRASPS], repeat=True), diagnostics_period_seconds=0.1)


@pytest.fixture
def source(world: World) -> Iterator[NodeSource]:
    source = NodeSource('/molmo_ground')
    wait_until(
        lambda: world.node.count_subscribers('/molmo_ground/overlay') > 0, 'the subscription'
    )
    yield source
    source.close()


def test_answer_has_stamps_and_coverage_and_shows_the_newest_frame(
    world: World, source: NodeSource
) -> None:
    world.film(1.25, rate_hz=4.0)
    stages: list[str] = []
    question = AgentQuestion(QUESTION, on_progress=lambda *told: stages.append(told[2]))
    answer = source.ask(question)
    assert (answer.record['count'], answer.record['task']) == (2, 'count')
    stamps = [point['stamp'] for point in answer.record['points']]
    assert stamps == [stamp_text(stamp(0.5)), stamp_text(stamp(1.0))]
    assert (answer.record['coverage'], answer.record['not_seen']) == (1.0, [])
    assert answer.frame(2).shape == (12, 16, 3)
    assert answer.sheet().shape[1] > 1000
    with pytest.raises(NoFrames, match='of each event its own'):
        answer.frame(1)
    with pytest.raises(BadRequest, match='number = 7'):
        answer.frame(7)


def test_cameras_are_those_of_the_diagnostics(world: World, source: NodeSource) -> None:
    world.film(1.25, rate_hz=4.0)
    (camera,) = source.cameras('')
    assert (camera['camera'], camera['topic']) == ('image', '/image')
    assert {'state', 'rate_hz', 'newest_age_s'} <= set(camera)


def test_events_come_while_they_happen_and_nothing_stays_behind(
    world: World, source: NodeSource
) -> None:
    publisher = world.publisher(Image, 'image')
    done = threading.Event()

    def play() -> None:
        for number in range(200):
            if done.is_set():
                return
            publisher.publish(image(number / 4))
            time.sleep(0.05)

    player = threading.Thread(target=play)
    player.start()
    watched = source.watch(AgentQuestion(QUESTION), seconds=20.0, most=1)
    done.set()
    player.join()
    (event,) = watched.record['events']
    assert (event['number'], event['camera'], event['label']) == (1, 'image', 'grasp')
    assert 0 < watched.record['coverage'] <= 1
    assert watched.record['answered'] > 0
    assert watched.frame(1).shape == (12, 16, 3)
    assert world.node.standing.statuses() == []


def test_errors_keep_their_codes(world: World, source: NodeSource) -> None:
    with pytest.raises(QuestionFailed) as caught:
        source.ask(AgentQuestion(QUESTION, camera='roof'))
    assert caught.value.code is ErrorCode.BAD_REQUEST
    with pytest.raises(BadRequest, match='give both, or none'):
        source.ask(AgentQuestion(QUESTION, start='17.5'))
    stop = threading.Event()
    stop.set()
    with pytest.raises(Canceled):
        source.watch(AgentQuestion(QUESTION, stop=stop), seconds=20.0, most=1)
    assert world.node.standing.statuses() == []


def test_missing_node_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('molmo_ground_ros.ros.client.APPEAR_S', 0.2)
    monkeypatch.setattr('molmo_ground_ros.ros.agent_source.DIAGNOSTICS_S', 0.2)
    source = NodeSource('/nobody')
    try:
        with pytest.raises(NodeMissing):
            source.cameras('')
        with pytest.raises(NodeMissing) as caught:
            source.ask(AgentQuestion(QUESTION))
        assert caught.value.code is ErrorCode.NOT_ACTIVE
    finally:
        source.close()
