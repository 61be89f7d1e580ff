# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks our node a question every two seconds, and sets two standing ones where it takes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from builtin_interfaces.msg import Duration
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from molmo_ground_ros.errors import ErrorCode
from molmo_ground_ros.msg import StandingQuery
from molmo_ground_ros.srv import Ground, SetQuery

QUESTION = 'How many times was the red block grasped?'
STANDING = ('How many times was the blue block grasped?', 'Track the red block.')
PERIOD_S = 2.0
_PATIENCE_S = 60.0


class Asker:
    """A client of the node, with a thread that asks."""

    def __init__(self, cameras: Sequence[str]) -> None:
        """Wait until the node answers. Raises RuntimeError if it does not."""
        self._cameras = cycle(cameras)
        self._node = Node('bench_asker')
        self._ground = self._node.create_client(Ground, '/molmo_ground/ground')
        self._set = self._node.create_client(SetQuery, '/molmo_ground/set_query')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        threading.Thread(target=self._spin, daemon=True).start()
        if not self._ground.wait_for_service(_PATIENCE_S):
            raise RuntimeError('the node offers no service')
        self.latencies_s: list[float] = []
        self.errors: list[str] = []
        self.standing = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, daemon=True)

    def begin(self) -> None:
        """Set the standing questions and begin to ask."""
        if self._set.wait_for_service(2.0):
            for words in STANDING:
                query = StandingQuery(query=words, period=Duration(sec=10))
                reply = self._reply(self._set, SetQuery.Request(query=query))
                self.standing += reply is not None and reply.error_code == ErrorCode.OK
        self._thread.start()

    def end(self) -> None:
        """Ask no more, once the open question is answered."""
        self._stop.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()

    def _ask_on(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + PERIOD_S, time.monotonic())
            began = time.monotonic()
            request = Ground.Request(query=QUESTION, camera=next(self._cameras))
            reply = self._reply(self._ground, request)
            if reply is not None and reply.error_code == ErrorCode.OK:
                self.latencies_s.append(time.monotonic() - began)
            elif reply is None or reply.error_code not in (
                ErrorCode.NO_FRAMES,
                ErrorCode.MODEL_LOADING,
            ):
                self.errors.append('no reply' if reply is None else reply.error_msg)

    @staticmethod
    def _reply(client: Any, request: Any) -> Any:
        """The reply to a request; None if none came."""
        arrived = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: arrived.set())
        return future.result() if arrived.wait(_PATIENCE_S) else None

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return
