# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The standing questions of a soak, and the events that they publish."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from rclpy.qos import QoSProfile, ReliabilityPolicy

from molmo_ground_ros import msg, srv
from molmo_ground_ros.types import Task
from tools.faults.planner import Planner, code_of, duration


class Standing:
    """Sets standing questions, and counts their events."""

    def __init__(self, planner: Planner, node: str, questions: int) -> None:
        """Set them. Raises RuntimeError if the node refuses one."""
        self._planner = planner
        self.events = 0
        self.out_of_order = 0
        # By question and camera.
        self._newest: defaultdict[tuple[str, str], int] = defaultdict(int)
        qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        planner.node.create_subscription(msg.Event, f'/{node}/events', self._hear, qos)
        for number in range(questions):
            query = msg.StandingQuery(
                query=f'How many times is mark-standing{number}x grasped?',
                task=int(Task.COUNT),
                period=duration(1.0),
                window=duration(4.0),
            )
            request = srv.SetQuery.Request(query=query)
            reply = planner.call(srv.SetQuery, 'set_query', request)
            if code_of(reply) != 'OK':
                raise RuntimeError(reply.error_msg)

    def statuses(self) -> list[Any]:
        """How far each is, as the node says."""
        request = srv.ListQueries.Request()
        return list(self._planner.call(srv.ListQueries, 'list_queries', request).queries)

    def _hear(self, event: Any) -> None:
        self.events += 1
        key = (event.query_id, event.camera)
        self.out_of_order += event.number != self._newest[key] + 1
        self._newest[key] = event.number
