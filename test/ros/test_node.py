# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node over real DDS: images in, questions answered, whatever the backend does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.action import ActionClient
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from support.clips import ZERO_NS, stamp
from support.world import World, image, wait_until

from molmo_ground_ros import config
from molmo_ground_ros.action import Ground as GroundAction
from molmo_ground_ros.backends.replay import RecordedAnswer, ReplayBackend
from molmo_ground_ros.errors import BadModel, BadSetting
from molmo_ground_ros.msg import GroundedPoint, PointArray, TrackArray
from molmo_ground_ros.ros import convert
from molmo_ground_ros.srv import Ground

Start = Callable[..., World]
QUESTION = 'How many times was the red block grasped?'
GRASPS = (
    'Counting the <points coords="0.5 1 500 250;2.0 2 100 900">grasp of the red block</points> '
    'shows a total of 2.'
)
TRACKS = '<tracks coords="0.0 1 100 100 2 900 900;0.5 1 200 100">blocks</tracks>'
PATIENCE_S = 20.0


def time_msg(seconds: float) -> Time:
    return convert.time_msg(stamp(seconds))


def jpeg(seconds: float) -> CompressedImage:
    data = cv2.imencode('.jpg', np.zeros((12, 16, 3), np.uint8))[1].tobytes()
    header = Header(stamp=time_msg(seconds), frame_id='optical')
    return CompressedImage(header=header, format='jpeg', data=data)


def test_question_about_a_topic_returns_count_stamps_and_pixels(start: Start) -> None:
    world = start(ReplayBackend([RecordedAnswer(GRASPS, logprobs=(-0.01,))]))
    world.film()
    reply = world.ask(query=QUESTION)
    assert (reply.error_code, reply.error_msg) == (Ground.Response.OK, '')
    assert reply.answer == GRASPS
    assert reply.points.count == 2
    assert (reply.frames_used, reply.frames_expected, reply.truncated) == (6, 6, False)
    assert reply.model == 'replay'
    first, second = reply.points.points
    assert (first.stamp, second.stamp) == (time_msg(0.5), time_msg(2.0))
    assert (first.id, first.x, first.y, first.frame_id) == (1, 8.0, 3.0, 'optical')
    assert 0.8 < first.score < 1.0
    assert first.position_status == GroundedPoint.NONE
    assert reply.points.header.stamp == time_msg(2.5)
    assert (reply.points.image_width, reply.points.image_height) == (16, 12)
    assert reply.points.query == QUESTION
    assert reply.points.label == 'grasp of the red block'
    assert convert.stamp_ns(reply.latency) > 0


def test_answers_are_published_too(start: Start) -> None:
    world = start(ReplayBackend([GRASPS, TRACKS]))
    points = world.listen(PointArray, '/molmo_ground/points')
    tracks = world.listen(TrackArray, '/molmo_ground/tracks')
    world.film()
    counted = world.ask(query=QUESTION)
    tracked = world.ask(query='Track the blocks')
    wait_until(lambda: len(points) == 1 and len(tracks) == 1, 'both messages')
    # nan scores: messages with them never compare equal.
    assert points[0].query_id == counted.points.query_id
    assert [p.stamp for p in points[0].points] == [p.stamp for p in counted.points.points]
    assert tracks[0].query_id == tracked.tracks.query_id != points[0].query_id
    assert [(t.id, len(t.points)) for t in tracks[0].tracks] == [(1, 2), (2, 1)]
    assert tracks[0].count == -1


@pytest.mark.parametrize(
    'settings',
    [
        pytest.param({'image_topics': ['cam/compressed']}, id='by its name'),
        pytest.param({'image_topics': ['cam'], 'image_transport': 'compressed'}, id='transport'),
    ],
)
def test_compressed_topic_is_subscribed_by_its_name_or_the_transport(
    start: Start, settings: dict[str, Any]
) -> None:
    world = start(ReplayBackend(['There are none.']), **settings)
    publisher = world.publisher(CompressedImage, 'cam/compressed')
    world.send(publisher, settings['image_topics'][0], jpeg(0.0))
    reply = world.ask(query=QUESTION)
    assert (reply.error_code, reply.points.count) == (Ground.Response.OK, 0)


