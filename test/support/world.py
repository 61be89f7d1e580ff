# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The real node over real DDS, in this process, with a client beside it."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from support import domain  # noqa: F401 - sets the domain before rclpy reads it
from support.clips import stamp

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

PATIENCE_S = 20.0


def wait_until(ready: Callable[[], bool], what: str = 'condition') -> None:
    """Wait for something that has no event to wait for; fail with its name."""
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < deadline, f'timed out waiting for {what}'
        time.sleep(0.001)


def image(seconds: float, frame_id: str = 'optical', **changes: Any) -> Any:
    """A black rgb8 image of 16x12 pixels as a message, stamped `seconds` after the tests' zero.

    changes: fields that differ.
    """
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

    from molmo_ground_ros.ros import convert

    fields = {
        'header': Header(stamp=convert.time_msg(stamp(seconds)), frame_id=frame_id),
        'width': 16, 'height': 12, 'encoding': 'rgb8', 'step': 48, 'data': bytes(16 * 12 * 3),
    }  # fmt: skip
    return Image(**{**fields, **changes})


@dataclass
class World:
    """A running node and a client node, each with its own executor."""

    node: Any
    client: Any

    def publisher(self, kind: type, topic: str, qos: Any = 10) -> Any:
        """A publisher that the node's subscription has found, and that has found it.

        Each side finds the other by itself; what comes from a publisher not yet found is dropped.
        """
        publisher = self.client.create_publisher(kind, topic, qos)
        ours = sum(one.topic_name == publisher.topic_name for one in self.client.publishers)
        _matched(publisher, self._of_node(self.node.subscriptions, publisher.topic_name), ours)
        return publisher

    def listen(self, kind: type, topic: str) -> list[Any]:
        """What the node publishes on a topic from now on."""
        heard: list[Any] = []
        subscription = self.client.create_subscription(kind, topic, heard.append, 10)
        _matched(self._of_node(self.node.publishers, subscription.topic_name), subscription, 1)
        return heard

    @staticmethod
    def _of_node(entities: Iterator[Any], topic: str) -> Any:
        return next(entity for entity in entities if entity.topic_name == topic)

    def ask(self, **request: Any) -> Any:
        """Call ~/ground and wait for the reply."""
        return self.ask_async(**request)()

    def ask_async(self, **request: Any) -> Callable[[], Any]:
        """Call ~/ground; the result waits for the reply."""
        from molmo_ground_ros.srv import Ground

        client = self.client.create_client(Ground, '/molmo_ground/ground')
        wait_until(client.service_is_ready, 'the service')
        future = client.call_async(Ground.Request(**request))

        def reply() -> Any:
            wait_until(future.done, 'a reply')
            return future.result()

        return reply

    def film(
        self,
        seconds: float = 2.5,
        topic: str = 'image',
        camera: str = '',
        rate_hz: float = 10.0,
        **changes: Any,
    ) -> None:
        """Publish images from the tests' zero on; each is taken in before the next is sent.

        camera: its name, if that is not the topic. changes: as `image` takes them.
        """
        from sensor_msgs.msg import Image

        publisher = self.publisher(Image, topic)
        for number in range(round(seconds * rate_hz) + 1):
            self.send(publisher, camera or topic, image(number / rate_hz, **changes))

    def send(self, publisher: Any, camera: str, message: Any) -> None:
        """Publish an image, once, and wait until the node has taken it in."""
        stats = self.node.cameras[camera].buffer.stats
        before = stats().received
        publisher.publish(message)
        wait_until(lambda: stats().received > before, f'an image of {camera}')


def _matched(publisher: Any, subscription: Any, publishers: int) -> None:
    """Wait until the publisher knows of the subscription, and it of as many publishers."""
    wait_until(
        lambda: (
            publisher.get_subscription_count() > 0
            and subscription.get_publisher_count() >= publishers
        ),
        f'both sides of {publisher.topic_name} to find each other',
    )


@pytest.fixture
def start() -> Iterator[Callable[..., World]]:
    """Starts a node: `start(backend, setting=value, ...)`; everything is taken down afterwards."""
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node
    from rclpy.parameter import Parameter

    from molmo_ground_ros.ros.node import GroundNode
    from molmo_ground_ros.ros.process import executor_for, spin

    def make(backend: Any, ready: bool = True, autostart: bool = True, **settings: Any) -> World:
        context = rclpy.Context()
        rclpy.init(context=context)
        undo.callback(rclpy.try_shutdown, context=context)
        load = backend if callable(backend) else lambda _: backend
        overrides = [Parameter(name, value=value) for name, value in settings.items()]
        node = GroundNode(load, context=context, parameter_overrides=overrides)
        client = Node('client', context=context)
        executors = [executor_for(node), SingleThreadedExecutor(context=context)]
        executors[1].add_node(client)
        threads = [
            threading.Thread(target=spin, args=(executors[0], node)),
            threading.Thread(target=_spin_client, args=(executors[1],)),
        ]
        # Undone from the last to the first. Nodes left to the garbage collector keep their
        # participant, and with more than some thirty of them discovery begins to fail.
        for one in (node, client):
            undo.callback(one.destroy_node)
        for thread in threads:
            thread.start()
            undo.callback(thread.join, PATIENCE_S)
        for executor in executors:
            undo.callback(executor.shutdown, 1.0)
        undo.callback(node.close)
        if autostart:
            assert node.autostart()
        if autostart and ready:
            node.session.wait_ready(PATIENCE_S)
        return World(node, client)

    with ExitStack() as undo:
        yield make
    gc.collect()  # action clients of the tests hold their node, too


def _spin_client(executor: Any) -> None:
    from rclpy.executors import ExternalShutdownException

    try:
        executor.spin()
    except ExternalShutdownException:
        return
