# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The SROS 2 policy allows exactly what the running node uses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionClient
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.world import World, wait_until

from molmo_ground_ros.action import Ground as GroundAction
from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.client import GroundClient
from molmo_ground_ros.msg import Event, PointArray
from molmo_ground_ros.srv import Ground
from tools.security_policy import POLICY, NamesInUse, asker_names, names_in_use, policy_text, stated

# How SROS 2 translates a permission into DDS topics: (rule, direction, prefix, suffix).
# Source: sros2 e349fcf, sros2/sros2/policy/templates/dds/permissions.xsl:73-217.
RULES = (
    ('publish', 'publish', 'rt', ''),
    ('subscribe', 'subscribe', 'rt', ''),
    ('reply', 'publish', 'rr', 'Reply'),
    ('reply', 'subscribe', 'rq', 'Request'),
    ('request', 'publish', 'rq', 'Request'),
    ('request', 'subscribe', 'rr', 'Reply'),
)
ACTION_SERVICES = ('cancel_goal', 'get_result', 'send_goal')
ACTION_TOPICS = ('feedback', 'status')


def dds_topics(rule: str, name: str) -> Iterator[tuple[str, str]]:
    """(direction, DDS topic) of each permission that a rule about a full name gives."""
    if rule == 'call':
        for service in ACTION_SERVICES:
            yield from dds_topics('request', f'{name}/_action/{service}')
        for topic in ACTION_TOPICS:
            yield from dds_topics('subscribe', f'{name}/_action/{topic}')
    if rule == 'execute':
        for service in ACTION_SERVICES:
            yield from dds_topics('reply', f'{name}/_action/{service}')
        for topic in ACTION_TOPICS:
            yield from dds_topics('publish', f'{name}/_action/{topic}')
    for kind, direction, prefix, suffix in RULES:
        if kind == rule:
            yield direction, f'{prefix}{name}{suffix}'


def full(name: str, node: str = 'molmo_ground') -> str:
    if name.startswith('~'):
        return f'/{node}{name[1:]}'
    return name if name.startswith('/') else f'/{name}'


def allowed_to(node: str) -> set[tuple[str, str]]:
    """What the policy that ships allows a node, as DDS topics."""
    profiles = ElementTree.parse(POLICY).getroot().iter('profile')
    (profile,) = [profile for profile in profiles if profile.get('node') == node]
    return {
        permission
        for group in profile
        for rule, qualifier in group.attrib.items()
        if qualifier == 'ALLOW'
        for entry in group
        for permission in dds_topics(rule, full(entry.text or '', node))
    }


@pytest.fixture(scope='module')
def allowed() -> set[tuple[str, str]]:
    """What the node itself is allowed."""
    return allowed_to('molmo_ground')


def used_by(names: NamesInUse) -> set[tuple[str, str]]:
    return {
        permission
        for rule in ('publish', 'subscribe', 'reply', 'request')
        for name in getattr(names, rule)
        for permission in dds_topics(rule, full(name))
    }


def test_policy_that_ships_is_that_of_the_running_node_and_allows_no_more(
    allowed: set[tuple[str, str]],
) -> None:
    names = names_in_use()
    text = policy_text(names, asker_names(names))
    assert text == POLICY.read_text(), 'run python -m tools.security_policy'
    assert used_by(names) == allowed


def test_policy_allows_all_that_a_node_at_work_uses(
    start: Callable[..., World], allowed: set[tuple[str, str]]
) -> None:
    world = start(ReplayBackend(['There are none.'], repeat=True))
    publisher = world.publisher(Image, 'image')
    stamp = Time(sec=1_700_000_000)
    header = Header(stamp=stamp, frame_id='optical')
    pixels = bytes(16 * 12 * 3)
    world.send(
        publisher,
        'image',
        Image(header=header, width=16, height=12, encoding='rgb8', step=48, data=pixels),
    )
    assert world.ask(query='How many?').error_code == Ground.Response.OK
    ask_by_action(world)
    assert used_by(names_of(world.node)) <= allowed