def test_two_cameras_are_told_apart(start: Start) -> None:
    world = start(
        ReplayBackend(['There are none.'], repeat=True),
        image_topics=['/left/image', '/right/image'],
        camera_names=['left', 'right'],
    )
    world.film(1.0, '/left/image', 'left')
    world.film(2.0, '/right/image', 'right')
    assert world.ask(query=QUESTION).points.camera == 'left'
    right = world.ask(query=QUESTION, camera='right')
    assert (right.points.camera, right.frames_used) == ('right', 5)
    unknown = world.ask(query=QUESTION, camera='top')
    assert unknown.error_code == Ground.Response.BAD_REQUEST
    assert "'top'" in unknown.error_msg and "'left', 'right'" in unknown.error_msg


@pytest.mark.parametrize(
    ('request_fields', 'code', 'message'),
    [
        pytest.param({'query': ' '}, 'BAD_REQUEST', 'empty', id='empty question'),
        pytest.param({'query': 'x' * 4001}, 'BAD_REQUEST', '4001', id='overlong question'),
        pytest.param({'task': 9}, 'BAD_REQUEST', '9', id='unknown task'),
        pytest.param({'timeout': Duration(sec=-2)}, 'BAD_REQUEST', '-2.000', id='negative timeout'),
        pytest.param(
            {'start': time_msg(2), 'end': time_msg(1)}, 'BAD_REQUEST', '1700000002.000',
            id='start after end',
        ),
        pytest.param(
            {'start': time_msg(500), 'end': time_msg(501)}, 'WINDOW_NOT_COVERED',
            '1700000500.000', id='span outside the buffer',
        ),
        pytest.param(
            {'start': time_msg(1), 'end': time_msg(9)}, 'WINDOW_NOT_COVERED', '1700000009.000',
            id='span partly covered',
        ),
        pytest.param(
            {'start': Time(sec=-5), 'end': time_msg(1)}, 'BAD_REQUEST', '-5.000',
            id='negative stamp',
        ),
    ],
)  # fmt: skip
def test_bad_request_is_refused_with_its_values(
    start: Start, request_fields: dict[str, Any], code: str, message: str
) -> None:
    world = start(ReplayBackend([]))
    world.film()
    reply = world.ask(**{'query': QUESTION, **request_fields})
    assert reply.error_code == getattr(Ground.Response, code), reply.error_msg
    assert message in reply.error_msg
    assert reply.points.count == -1


def test_span_of_the_past_is_answered_from_its_own_frames(start: Start) -> None:
    world = start(ReplayBackend(['<points coords="0.5 1 100 100">x</points>']))
    world.film()
    reply = world.ask(query='Point to x', start=time_msg(1.0), end=time_msg(2.0))
    assert reply.points.points[0].stamp == time_msg(1.5)
    assert reply.frames_used == 3
    assert reply.points.window_start == time_msg(1.0)
    assert reply.points.window_end == time_msg(2.0)


def test_no_image_yet_is_no_frames(start: Start) -> None:
    reply = start(ReplayBackend([])).ask(query=QUESTION)
    assert reply.error_code == Ground.Response.NO_FRAMES
    assert 'image' in reply.error_msg


def test_broken_pictures_are_counted_and_the_node_lives_on(start: Start) -> None:
    world = start(ReplayBackend(['There are none.'], repeat=True))
    publisher = world.publisher(Image, 'image')
    broken = [
        image(0.0, step=1, data=bytes(100)), image(0.5, data=b'short'),
        image(1.0, encoding='plaid'),
        image(1.5, width=0, height=0, step=0, data=b''),
    ]  # fmt: skip
    for message in broken:
        world.send(publisher, 'image', message)
    reply = world.ask(query=QUESTION)
    assert reply.error_code == Ground.Response.NO_FRAMES
    world.send(publisher, 'image', image(2.0))
    assert world.ask(query=QUESTION).frames_used == 1
    assert world.node.cameras['image'].buffer.stats().undecodable >= 4


def test_over_the_queue_is_busy_and_nothing_is_lost(start: Start) -> None:
    gate = threading.Event()
    backend = ReplayBackend(['yes'], repeat=True, delay=lambda: _hold(gate))
    world = start(backend, queue_size=1)
    world.film(1.0)
    first = world.ask_async(query=QUESTION)
    wait_until(lambda: bool(backend.prompts), 'the first question to start')
    second = world.ask_async(query=QUESTION)
    wait_until(lambda: world.node.session.stats().waiting == 1, 'the second to queue')
    third = world.ask(query=QUESTION)
    assert third.error_code == Ground.Response.BUSY
    gate.set()
    assert first().error_code == second().error_code == Ground.Response.OK


def _hold(gate: threading.Event) -> None:
    assert gate.wait(PATIENCE_S)


