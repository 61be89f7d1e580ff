# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`~/events_json`: the events of standing questions as JSON, for rosbridge, MQTT and their kind.

The object has the fields of msg/Event.msg by their names, those of its messages nested. A number
that JSON does not know (NaN) is null.
"""

from __future__ import annotations

import json
import math
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

from molmo_ground_ros.msg import Event

# Events that may wait in the middleware, as on ~/events.
DEPTH = 100


class EventBridge:
    """Publishes events as JSON while a setting asks for it and someone subscribes."""

    def __init__(self, node: Node) -> None:
        """Offer nothing yet."""
        self._node = node
        self._publisher: Any = None

    def configure(self, is_wanted: bool) -> None:
        """Offer the topic, or withdraw it."""
        if is_wanted and self._publisher is None:
            qos = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.RELIABLE)
            self._publisher = self._node.create_publisher(String, '~/events_json', qos)
        elif not is_wanted and self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
            self._publisher = None

    def publish(self, event: Event) -> None:
        """Publish an event. In the session's worker."""
        if self._publisher is not None and self._publisher.get_subscription_count():
            self._publisher.publish(String(data=event_json(event)))


def event_json(event: Event) -> str:
    """An event as one line of JSON."""
    return json.dumps(_plain(event), allow_nan=False)


def _plain(value: Any) -> Any:
    if hasattr(value, 'get_fields_and_field_types'):
        return {name: _plain(getattr(value, name)) for name in value.get_fields_and_field_types()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
