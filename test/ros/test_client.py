# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The client, beside a real node: from a plain thread, from callbacks and from coroutines."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

import rclpy
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from support.clips import stamp
from support.world import World, image, wait_until

from molmo_ground_ros import srv
from molmo_ground_ros.backends.replay import RecordedAnswer, ReplayBackend
from molmo_ground_ros.client import GroundClient, NodeMissing, QuestionFailed
from molmo_ground_ros.errors import BadRequest, BadSpan, ErrorCode
from molmo_ground_ros.types import Answer, Task

Start = Callable[..., World]
QUESTION = 'How many times was the red block grasped?'
GRASPS = (
    'Counting the <points coords="0.5 1 500 250;1.0 2 100 900">grasp</points> shows a total of 2.'
)


@pytest.fixture
def world(start: Start) -> World:
    world = start(ReplayBackend([RecordedAnswer(GRASPS, logprobs=(-0.01,))], repeat=True))
    world.film(1.25, rate_hz=4.0)
    return world


@pytest.fixture
def client(world: World) -> Iterator[GroundClient]:
    with GroundClient(world.client) as client:
        yield client


def test_answer_has_count_stamps_pixels_and_scores(client: GroundClient) -> None:
    answer = client.ask(QUESTION)
    assert (answer.count, answer.task, answer.camera) == (2, Task.COUNT, 'image')
    assert [point.stamp_ns for point in answer.points] == [stamp(0.5), stamp(1.0)]
    assert (answer.points[0].x, answer.points[0].y) == (8.0, 3.0)
    assert 0.9 < answer.points[0].score < 1
    assert (answer.points[0].frame_id, answer.points[0].position) == ('optical', None)
    assert answer.frames_used == 4
    assert answer.text == GRASPS