def test_each_of_many_requests_at_once_gets_its_reply(start: Start) -> None:
    gate = threading.Event()
    world = start(ReplayBackend(['yes'], repeat=True, delay=lambda: _hold(gate)))
    world.film(0.5)
    # A client's reader gets the replies to all clients of a service, and keeps the last `depth`.
    qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
    clients = [
        world.client.create_client(Ground, '/molmo_ground/ground', qos_profile=qos)
        for _ in range(10)
    ]
    for client in clients:
        wait_until(client.service_is_ready, 'the service')
    request = Ground.Request(query=QUESTION)
    futures = [client.call_async(request) for _ in range(10) for client in clients]
    expected_open = world.node.settings.queue_size + 1
    wait_until(lambda: sum(f.done() for f in futures) == 100 - expected_open, 'the BUSY replies')
    gate.set()
    wait_until(lambda: all(future.done() for future in futures), 'every reply')
    codes = [future.result().error_code for future in futures]
    assert codes.count(Ground.Response.OK) == expected_open
    assert codes.count(Ground.Response.BUSY) == 100 - expected_open


def test_hanging_backend_times_out_and_images_keep_coming(start: Start) -> None:
    gate = threading.Event()
    world = start(ReplayBackend(['yes'], repeat=True, delay=lambda: _hold(gate)))
    publisher = world.publisher(Image, 'image')
    world.send(publisher, 'image', image(0.0))
    hanging = world.ask_async(query=QUESTION, timeout=Duration(nanosec=300_000_000))
    for i in range(1, 20):
        world.send(publisher, 'image', image(i / 10))
    reply = hanging()
    assert reply.error_code == Ground.Response.TIMEOUT
    assert '0.300' in reply.error_msg
    gate.set()
    assert world.ask(query=QUESTION).error_code == Ground.Response.OK


def test_raising_backend_gives_the_cause_and_the_next_question_works(start: Start) -> None:
    calls: list[int] = []

    def fail_once() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError('CUDA error: out of memory')

    world = start(ReplayBackend(['yes'], repeat=True, delay=fail_once))
    world.film(0.5)
    failed = world.ask(query=QUESTION)
    assert failed.error_code == Ground.Response.BACKEND_FAILED
    assert 'CUDA error: out of memory' in failed.error_msg
    assert world.ask(query=QUESTION).error_code == Ground.Response.OK


def test_loading_and_failed_loading_are_answers_too(start: Start) -> None:
    loaded = threading.Event()

    def load(_: config.Settings) -> ReplayBackend:
        _hold(loaded)
        raise BadModel('somewhere', 'config.json is missing')

    world = start(load, ready=False)
    world.film(0.5)
    assert world.ask(query=QUESTION).error_code == Ground.Response.MODEL_LOADING
    loaded.set()
    with pytest.raises(BadModel):
        world.node.session.wait_ready(PATIENCE_S)
    reply = world.ask(query=QUESTION)
    assert reply.error_code == Ground.Response.BACKEND_FAILED
    assert 'config.json is missing' in reply.error_msg


def test_closing_the_node_answers_open_questions(start: Start) -> None:
    gate = threading.Event()
    backend = ReplayBackend(['yes'], delay=lambda: _hold(gate))
    world = start(backend)
    world.film(0.5)
    waiting = world.ask_async(query=QUESTION)
    wait_until(lambda: bool(backend.prompts), 'the question to start')
    closer = threading.Thread(target=world.node.close)
    closer.start()
    assert waiting().error_code == Ground.Response.SHUTTING_DOWN
    gate.set()
    closer.join(PATIENCE_S)


def send_goal(world: World, feedback: list[Any] | None = None, **goal: Any) -> Any:
    """A goal handle of the action."""
    client = ActionClient(world.client, GroundAction, '/molmo_ground/ground')
    assert client.wait_for_server(PATIENCE_S)
    received = (lambda message: feedback.append(message.feedback)) if feedback is not None else None
    future = client.send_goal_async(GroundAction.Goal(**goal), received)
    wait_until(future.done, 'the goal to be accepted')
    assert future.result().accepted
    return future.result()


def result_of(handle: Any) -> Any:
    future = handle.get_result_async()
    wait_until(future.done, 'the result')
    return future.result()


