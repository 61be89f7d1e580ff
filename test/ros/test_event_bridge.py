# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Events as JSON: only where a setting asks for them, with all fields of the message."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from std_msgs.msg import String
from support.answers_as_messages import event, grounded
from support.world import World, wait_until

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.msg import Event
from molmo_ground_ros.ros.event_bridge import EventBridge, event_json

Start = Callable[..., World]
TOPIC = '/molmo_ground/events_json'


def fields_of(message: Any) -> Any:
    return set(message.get_fields_and_field_types())


def test_object_has_every_field_of_the_message_and_null_for_what_is_no_number() -> None:
    message = event(4, grounded(2.5, 4, 10.5, 20, (0.1, 0.2, 0.3)))
    message.doubts = ['may be "another"']
    message.point.score = math.nan
    line = event_json(message)
    read = json.loads(line)
    assert '\n' not in line
    assert set(read) == fields_of(message)
    assert set(read['point']) == fields_of(message.point)
    assert read['header'] == {
        'stamp': {'sec': message.header.stamp.sec, 'nanosec': message.header.stamp.nanosec},
        'frame_id': 'optical',
    }
    assert (read['number'], read['total'], read['doubts']) == (4, 9, ['may be "another"'])
    assert (read['point']['x'], read['point']['position']['z']) == (10.5, 0.3)
    assert read['point']['score'] is None


def test_every_field_of_an_empty_event_is_json_too() -> None:
    assert set(json.loads(event_json(Event()))) == fields_of(Event())


def test_topic_is_there_only_where_the_setting_asks_for_it(start: Start) -> None:
    assert TOPIC not in [
        publisher.topic_name for publisher in start(ReplayBackend([])).node.publishers
    ]
    node = start(ReplayBackend([]), events_json=True).node
    assert TOPIC in [publisher.topic_name for publisher in node.publishers]


def test_event_reaches_the_bridge_and_withdrawing_ends_the_topic(start: Start) -> None:
    world = start(ReplayBackend([]), events_json=True)
    bridge: EventBridge = world.node._standing._bridge
    heard = world.listen(String, TOPIC)
    message = event(1, grounded(1.0, 1, 2, 3))
    bridge.publish(message)
    wait_until(lambda: len(heard) == 1, 'the event')
    assert heard[0].data == event_json(message)
    bridge.configure(False)
    assert TOPIC not in [publisher.topic_name for publisher in world.node.publishers]
    bridge.publish(message)
    bridge.configure(False)
    assert len(heard) == 1
