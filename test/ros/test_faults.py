# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of the model and the cameras, over real DDS: what the client and diagnostics see."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.action import ActionClient
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from support.world import World, image, wait_until

from molmo_ground_ros.action import Ground as GroundAction
from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.msg import PointArray
from molmo_ground_ros.srv import Ground
from molmo_ground_ros.types import Frame

Start = Callable[..., World]
LONE = '\ud83d'
CLEANED = '\ufffd'
PATIENCE_S = 20.0


def next_status(arrays: list[Any], index: int) -> DiagnosticStatus:
    """A status of the next tick of /diagnostics. index: 0 for the model, then the cameras."""
    ticks = len(arrays)
    wait_until(lambda: len(arrays) > ticks + 1, 'a tick of /diagnostics')
    return arrays[-1].status[index]


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {value.key: value.value for value in status.values}


def raise_once(error: BaseException) -> Callable[[], None]:
    errors = [error]

    def step() -> None:
        if errors:
            raise errors.pop()

    return step


def test_answer_with_a_lone_surrogate_reaches_client_and_topic(start: Start) -> None:
    text = f'<points coords="0.5 1 500 250">red {LONE}\0block</points>'
    world = start(ReplayBackend([text]))
    arrays = world.listen(PointArray, '/molmo_ground/points')
    world.film(0.5)
    reply = world.ask(query='Where is the red block?')
    assert (reply.error_code, reply.error_msg) == (Ground.Response.OK, '')
    assert reply.points.label == f'red {CLEANED}{CLEANED}block'
    wait_until(lambda: bool(arrays), 'the points')
    assert arrays[0].label == reply.points.label


def test_goal_whose_answer_has_a_lone_surrogate_succeeds(start: Start) -> None:
    world = start(ReplayBackend([f'<points coords="0.5 1 500 250">{LONE}</points>']))
    world.film(0.5)
    client = ActionClient(world.client, GroundAction, '/molmo_ground/ground')
    wait_until(client.server_is_ready, 'the action server')
    accepted = client.send_goal_async(GroundAction.Goal(query='Where is it?'))
    wait_until(accepted.done, 'the goal to be accepted')
    finished = accepted.result().get_result_async()
    wait_until(finished.done, 'the result')
    assert finished.result().result.error_code == Ground.Response.OK
    assert finished.result().result.points.label == CLEANED


def test_frame_id_that_is_no_text_reaches_the_client_cleaned(start: Start) -> None:
    world = start(ReplayBackend(['<points coords="0.0 1 500 250">it</points>']))
    message = image(0.0)
    message.header.frame_id = 'optical.'
    serialized = serialize_message(message).replace(b'optical.', b'optical\xff')
    world.publisher(Image, 'image').publish(serialized)
    buffer = world.node.cameras['image'].buffer
    wait_until(lambda: buffer.stats().received == 1, 'the image')
    reply = world.ask(query='Where is it?')
    assert reply.error_code == Ground.Response.OK
    assert reply.points.points[0].frame_id == f'optical{CLEANED}'


def test_error_with_a_lone_surrogate_is_replied_and_diagnostics_go_on(start: Start) -> None:
    step = raise_once(RuntimeError(f'cannot decode {LONE}'))
    world = start(ReplayBackend(['yes'], repeat=True, delay=step), diagnostics_period_seconds=0.1)
    arrays = world.listen(DiagnosticArray, '/diagnostics')
    world.film(0.5)
    reply = world.ask(query='Is it there?')
    assert reply.error_code == Ground.Response.BACKEND_FAILED
    assert reply.error_msg == f'RuntimeError: cannot decode {CLEANED}'
    assert values(next_status(arrays, 0))['last_error'] == reply.error_msg
    assert world.ask(query='Is it there?').error_code == Ground.Response.OK


def test_backend_that_exits_is_told_until_the_next_answer(start: Start) -> None:
    step = raise_once(SystemExit('the driver is gone'))
    world = start(ReplayBackend(['yes'], repeat=True, delay=step), diagnostics_period_seconds=0.1)
    arrays = world.listen(DiagnosticArray, '/diagnostics')
    world.film(0.5)
    reply = world.ask(query='Is it there?')
    assert reply.error_code == Ground.Response.BACKEND_FAILED
    assert reply.error_msg == 'SystemExit: the driver is gone'
    status = next_status(arrays, 0)
    assert status.level == DiagnosticStatus.WARN
    assert status.message == 'the last question failed: SystemExit: the driver is gone'
    assert world.ask(query='Is it there?').error_code == Ground.Response.OK
    assert next_status(arrays, 0).level == DiagnosticStatus.OK


def test_backend_that_hangs_in_prepare_is_told_and_questions_are_refused(start: Start) -> None:
    free = threading.Event()

    class Hanging(ReplayBackend):
        def prepare(self, camera: str, frame: Frame) -> None:
            assert free.wait(PATIENCE_S)

    settings = {'diagnostics_period_seconds': 0.1, 'stuck_seconds': 0.1}
    world = start(Hanging(['yes'], repeat=True), **settings)
    arrays = world.listen(DiagnosticArray, '/diagnostics')
    world.film(0.5)
    wait_until(lambda: world.node.session.stats().stuck != '', 'the model to be stuck')
    reply = world.ask(query='Is it there?')
    assert reply.error_code == Ground.Response.BACKEND_FAILED
    assert 'has not come back from preparing a frame' in reply.error_msg
    status = next_status(arrays, 0)
    assert status.level == DiagnosticStatus.ERROR
    assert 'has not come back from preparing a frame' in status.message
    free.set()
    wait_until(lambda: world.node.session.stats().stuck == '', 'the model to come back')
    assert world.ask(query='Is it there?').error_code == Ground.Response.OK
    assert next_status(arrays, 0).level == DiagnosticStatus.OK


def test_camera_that_falls_silent_is_told_and_so_is_its_return(start: Start) -> None:
    world = start(ReplayBackend([]), diagnostics_period_seconds=0.1)
    arrays = world.listen(DiagnosticArray, '/diagnostics')
    world.film(0.5)
    assert next_status(arrays, 1).level == DiagnosticStatus.OK
    wait_until(lambda: arrays[-1].status[1].message.startswith('no image for 2.'), 'the silence')
    assert arrays[-1].status[1].level == DiagnosticStatus.WARN
    world.send(world.publisher(Image, 'image'), 'image', image(1.0))
    assert next_status(arrays, 1).level == DiagnosticStatus.OK


def test_stamps_that_stand_still_are_an_error(start: Start) -> None:
    world = start(ReplayBackend([]), diagnostics_period_seconds=0.1)
    arrays = world.listen(DiagnosticArray, '/diagnostics')
    publisher = world.publisher(Image, 'image')
    for _ in range(5):
        world.send(publisher, 'image', image(1.0))
    status = next_status(arrays, 1)
    assert status.level == DiagnosticStatus.ERROR
    assert status.message == 'every image has the same stamp: the clock stands still'