def test_action_reports_progress_and_succeeds(start: Start) -> None:
    steps = threading.Semaphore(0)

    def step() -> None:
        assert steps.acquire(timeout=PATIENCE_S)

    world = start(ReplayBackend([GRASPS], delay=step))
    world.film()
    feedback: list[Any] = []
    handle = send_goal(world, feedback, query=QUESTION)
    for _ in range(GRASPS.index(';') + 2):
        steps.release()
    wait_until(lambda: any(f.points.points for f in feedback), 'feedback with a point')
    for _ in GRASPS:
        steps.release()
    outcome = result_of(handle)
    assert outcome.status == 4  # SUCCEEDED
    assert outcome.result.points.count == 2
    tokens = [f.tokens for f in feedback]
    assert tokens == sorted(tokens) and tokens[-1] > 0
    assert feedback[-1].stage == 'generating'
    with_point = next(f for f in feedback if f.points.points)
    assert with_point.points.points[0].stamp == time_msg(0.5)


def test_cancel_stops_the_model_at_the_next_token(start: Start) -> None:
    steps = threading.Semaphore(0)
    backend = ReplayBackend([GRASPS, 'yes'], delay=lambda: _hold_step(steps))
    world = start(backend)
    world.film(0.5)
    handle = send_goal(world, query=QUESTION)
    wait_until(lambda: bool(backend.prompts), 'the model to start')
    canceling = handle.cancel_goal_async()
    wait_until(canceling.done, 'the cancel to be accepted')
    assert len(canceling.result().goals_canceling) == 1
    outcome = result_of(handle)
    assert outcome.status == 5  # CANCELED
    assert outcome.result.error_code == GroundAction.Result.CANCELED
    for _ in range(3):
        steps.release()  # one piece ends the canceled answer; the rest is for 'yes'
    assert world.ask(query=QUESTION).answer == 'yes'


def _hold_step(steps: threading.Semaphore) -> None:
    assert steps.acquire(timeout=PATIENCE_S)


def test_failed_goal_is_aborted_with_a_code(start: Start) -> None:
    world = start(ReplayBackend([]))
    outcome = result_of(send_goal(world, query=''))
    assert outcome.status == 6  # ABORTED
    assert outcome.result.error_code == GroundAction.Result.BAD_REQUEST


def call(world: World, kind: Any, name: str, request: Any) -> Any:
    client = world.client.create_client(kind, name)
    wait_until(client.service_is_ready, name)
    future = client.call_async(request)
    wait_until(future.done, f'an answer of {name}')
    return future.result()


def set_parameter(world: World, name: str, value: Any) -> Any:
    parameters = [Parameter(name, value=value).to_parameter_msg()]
    request = SetParameters.Request(parameters=parameters)
    return call(world, SetParameters, '/molmo_ground/set_parameters', request).results[0]


def test_live_parameter_changes_what_comes_after(start: Start) -> None:
    world = start(ReplayBackend(['There are none.'], repeat=True))
    world.film(0.5)
    assert set_parameter(world, 'max_new_tokens', 2).successful
    assert world.ask(query=QUESTION).truncated


@pytest.mark.parametrize(
    ('name', 'value', 'why'),
    [
        ('timeout_seconds', -1.0, 'range'),
        ('max_new_tokens', 99999, 'range'),
        ('max_new_tokens', 'many', 'type'),
        ('model', 'other', 'until the node is unconfigured'),
    ],
)
def test_bad_or_fixed_parameter_is_refused_with_the_reason(
    start: Start, name: str, value: Any, why: str
) -> None:
    world = start(ReplayBackend([]))
    before = world.node.get_parameter(name).value
    outcome = set_parameter(world, name, value)
    assert not outcome.successful
    assert why in outcome.reason.lower()
    assert world.node.get_parameter(name).value == before


def test_every_setting_is_a_described_parameter(start: Start) -> None:
    world = start(ReplayBackend([]))
    names = list(config.limits())
    request = DescribeParameters.Request(names=names)
    described = call(world, DescribeParameters, '/molmo_ground/describe_parameters', request)
    for descriptor, (name, limits) in zip(
        described.descriptors, config.limits().items(), strict=True
    ):
        assert (descriptor.name, descriptor.description) == (name, limits.text)
        assert not descriptor.read_only
        assert ('unconfigured' in descriptor.additional_constraints) is not limits.live


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'queue_size': 1000}, 'queue_size = 1000'),
        ({'qos_reliability': 'sometimes'}, 'best_effort, reliable'),
        ({'model': 7}, 'model = 7'),
        ({'image_topics': ['a', 'a']}, 'distinct'),
        ({'camera_names': ['a', 'b']}, '1 image topics'),
        ({'image_topics': ['left//image']}, "image_topics = 'left//image'"),
    ],
)
def test_bad_parameter_at_start_names_the_value(
    start: Start, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadSetting, match=message):
        start(ReplayBackend([]), **settings)