def ask_by_action(world: World) -> None:
    client = ActionClient(world.client, GroundAction, '/molmo_ground/ground')
    wait_until(client.server_is_ready, 'the action')
    goal = client.send_goal_async(GroundAction.Goal(query='How many?'))
    wait_until(goal.done, 'the goal')
    finished = goal.result().get_result_async()
    wait_until(finished.done, 'the result')


def names_of(*nodes: Any) -> NamesInUse:
    """What these nodes have made, by rclpy's own lists."""
    return NamesInUse(
        publish={publisher.topic_name for node in nodes for publisher in node.publishers},
        subscribe={
            subscription.topic_name for node in nodes for subscription in node.subscriptions
        },
        reply={service.service_name for node in nodes for service in node.services},
        request={client.service_name for node in nodes for client in node.clients},
    )


def test_asker_may_use_all_that_the_client_uses() -> None:
    context = rclpy.Context()
    rclpy.init(context=context)
    asker = Node('asker', context=context)
    asker.create_client(Ground, '/molmo_ground/ground')
    for kind, name in (
        (PointArray, '/molmo_ground/points'), (Event, '/molmo_ground/events'),
        (DiagnosticArray, '/diagnostics'), (Image, '/molmo_ground/overlay'),
    ):  # fmt: skip
        asker.create_subscription(kind, name, lambda _: None, 10)
    try:
        with GroundClient(asker) as client:
            assert used_by(names_of(asker, client._node)) <= allowed_to('asker')
    finally:
        asker.destroy_node()
        rclpy.shutdown(context=context)


def test_asker_may_change_nothing_and_play_no_camera() -> None:
    asker = allowed_to('asker')
    for service in ('set_parameters', 'change_state', 'get_parameters'):
        assert ('publish', f'rq/molmo_ground/{service}Request') not in asker
    for topic in ('rt/image', 'rt/molmo_ground/points', 'rt/clock', 'rt/tf', 'rt/diagnostics'):
        assert ('publish', topic) not in asker
    assert ('publish', 'rq/molmo_ground/groundRequest') in asker
    assert ('publish', 'rq/molmo_ground/ground/_action/send_goalRequest') in asker
    assert ('subscribe', 'rt/molmo_ground/ground/_action/feedback') in asker


def test_policy_allows_neither_all_topics_nor_those_of_others(
    allowed: set[tuple[str, str]],
) -> None:
    topics = {topic for _, topic in allowed}
    assert not [topic for topic in topics if '*' in topic]
    assert ('publish', 'rt/cmd_vel') not in allowed
    assert ('publish', 'rt/image') not in allowed
    assert ('publish', 'rt/clock') not in allowed


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('/robot/ground/points', '~/points'),
        ('/robot/image', 'image'),
        ('/robotic/image', '/robotic/image'),
        ('/diagnostics', '/diagnostics'),
    ],
)
def test_full_name_becomes_what_the_node_states(name: str, expected: str) -> None:
    assert stated(name, 'ground', '/robot') == expected


def test_name_that_ros_does_not_report_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Subscription:
        topic_name = '/never'

    class Silent:
        subscriptions = (Subscription(),)
        publishers = services = ()

        def get_name(self) -> str:
            return '/silent'

        get_namespace = get_name

        def nothing(self, *_: Any) -> list[Any]:
            return []

        get_publisher_names_and_types_by_node = nothing
        get_subscriber_names_and_types_by_node = nothing
        get_service_names_and_types_by_node = nothing
        get_client_names_and_types_by_node = nothing

    monkeypatch.setattr('tools.security_policy.PATIENCE_S', 0.0)
    monkeypatch.setattr(time, 'sleep', lambda _: None)
    with pytest.raises(SystemExit, match='/never'):
        NamesInUse().add(Silent())
