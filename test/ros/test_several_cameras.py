# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One question to several cameras: an answer or an error for each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from support.world import World, wait_until

from molmo_ground_ros.action import Ground as GroundAction
from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.msg import PointArray
from molmo_ground_ros.srv import Ground

Start = Callable[..., World]
CAMERAS = ['front', 'hand', 'roof']
ONE = '<points coords="0.5 1 500 250">the block</points>'


@pytest.fixture
def world(start: Start) -> World:
    """Three cameras, of which the roof's has sent nothing."""
    world = start(ReplayBackend([ONE], repeat=True), image_topics=CAMERAS)
    for camera in CAMERAS[:2]:
        world.film(1.0, camera, rate_hz=4.0, frame_id=f'{camera}_optical')
    return world


def test_all_cameras_answer_each_for_itself(world: World) -> None:
    published = world.listen(PointArray, '/molmo_ground/points')
    reply = world.ask(query='Point to the block.', cameras=['*'])
    assert [answer.camera for answer in reply.answers] == CAMERAS
    codes = [answer.error_code for answer in reply.answers]
    assert codes == [Ground.Response.OK, Ground.Response.OK, Ground.Response.NO_FRAMES]
    for answer in reply.answers[:2]:
        assert answer.points.camera == answer.camera
        assert [point.frame_id for point in answer.points.points] == [f'{answer.camera}_optical']
    assert 'roof' in reply.answers[2].error_msg
    # The fields outside are those of the first camera that answered.
    assert (reply.error_code, reply.points.camera) == (Ground.Response.OK, 'front')
    wait_until(lambda: len(published) == 2, 'both arrays')
    assert {array.camera for array in published} == {'front', 'hand'}
    assert len({array.query_id for array in published}) == 1


def test_named_cameras_answer_in_the_order_of_their_names(world: World) -> None:
    reply = world.ask(query='Point to the block.', cameras=['hand', 'front'])
    assert [answer.camera for answer in reply.answers] == ['hand', 'front']
    assert reply.points.camera == 'hand'


def test_camera_that_there_is_not_costs_the_others_nothing(world: World) -> None:
    reply = world.ask(query='Point to the block.', cameras=['gone', 'hand'])
    codes = [answer.error_code for answer in reply.answers]
    assert codes == [Ground.Response.BAD_REQUEST, Ground.Response.OK]
    assert "unknown camera 'gone'" in reply.answers[0].error_msg
    assert (reply.error_code, reply.points.camera) == (Ground.Response.OK, 'hand')


def test_no_camera_that_answers_is_an_error_with_each_reason(world: World) -> None:
    reply = world.ask(query='Point to the block.', cameras=['roof', 'gone'])
    assert reply.error_code == Ground.Response.NO_FRAMES
    codes = [answer.error_code for answer in reply.answers]
    assert codes == [Ground.Response.NO_FRAMES, Ground.Response.BAD_REQUEST]


@pytest.mark.parametrize(
    ('request_fields', 'why'),
    [
        ({'camera': 'front', 'cameras': ['hand']}, "camera = 'front'"),
        ({'cameras': ['hand', 'hand']}, "'hand' is named twice"),
        ({'cameras': ['roof', *['hand'] * 9999]}, "'hand' is named twice"),
    ],
)
def test_request_that_contradicts_itself_is_refused(
    world: World, request_fields: dict[str, object], why: str
) -> None:
    reply = world.ask(query='Point to the block.', **request_fields)
    assert reply.error_code == Ground.Response.BAD_REQUEST
    assert why in reply.error_msg
    assert reply.answers == []


def test_all_cameras_of_an_unconfigured_node_are_not_active(start: Start) -> None:
    world = start(ReplayBackend([]), autostart=False)
    reply = world.ask(query='Point to the block.', cameras=['*'])
    assert reply.error_code == Ground.Response.NOT_ACTIVE


def test_goal_to_several_cameras_has_an_answer_for_each(world: World) -> None:
    client = ActionClient(world.client, GroundAction, '/molmo_ground/ground')
    assert client.wait_for_server(20.0)
    sent = client.send_goal_async(
        GroundAction.Goal(query='Point to the block.', cameras=['front', 'hand'])
    )
    wait_until(sent.done, 'the goal to be accepted')
    ended = sent.result().get_result_async()
    wait_until(ended.done, 'the result')
    assert ended.result().status == GoalStatus.STATUS_SUCCEEDED
    assert [answer.camera for answer in ended.result().result.answers] == ['front', 'hand']
    client.destroy()