def test_simulated_time_that_jumps_back_clears_the_buffer(start: Start) -> None:
    world = start(ReplayBackend(['yes'], repeat=True), use_sim_time=True)
    clock = world.publisher(Clock, '/clock')
    clock.publish(Clock(clock=time_msg(10)))
    wait_until(lambda: world.node.get_clock().now().nanoseconds > ZERO_NS, 'simulated time')
    world.film(1.0)
    assert world.ask(query=QUESTION).frames_used == 3
    clock.publish(Clock(clock=time_msg(0)))
    wait_until(
        lambda: world.node.cameras['image'].buffer.span() is None, 'the buffer to be cleared'
    )
    assert world.ask(query=QUESTION).error_code == Ground.Response.NO_FRAMES


def test_looped_recording_starts_over(start: Start) -> None:
    world = start(ReplayBackend(['yes'], repeat=True))
    publisher = world.publisher(Image, 'image')
    for seconds in [*range(100, 106), *range(4)]:
        world.send(publisher, 'image', image(float(seconds)))
    reply = world.ask(query=QUESTION)
    assert reply.points.header.stamp == time_msg(3.0)
    assert reply.points.window_start == time_msg(0.0)


def test_diagnostics_tell_model_and_cameras(start: Start) -> None:
    world = start(ReplayBackend(['yes']), diagnostics_period_seconds=0.1)
    received = world.listen(DiagnosticArray, '/diagnostics')
    world.film(0.5)
    world.ask(query=QUESTION)

    def values() -> dict[str, str]:
        status = received[-1].status if received else []
        return {v.key: v.value for s in status for v in s.values}

    wait_until(lambda: values().get('outcome_OK') == '1', 'the answer to be counted')
    assert values()['received'] == '6'
    names = {status.name for status in received[-1].status}
    assert names == {'molmo_ground: model', 'molmo_ground: image'}


def test_diagnostics_tell_what_the_model_is_busy_with(start: Start) -> None:
    steps = threading.Semaphore(0)
    backend = ReplayBackend([GRASPS], delay=lambda: _hold_step(steps))
    world = start(backend, diagnostics_period_seconds=0.1)
    received = world.listen(DiagnosticArray, '/diagnostics')
    world.film(0.5)

    def values() -> dict[str, str]:
        return {v.key: v.value for v in received[-1].status[0].values} if received else {}

    wait_until(lambda: values().get('running_s') == '0.000', 'an idle model')
    assert (values()['question'], values()['stage']) == ('', '')
    answered = world.ask_async(query=f'{QUESTION}\n\x1b[31m')
    for _ in range(4):
        steps.release()
    wait_until(lambda: int(values().get('tokens', '0')) >= 3, 'tokens to be counted')
    told = values()
    assert told['question'] == f'{QUESTION} <U+001B>[31m'
    assert (told['camera'], told['stage']) == ('image', 'generating')
    assert float(told['running_s']) > 0
    for _ in GRASPS:
        steps.release()
    assert answered().error_code == Ground.Response.OK


def test_diagnostics_tell_rate_gaps_and_age_of_a_camera(start: Start) -> None:
    world = start(ReplayBackend([]), diagnostics_period_seconds=0.1, use_sim_time=True)
    received = world.listen(DiagnosticArray, '/diagnostics')
    clock = world.publisher(Clock, '/clock')

    def values() -> dict[str, str]:
        return {v.key: v.value for v in received[-1].status[1].values} if received else {}

    wait_until(lambda: values().get('rate_hz') == '0.00', 'a camera without images')
    assert (values()['silent_s'], values()['newest_age_s']) == ('nan', 'nan')
    world.film(0.5)
    world.send(world.publisher(Image, 'image'), 'image', image(3.0))
    clock.publish(Clock(clock=time_msg(4.5)))
    wait_until(lambda: values().get('newest_age_s') == '1.500', 'the age of the newest image')
    assert values()['gaps'] == '1'
    assert float(values()['rate_hz']) > 0
    assert 0 <= float(values()['silent_s']) < PATIENCE_S


def test_incompatible_publisher_is_told_in_the_diagnostics(start: Start) -> None:
    world = start(ReplayBackend([]), qos_reliability='reliable', diagnostics_period_seconds=0.1)
    received = world.listen(DiagnosticArray, '/diagnostics')
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    world.client.create_publisher(Image, 'image', qos)
    wait_until(
        lambda: bool(received) and 'incompatible QoS' in received[-1].status[1].message,
        'the incompatibility to be told',
    )
