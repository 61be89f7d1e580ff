# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Subscriptions whose messages are taken past the executor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

import rclpy
from rclpy.context import Context
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from std_msgs.msg import Header
from support.world import wait_until

from molmo_ground_ros.ros.executor import NodeExecutor
from molmo_ground_ros.ros.image_receiver import ImageReceiver, OutsideExecutor

RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


@pytest.fixture
def node() -> Iterator[Node]:
    context = Context()
    rclpy.init(context=context)
    node = Node('chatter', context=context)
    yield node
    node.destroy_node()
    rclpy.try_shutdown(context=context)


@pytest.fixture
def receiver(node: Node) -> ImageReceiver:
    return ImageReceiver(node.context)


def listen(node: Node, topic: str, callback: Callable[[Any], None], **options: Any) -> Any:
    return node.create_subscription(
        Header, topic, callback, RELIABLE, raw=True, callback_group=OutsideExecutor(), **options
    )


def text(serialized: bytes) -> str:
    return str(deserialize_message(serialized, Header).frame_id)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == 'images']


def talk(node: Node, subscription: Any) -> Any:
    publisher = node.create_publisher(Header, subscription.topic_name, RELIABLE)
    wait_until(lambda: subscription.get_publisher_count() == 1, 'the publisher')
    wait_until(lambda: publisher.get_subscription_count() == 1, 'the subscription')
    return publisher


def test_messages_of_every_topic_arrive_in_order(node: Node, receiver: ImageReceiver) -> None:
    heard: list[str] = []
    subscriptions = [listen(node, topic, lambda b: heard.append(text(b))) for topic in 'ab']
    publishers = [talk(node, subscription) for subscription in subscriptions]
    for subscription in subscriptions:
        receiver.add(subscription)
    for number in range(20):
        for name, publisher in zip('ab', publishers, strict=True):
            publisher.publish(Header(frame_id=f'{name}{number}'))
    wait_until(lambda: len(heard) == 40, 'all messages')
    for name in 'ab':
        assert [word for word in heard if word[0] == name] == [f'{name}{i}' for i in range(20)]
    for subscription in subscriptions:
        receiver.remove(subscription)
    assert threads() == []


def test_topics_take_turns(node: Node, receiver: ImageReceiver) -> None:
    heard: list[str] = []
    entered, both_wait = threading.Event(), threading.Event()

    def hold(_: bytes) -> None:
        entered.set()
        assert both_wait.wait(timeout=30)

    holder = listen(node, 'hold', hold)
    flood, other = (listen(node, topic, lambda b: heard.append(text(b))) for topic in 'ab')
    publishers = [talk(node, subscription) for subscription in (holder, flood, other)]
    for subscription in (holder, flood, other):
        receiver.add(subscription)
    publishers[0].publish(Header(frame_id='hold'))
    assert entered.wait(timeout=30)
    for _ in range(50):
        publishers[1].publish(Header(frame_id='a'))
    for _ in range(3):
        publishers[2].publish(Header(frame_id='b'))
    for publisher in publishers[1:]:
        assert publisher.wait_for_all_acked(Duration(seconds=30))
    both_wait.set()
    wait_until(lambda: len(heard) == 53, 'all messages')
    # Both waited when the thread went on, so a message of each is taken in turn.
    assert heard[:8].count('b') == 3
    for subscription in (holder, flood, other):
        receiver.remove(subscription)


def test_no_executor_waits_for_them(node: Node) -> None:
    subscription = listen(node, 'a', print)
    executor = NodeExecutor(num_threads=2, context=node.context)
    executor.add_node(node)
    assert not executor.can_execute(subscription)
    assert not any(executor.can_execute(handler) for handler in subscription.event_handlers)
    executor.shutdown()


def test_removed_subscription_is_heard_no_more(node: Node, receiver: ImageReceiver) -> None:
    heard: list[str] = []
    gone, stays = (listen(node, topic, lambda b: heard.append(text(b))) for topic in 'ab')
    publishers = [talk(node, subscription) for subscription in (gone, stays)]
    receiver.add(gone)
    receiver.add(stays)
    receiver.remove(gone)
    node.destroy_subscription(gone)
    for publisher in publishers:
        publisher.publish(Header(frame_id=publisher.topic_name))
    wait_until(lambda: heard == ['/b'], 'the message')
    receiver.remove(stays)
    assert threads() == []


def test_thread_begins_again_with_the_next_subscription(
    node: Node, receiver: ImageReceiver
) -> None:
    heard: list[str] = []
    subscription = listen(node, 'a', lambda b: heard.append(text(b)))
    publisher = talk(node, subscription)
    for number in range(3):
        receiver.add(subscription)
        publisher.publish(Header(frame_id='a'))
        wait_until(lambda count=number: len(heard) == count + 1, 'the message')  # type: ignore[misc]
        receiver.remove(subscription)
        assert threads() == []


def test_callback_that_raises_costs_its_message_alone(
    node: Node, receiver: ImageReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def callback(serialized: bytes) -> None:
        heard.append(text(serialized))
        if heard == ['bad']:
            raise ZeroDivisionError('a bad message')

    subscription = listen(node, 'a', callback)
    publisher = talk(node, subscription)
    receiver.add(subscription)
    for word in ('bad', 'good'):
        publisher.publish(Header(frame_id=word))
    wait_until(lambda: heard == ['bad', 'good'], 'both messages')
    assert 'ZeroDivisionError: a bad message' in caplog.text
    receiver.remove(subscription)


def test_events_are_told(node: Node, receiver: ImageReceiver) -> None:
    events: list[Any] = []
    callbacks = SubscriptionEventCallbacks(incompatible_qos=events.append)
    subscription = listen(node, 'a', print, event_callbacks=callbacks)
    receiver.add(subscription)
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    node.create_publisher(Header, 'a', best_effort)
    wait_until(lambda: bool(events), 'the event')
    assert events[0].total_count == 1
    receiver.remove(subscription)


def test_shutdown_of_the_context_ends_the_thread(receiver: ImageReceiver, node: Node) -> None:
    receiver.add(listen(node, 'a', print))
    assert threads() == ['images']
    rclpy.shutdown(context=node.context)
    wait_until(lambda: threads() == [], 'the thread to end')
