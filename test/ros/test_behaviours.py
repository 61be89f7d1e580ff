# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A behaviour that asks, in a tree of py_trees, beside a real node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')
py_trees = pytest.importorskip('py_trees', reason="needs pip install '.[planners]'")

from py_trees.common import Access, Status
from support.world import World, wait_until

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.client import GroundClient
from molmo_ground_ros.client.behaviours import AskQuestion, count_at_least, has_point

Start = Callable[..., World]
QUESTION = 'How many times was the red block grasped?'


def grasps(count: int) -> str:
    rows = ';'.join(f'{number / 2} {number + 1} 500 250' for number in range(count))
    return f'Counting the <points coords="{rows}">grasp</points> shows a total of {count}.'


@pytest.fixture
def client_of() -> Iterator[Callable[[World], GroundClient]]:
    clients: list[GroundClient] = []

    def make(world: World) -> GroundClient:
        clients.append(GroundClient(world.client))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
    py_trees.blackboard.Blackboard.clear()


def ticked(behaviour: Any) -> Status:
    """Tick until it is no longer running."""
    deadline = time.monotonic() + 20.0
    behaviour.tick_once()
    while behaviour.status == Status.RUNNING:
        assert time.monotonic() < deadline, 'timed out'
        time.sleep(0.01)
        behaviour.tick_once()
    return Status(behaviour.status)


@pytest.mark.parametrize(
    ('text', 'condition', 'status'),
    [
        (grasps(3), count_at_least(3), Status.SUCCESS),
        (grasps(2), count_at_least(3), Status.FAILURE),
        ('I see a robot.', count_at_least(0), Status.FAILURE),
        (grasps(1), has_point, Status.SUCCESS),
        ('There are none.', has_point, Status.FAILURE),
    ],
)
def test_status_says_whether_the_condition_holds(
    start: Start, client_of: Any, text: str, condition: Any, status: Status
) -> None:
    world = start(ReplayBackend([text]))
    world.film(2.0, rate_hz=4.0)
    behaviour = AskQuestion('grasped', client_of(world), QUESTION, condition, key='/grasps')
    behaviour.tick_once()
    assert behaviour.status == Status.RUNNING
    assert ticked(behaviour) == status
    assert behaviour.feedback_message == text
    reader = py_trees.blackboard.Client(name='reader')
    reader.register_key(key='/grasps', access=Access.READ)
    assert reader.get('/grasps').text == text


def test_tree_places_again_until_the_block_was_grasped_three_times(
    start: Start, client_of: Any
) -> None:
    world = start(ReplayBackend([grasps(1), grasps(2), grasps(3)]))
    world.film(2.0, rate_hz=4.0)
    placed: list[int] = []

    class Place(py_trees.behaviour.Behaviour):  # type: ignore[misc]
        def update(self) -> Status:
            placed.append(len(placed) + 1)
            return Status.FAILURE

    asks = AskQuestion('grasped three times', client_of(world), QUESTION, count_at_least(3))
    mission = py_trees.composites.Selector('mission', memory=True)
    mission.add_children([asks, Place('place again')])
    retried = py_trees.decorators.Retry('until done', mission, num_failures=10)
    assert ticked(retried) == Status.SUCCESS
    assert placed == [1, 2]


def test_error_of_the_node_is_a_failure_with_its_words(start: Start, client_of: Any) -> None:
    world = start(ReplayBackend([grasps(1)]))
    world.film(2.0, rate_hz=4.0)
    behaviour = AskQuestion('grasped', client_of(world), QUESTION, camera='roof')
    assert ticked(behaviour) == Status.FAILURE
    assert "unknown camera 'roof'" in behaviour.feedback_message


def test_question_is_asked_again_while_the_model_loads(start: Start, client_of: Any) -> None:
    release = threading.Event()

    def load(_: Any) -> ReplayBackend:
        assert release.wait(20.0)
        return ReplayBackend([grasps(3)])

    world = start(load, ready=False)
    behaviour = AskQuestion('grasped', client_of(world), QUESTION, count_at_least(3))
    world.film(2.0, rate_hz=4.0)
    for _ in range(20):
        behaviour.tick_once()
        assert behaviour.status == Status.RUNNING
        time.sleep(0.01)
    release.set()
    assert ticked(behaviour) == Status.SUCCESS


def test_leaving_the_behaviour_cancels_the_question(start: Start, client_of: Any) -> None:
    world = start(ReplayBackend([grasps(3)], delay=lambda: time.sleep(0.2)))
    world.film(2.0, rate_hz=4.0)
    behaviour = AskQuestion('grasped', client_of(world), QUESTION)
    behaviour.tick_once()
    wait_until(lambda: world.node.session.stats().running_s > 0, 'the question to run')
    behaviour.stop(Status.INVALID)
    outcomes = world.node.session.stats
    wait_until(lambda: outcomes().outcomes.get('CANCELED') == 1, 'the question to be cancelled')
