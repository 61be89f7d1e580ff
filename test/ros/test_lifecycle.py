# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The states of the managed node, over its services, and what changes while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter
from support.world import World, wait_until

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.errors import BadModel
from molmo_ground_ros.srv import Ground

Start = Callable[..., World]
CONFIGURE, ACTIVATE = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE
DEACTIVATE, CLEAN_UP = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP


def call(world: World, kind: type, service: str, request: Any) -> Any:
    client = world.client.create_client(kind, f'/molmo_ground/{service}')
    wait_until(client.service_is_ready, service)
    future = client.call_async(request)
    wait_until(future.done, f'the reply of {service}')
    return future.result()


def change(world: World, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return bool(call(world, ChangeState, 'change_state', request).success)


def state(world: World) -> str:
    return str(call(world, GetState, 'get_state', GetState.Request()).current_state.label)


def set_parameters(world: World, **values: Any) -> Any:
    parameters = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
    request = SetParametersAtomically.Request(parameters=parameters)
    return call(world, SetParametersAtomically, 'set_parameters_atomically', request).result


class Backends:
    """Loads backends, and counts those that were loaded and closed."""

    def __init__(self) -> None:
        self.loaded = self.closed = 0

    def __call__(self, _: Any) -> ReplayBackend:
        self.loaded += 1
        backend = ReplayBackend(['There are none.'], repeat=True)
        backend.close = self._close  # type: ignore[method-assign]
        return backend

    def _close(self) -> None:
        self.closed += 1


def test_node_goes_through_its_states_and_answers_only_when_active(start: Start) -> None:
    backends = Backends()
    world = start(backends, autostart=False)
    assert state(world) == 'unconfigured'
    reply = world.ask(query='Is it there?')
    assert reply.error_code == Ground.Response.NOT_ACTIVE
    assert 'unconfigured' in reply.error_msg
    assert change(world, CONFIGURE)
    assert state(world) == 'inactive'
    assert world.ask(query='Is it there?').error_code == Ground.Response.NOT_ACTIVE
    assert world.node.session is not None
    world.node.session.wait_ready(20.0)
    assert change(world, ACTIVATE)
    world.film(1.75, rate_hz=4.0)
    assert world.ask(query='Is it there?').error_code == Ground.Response.OK
    assert change(world, DEACTIVATE)
    assert world.client.count_subscribers('/image') == 0
    assert world.ask(query='Is it there?').error_code == Ground.Response.NOT_ACTIVE
    assert backends.closed == 0
    assert change(world, ACTIVATE)
    assert world.ask(query='Is it there?').error_code == Ground.Response.OK
    assert backends.loaded == 1
    assert change(world, DEACTIVATE)
    assert change(world, CLEAN_UP)
    assert state(world) == 'unconfigured'
    wait_until(lambda: backends.closed == 1, 'the backend to be closed')
    assert change(world, CONFIGURE)
    wait_until(lambda: backends.loaded == 2, 'the backend to be loaded anew')


@pytest.mark.parametrize('transition', [CONFIGURE, ACTIVATE, CLEAN_UP, 99])
def test_transition_that_the_state_does_not_allow_is_refused(start: Start, transition: int) -> None:
    world = start(ReplayBackend(['There are none.']))
    assert not change(world, transition)
    assert state(world) == 'active'
    world.film(1.75, rate_hz=4.0)
    assert world.ask(query='Is it there?').error_code == Ground.Response.OK


def test_node_that_a_manager_configured_first_does_not_start_by_itself(start: Start) -> None:
    world = start(ReplayBackend([]), autostart=False)
    assert change(world, CONFIGURE)
    assert not world.node.autostart()
    assert state(world) == 'inactive'


def test_configuring_does_not_wait_for_the_model(start: Start) -> None:
    release = threading.Event()

    def load(_: Any) -> ReplayBackend:
        assert release.wait(20.0)
        return ReplayBackend(['yes'], repeat=True)

    world = start(load, autostart=False)
    assert change(world, CONFIGURE)
    assert change(world, ACTIVATE)
    assert world.ask(query='Is it there?').error_code == Ground.Response.MODEL_LOADING
    release.set()
    world.film(1.75, rate_hz=4.0)
    assert world.node.session.wait_ready(20.0)
    assert world.ask(query='Is it there?').error_code == Ground.Response.OK


def test_node_whose_model_cannot_be_loaded_can_be_cleaned_up_and_configured(start: Start) -> None:
    backends: list[Any] = [BadModel('here', 'it is broken'), ReplayBackend(['yes'], repeat=True)]

    def load(_: Any) -> Any:
        backend = backends.pop(0)
        if isinstance(backend, Exception):
            raise backend
        return backend

    world = start(load, ready=False)
    reply = None
    wait_until(lambda: not backends[:-1], 'the first model')
    world.film(1.75, rate_hz=4.0)
    reply = world.ask(query='Is it there?')
    assert reply.error_code == Ground.Response.BACKEND_FAILED
    assert 'it is broken' in reply.error_msg
    for transition in (DEACTIVATE, CLEAN_UP, CONFIGURE, ACTIVATE):
        assert change(world, transition)
    assert world.node.session.wait_ready(20.0)
    world.film(1.75, rate_hz=4.0)
    assert world.ask(query='Is it there?').error_code == Ground.Response.OK


def test_fixed_setting_changes_while_the_node_is_unconfigured(start: Start) -> None:
    world = start(ReplayBackend(['yes'], repeat=True), autostart=False)
    assert set_parameters(world, buffer_seconds=5.0).successful
    assert change(world, CONFIGURE)
    refused = set_parameters(world, buffer_seconds=6.0)
    assert not refused.successful
    assert refused.reason == 'buffer_seconds = 6.0: stays 5.0 until the node is unconfigured'
    assert world.node.settings.buffer_seconds == 5.0


def test_cameras_are_added_and_removed_while_the_node_runs(start: Start) -> None:
    world = start(ReplayBackend(['There are none.'], repeat=True))
    world.film(1.75, rate_hz=4.0)
    assert set_parameters(world, image_topics=['image', 'wrist']).successful
    world.film(1.75, 'wrist', rate_hz=4.0)
    for camera in ('image', 'wrist'):
        reply = world.ask(query='Is it there?', camera=camera)
        assert (reply.error_code, reply.points.camera) == (Ground.Response.OK, camera)
    assert set_parameters(world, image_topics=['wrist']).successful
    reply = world.ask(query='Is it there?', camera='image')
    assert reply.error_code == Ground.Response.BAD_REQUEST
    # The camera that stays has kept its frames.
    assert world.ask(query='Is it there?', camera='wrist').frames_used == 5


def test_cameras_that_do_not_fit_their_names_are_refused_and_the_others_stay(start: Start) -> None:
    world = start(ReplayBackend(['There are none.'], repeat=True), camera_names=['front'])
    refused = set_parameters(world, image_topics=['image', 'wrist'])
    assert not refused.successful
    assert 'camera_names' in refused.reason
    assert list(world.node.cameras) == ['front']
    named = {'image_topics': ['image', 'wrist'], 'camera_names': ['front', 'hand']}
    assert set_parameters(world, **named).successful
    assert list(world.node.cameras) == ['front', 'hand']


def test_topic_that_ros_does_not_take_is_refused_and_the_cameras_stay(start: Start) -> None:
    world = start(ReplayBackend(['There are none.'], repeat=True))
    refused = set_parameters(world, image_topics=['no such/name', 'wrist'])
    assert not refused.successful
    assert "image_topics = 'no such/name'" in refused.reason
    assert list(world.node.cameras) == ['image']
    world.film(1.75, rate_hz=4.0)
    assert world.ask(query='Is it there?').error_code == Ground.Response.OK