class _SlowToNote:
    """rclpy's handle of an action client, whose caller notes a request late."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)

    def send_goal_request(self, request: Any) -> int:
        return self._late(self._handle.send_goal_request(request))

    def send_result_request(self, request: Any) -> int:
        return self._late(self._handle.send_result_request(request))

    @staticmethod
    def _late(number: int) -> int:
        time.sleep(0.3)
        return number


def test_reply_that_comes_before_its_request_is_noted_is_not_dropped(client: GroundClient) -> None:
    client._action._client_handle = _SlowToNote(client._action._client_handle)
    assert client.ask(QUESTION).count == 2


def test_error_of_the_node_is_raised_with_its_code(client: GroundClient) -> None:
    with pytest.raises(QuestionFailed, match="unknown camera 'roof'") as caught:
        client.ask(QUESTION, camera='roof')
    assert caught.value.code is ErrorCode.BAD_REQUEST
    with pytest.raises(QuestionFailed) as caught:
        client.ask(QUESTION, span_ns=(stamp(90), stamp(95)))
    assert caught.value.code is ErrorCode.WINDOW_NOT_COVERED


@pytest.mark.parametrize(
    ('options', 'error'),
    [
        ({'span_ns': (5, 3)}, BadSpan),
        ({'span_ns': (-1, 3)}, BadSpan),
        ({'timeout_s': -1.0}, BadRequest),
        ({'timeout_s': float('nan')}, BadRequest),
    ],
)
def test_what_is_no_question_is_refused_before_it_is_sent(
    client: GroundClient, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        client.ask(QUESTION, **options)


def test_missing_node_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('molmo_ground_ros.ros.client.APPEAR_S', 0.2)
    with (
        GroundClient(world.client, '/nobody') as client,
        pytest.raises(NodeMissing, match=r"no node '/nobody' within 0\.2 s"),
    ):
        client.ask(QUESTION)


def test_blocking_call_inside_a_callback_of_the_callers_only_executor(
    world: World, client: GroundClient
) -> None:
    answers: list[Answer] = []

    def on_trigger(_: Any, response: Any) -> Any:
        answers.append(client.ask(QUESTION))
        response.success = True
        return response

    # The executor of world.client has one thread, and the callback blocks it.
    world.client.create_service(Trigger, 'trigger', on_trigger)
    caller = world.node.create_client(Trigger, '/trigger')
    wait_until(caller.service_is_ready, 'the service')
    done = caller.call_async(Trigger.Request())
    wait_until(done.done, 'the callback')
    assert done.result().success
    assert [answer.count for answer in answers] == [2]


def test_coroutine_of_an_rclpy_executor_is_answered(world: World, client: GroundClient) -> None:
    answers: list[Answer] = []

    async def on_trigger(_: Any, response: Any) -> Any:
        answers.append(await client.ask_async(QUESTION))
        response.success = True
        return response

    world.client.create_service(Trigger, 'trigger', on_trigger)
    caller = world.node.create_client(Trigger, '/trigger')
    wait_until(caller.service_is_ready, 'the service')
    done = caller.call_async(Trigger.Request())
    wait_until(done.done, 'the callback')
    assert [answer.count for answer in answers] == [2]


def test_coroutines_of_asyncio_are_answered_side_by_side(client: GroundClient) -> None:
    async def both() -> list[Answer]:
        return await asyncio.gather(client.ask_async(QUESTION), client.ask_async(QUESTION))

    assert [answer.count for answer in asyncio.run(both())] == [2, 2]


def test_error_of_asyncios_own_kind_reaches_the_coroutine(
    client: GroundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError('the middleware is gone')

    monkeypatch.setattr(client, '_result', fail)
    with pytest.raises(RuntimeError, match='the middleware is gone'):
        asyncio.run(client.ask_async(QUESTION))


def test_closing_does_not_wait_for_a_node_that_there_is_not(world: World) -> None:
    client = GroundClient(world.client, '/nobody')
    future = client.submit(QUESTION)
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 5.0
    with pytest.raises(QuestionFailed) as caught:
        future.result()
    assert caught.value.code is ErrorCode.CANCELED


def test_node_that_is_gone_hides_no_error_of_the_caller(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_the_node_while_watching() -> None:
        with GroundClient(world.client) as client, client.watch(QUESTION):
            monkeypatch.setattr('molmo_ground_ros.ros.client.APPEAR_S', 0.2)
            client.target = '/nobody'
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lose_the_node_while_watching()


def test_progress_is_reported(client: GroundClient) -> None:
    stages: list[str] = []
    client.ask(QUESTION, on_progress=lambda stage, _: stages.append(stage))
    assert set(stages) <= {'queued', 'decoding', 'generating'}


def hanging(hold: threading.Event) -> ReplayBackend:
    """A model that does not come to an end of its own."""
    return ReplayBackend([GRASPS], delay=lambda: hold.wait(0.05) and None, repeat=True)


def test_what_the_progress_raises_withdraws_the_question_and_harms_no_other(start: Start) -> None:
    hold = threading.Event()
    world = start(hanging(hold))
    world.film(1.25, rate_hz=4.0)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with GroundClient(world.client) as client:
        with pytest.raises(ZeroDivisionError):
            client.ask(QUESTION, on_progress=fail)
        wait_until(lambda: world.node.session.stats().running_s == 0, 'the question to end')
        hold.set()
        assert client.ask(QUESTION).count == 2


def test_progress_may_ask_itself(start: Start) -> None:
    hold = threading.Event()
    world = start(hanging(hold))
    world.film(1.25, rate_hz=4.0)
    errors: list[ErrorCode] = []

    def ask_too(*_: object) -> None:
        if not errors:
            with pytest.raises(QuestionFailed) as caught:
                client.ask(QUESTION, camera='roof')
            errors.append(caught.value.code)
            hold.set()

    with GroundClient(world.client) as client:
        assert client.ask(QUESTION, on_progress=ask_too).count == 2
    assert errors == [ErrorCode.BAD_REQUEST]


def test_coroutine_that_asyncio_cancels_withdraws_its_question(start: Start) -> None:
    world = start(hanging(threading.Event()))
    world.film(1.25, rate_hz=4.0)

    async def impatient() -> None:
        await asyncio.wait_for(client.ask_async(QUESTION), 0.5)

    with GroundClient(world.client) as client:
        with pytest.raises(TimeoutError):
            asyncio.run(impatient())
        wait_until(lambda: world.node.session.stats().running_s == 0, 'the question to end')


def test_closing_after_ctrl_c_has_ended_the_context_raises_nothing(start: Start) -> None:
    world = start(hanging(threading.Event()))
    world.film(1.25, rate_hz=4.0)
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('planner', context=context)
    client = GroundClient(node)
    future = client.submit(QUESTION)
    wait_until(lambda: world.node.session.stats().running_s > 0, 'the question to run')
    rclpy.shutdown(context=context)
    with pytest.raises(QuestionFailed, match='CANCELED: ROS was shut down'):
        future.result(10.0)
    with pytest.raises(QuestionFailed, match='CANCELED: ROS was shut down'):
        client.ask(QUESTION)
    client.close()
    node.destroy_node()


def test_timeout_of_zero_is_the_nodes_own(client: GroundClient) -> None:
    assert client.ask(QUESTION, timeout_s=0.0).count == 2


def test_node_that_goes_away_is_missed_before_the_timeout(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('molmo_ground_ros.ros.client.LOST_S', 0.2)
    world = start(hanging(threading.Event()))
    world.film(1.25, rate_hz=4.0)
    with GroundClient(world.client) as client:
        future = client.submit(QUESTION)
        wait_until(lambda: world.node.session.stats().running_s > 0, 'the question to run')
        monkeypatch.setattr(client._action, 'server_is_ready', lambda: False)
        with pytest.raises(NodeMissing):
            future.result(10.0)


def test_several_cameras_answer_each_for_itself(start: Start) -> None:
    backend = ReplayBackend([GRASPS], repeat=True)
    world = start(backend, image_topics=['front', 'roof'])
    world.film(1.25, 'front', rate_hz=4.0)
    with GroundClient(world.client) as client:
        outcomes = client.ask_cameras(QUESTION)
        assert list(outcomes) == ['front', 'roof']
        assert isinstance(outcomes['front'], Answer)
        assert outcomes['front'].count == 2
        assert isinstance(outcomes['roof'], QuestionFailed)
        assert outcomes['roof'].code is ErrorCode.NO_FRAMES


def test_leaving_the_with_cancels_what_is_open(start: Start) -> None:
    hold = threading.Event()
    world = start(ReplayBackend([GRASPS], delay=lambda: hold.wait(0.05) and None, repeat=True))
    world.film(1.25, rate_hz=4.0)
    with GroundClient(world.client) as client:
        future = client.submit(QUESTION * 3)
        wait_until(lambda: world.node.session.stats().running_s > 0, 'the question to run')
    with pytest.raises(QuestionFailed) as caught:
        future.result()
    assert caught.value.code is ErrorCode.CANCELED
    hold.set()


def test_program_of_the_readme_prints_the_points(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(__file__).parents[2] / 'README.md').read_text()
    (program,) = [
        block.split('```')[0] for block in readme.split('```python\n') if 'rclpy.init()' in block
    ]
    assert world.node.session is not None
    try:
        exec(compile(program, 'README.md', 'exec'), {})
    finally:
        rclpy.try_shutdown()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'count: 2'
    assert [line.split()[0] for line in lines[1:]] == [str(stamp(0.5)), str(stamp(1.0))]


def test_standing_question_gives_its_events_and_is_removed_at_the_end(start: Start) -> None:
    world = start(ReplayBackend([RecordedAnswer(GRASPS, logprobs=(-0.01,))], repeat=True))
    with (
        GroundClient(world.client) as client,
        client.watch(QUESTION, period_s=1.0, window_s=4.0) as events,
    ):
        ids = [query.id for query in client._call(srv.ListQueries, 'list_queries').queries]
        assert len(ids) == 1
        publisher = world.publisher(Image, 'image')
        found = []
        feeder = threading.Thread(target=lambda: found.append(next(events)), daemon=True)
        feeder.start()
        for number in range(400):
            world.send(publisher, 'image', image(number / 4))
            if found:
                break
            time.sleep(0.02)
        feeder.join(20.0)
        assert (found[0].query_id, found[0].number, found[0].camera) == (ids[0], 1, 'image')
        assert found[0].point.frame_id == 'optical'
    with GroundClient(world.client) as client:
        assert client._call(srv.ListQueries, 'list_queries').queries == []


def test_node_that_was_started_again_is_told_the_standing_question_again(
    world: World, client: GroundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('molmo_ground_ros.ros.event_stream.LOOK_S', 0.05)
    with client.watch(QUESTION, query_id='grasps') as events:
        assert events.state().total == 0
        # As a node forgets it that ends without a state file.
        client._remove('grasps')
        with pytest.raises(QuestionFailed, match="no standing question 'grasps'"):
            events.state()
        monkeypatch.setattr(client, 'incarnation', lambda: b'another run')
        assert events.next_within(0.3) is None
        assert events.state().last_error == ''


def test_events_end_where_ros_is_shut_down(world: World) -> None:
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('planner', context=context)
    with GroundClient(node) as client, client.watch(QUESTION) as events:
        rclpy.shutdown(context=context)
        assert list(events) == []
    node.destroy_node()


def test_events_end_where_the_client_is_closed_while_they_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed by another thread after the iterator had found it open."""
    monkeypatch.setattr('molmo_ground_ros.ros.event_stream.LOOK_S', 0.0)
    for run in ('the same', 'another'):
        client = GroundClient(world.client)
        with client.watch(QUESTION) as events:
            client.close()
            found = iter([False, False])
            with monkeypatch.context() as patch:
                patch.setattr(client, 'is_closed', lambda found=found: next(found, True))
                if run == 'another':
                    patch.setattr(client, 'incarnation', lambda: b'another')
                assert list(events) == []


def test_node_that_stays_away_ends_the_events(
    client: GroundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('molmo_ground_ros.ros.event_stream.LOOK_S', 0.05)
    monkeypatch.setattr('molmo_ground_ros.ros.event_stream.AWAY_S', 0.1)
    with client.watch(QUESTION) as events:
        assert client.incarnation()
        monkeypatch.setattr(client, 'incarnation', lambda: None)
        with pytest.raises(NodeMissing):
            next(events)


def clients_threads() -> list[str]:
    """Threads of clients. The node beside them starts threads of its own when it is asked."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith(('ground client', 'question'))]


def test_client_leaves_no_thread_and_no_node(world: World) -> None:
    client = GroundClient(world.client)
    client.ask(QUESTION)
    client.close()
    client.close()
    deadline = time.monotonic() + 5
    while clients_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert clients_threads() == []
