# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node's executor: a message that waits for a thread does not make it spin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

import rclpy
from rclpy.context import Context
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from std_msgs.msg import Header
from support.world import PATIENCE_S, wait_until

from molmo_ground_ros.ros.executor import NodeExecutor


@pytest.fixture
def node() -> Iterator[Node]:
    context = Context()
    rclpy.init(context=context)
    node = Node('chatter', context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


def choose(executor: NodeExecutor, entities: Any) -> Any:
    """What runs the wanted entity's callback, once it is chosen; whatever else comes is run."""
    while True:
        task, entity, _ = executor.wait_for_ready_callbacks(PATIENCE_S)
        if entity is entities:
            return task
        task()


def test_events_are_not_waited_for_while_their_message_is_still_to_be_taken(node: Node) -> None:
    messages: list[Header] = []
    events = SubscriptionEventCallbacks(message_lost=print)
    subscription = node.create_subscription(
        Header, 'words', messages.append, 1, event_callbacks=events
    )
    handlers = subscription.event_handlers
    publisher = node.create_publisher(Header, 'words', 1)
    executor = NodeExecutor(num_threads=2, context=node.context)
    executor.add_node(node)
    assert handlers and all(executor.can_execute(handler) for handler in handlers)

    wait_until(lambda: subscription.get_publisher_count() == 1, 'the publisher')
    publisher.publish(Header(frame_id='hello'))
    task = choose(executor, subscription)
    assert not any(executor.can_execute(handler) for handler in handlers)
    assert all(executor.can_execute(handler) for handler in publisher.event_handlers)

    task()
    assert [header.frame_id for header in messages] == ['hello']
    assert all(executor.can_execute(handler) for handler in handlers)
    executor.shutdown()
