# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The executor of the node: rclpy's, without a busy wait that holds pictures back."""

from __future__ import annotations

from rclpy.event_handler import EventHandler
from rclpy.executors import MultiThreadedExecutor


class NodeExecutor(MultiThreadedExecutor):
    """Leaves a subscription's events out of the wait while its message is still to be taken.

    With rmw_fastrtps a subscription and its events share one status condition of the data reader,
    which stays set until the message is taken. rclpy takes it in a thread of its pool and waits on
    meanwhile. Such a wait, with the events in it, ends at once; rclpy then hands the same message
    to the pool again and waits again. That loop holds Python's lock, so the thread that is to take
    the message starts late, and the next message queues behind hundreds of repeated hand-overs.
    """

    def can_execute(self, entity: object) -> bool:
        """Whether rclpy may wait for `entity` now."""
        if not super().can_execute(entity):
            return False
        if not isinstance(entity, EventHandler):
            return True
        for node in self.get_nodes():
            for subscription in node.subscriptions:
                if entity in subscription.event_handlers:
                    return bool(super().can_execute(subscription))
        return True  # an event of a publisher
