# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Takes the images of all cameras in a thread of its own, past the executor.

rclpy's executor builds a new wait set of everything in the node for every message, and hands the
message to a pool of threads. With four cameras of 30 Hz that took as much time as all else that the
node does. Here the wait set holds the cameras alone, and who waits also takes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.context import Context
from rclpy.event_handler import EventHandler
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.subscription import Subscription

from molmo_ground_ros.errors import traceback_text

_log = logging.getLogger(__name__)

# How long a wait lasts where nothing arrives, and how long the thread rests after an error.
_WAIT_NS = 500_000_000
_REST_S = 0.1


class OutsideExecutor(CallbackGroup):
    """The callback group of entities that no executor may wait for."""

    def can_execute(self, entity: object) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def beginning_execution(self, entity: object) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def ending_execution(self, entity: object) -> None:
        """Nothing has begun."""


class ImageReceiver:
    """Calls the callbacks of raw subscriptions and of their events, a message of each in turn."""

    def __init__(self, context: Context) -> None:
        """Begin to wait with the first subscription."""
        self._context = context
        with context.handle:
            self._wake = rclpy_implementation.GuardCondition(context.handle)
        # Held while callbacks run, and while the two fields below change.
        self._turn = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._thread: threading.Thread | None = None

    def add(self, subscription: Subscription) -> None:
        """Take its messages from now on. It was made with a group `OutsideExecutor`."""
        with self._turn:
            self._subscriptions += (subscription,)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name='images', daemon=True)
                self._thread.start()
        self._wake_up()

    def remove(self, subscription: Subscription) -> None:
        """Take no more of it: once this returns, no callback of it runs any more."""
        with self._turn:
            others = tuple(item for item in self._subscriptions if item is not subscription)
            thread, self._subscriptions = self._thread, others
            if not others:
                self._thread = None
        self._wake_up()
        if thread is not None and not others:
            thread.join()

    def _wake_up(self) -> None:
        with self._wake:
            self._wake.trigger_guard_condition()

    def _run(self) -> None:
        while self._context.ok():
            subscriptions = self._subscriptions
            if not subscriptions:
                return
            try:
                self._receive(subscriptions)
            except rclpy_implementation.InvalidHandle:
                # The context was shut down, or a subscription destroyed, without a word before.
                time.sleep(_REST_S)
            except Exception as error:  # noqa: BLE001 - the thread lives as long as the cameras
                _log.error('images cannot be received: %s', traceback_text(error))
                time.sleep(_REST_S)

    def _receive(self, subscriptions: tuple[Subscription, ...]) -> None:
        """Wait and take, until the subscriptions change."""
        handlers = [handler for item in subscriptions for handler in item.event_handlers]
        entities = (len(subscriptions), 1, 0, 0, 0, len(handlers))
        handles = [item.handle for item in subscriptions]
        with ExitStack() as in_use:
            # What is destroyed meanwhile lives until the end of this block.
            for entity in (self._context.handle, self._wake, *handles, *handlers):
                in_use.enter_context(entity)
            wait_set = rclpy_implementation.WaitSet(*entities, self._context.handle)
            while self._context.ok() and self._subscriptions is subscriptions:
                wait_set.clear_entities()
                wait_set.add_guard_condition(self._wake)
                for handle in handles:
                    wait_set.add_subscription(handle)
                for handler in handlers:
                    handler.add_to_wait_set(wait_set)
                wait_set.wait(_WAIT_NS)
                with self._turn:
                    if self._subscriptions is subscriptions:
                        _take(wait_set, subscriptions, handlers)


def _take(
    wait_set: Any, subscriptions: Iterable[Subscription], handlers: Iterable[EventHandler]
) -> None:
    """Take what is ready, and call the callbacks."""
    ready = set(wait_set.get_ready_entities('subscription'))
    for subscription in subscriptions:
        if subscription.handle.pointer in ready:
            taken = subscription.handle.take_message(subscription.msg_type, True)
            if taken is not None:
                subscription.callback(taken[0])
    for handler in handlers:
        if handler.is_ready(wait_set):
            data = handler.take_data()
            if data is not None:
                handler.callback(data)
