# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node's executor: rclpy's, without a busy wait that delays images."""

from __future__ import annotations

from rclpy.event_handler import EventHandler
from rclpy.executors import MultiThreadedExecutor


class NodeExecutor(MultiThreadedExecutor):
    """Does not wait for the events of a subscription while a message of it has yet to be taken.

    With rmw_fastrtps, a subscription and its events share one status condition of the data reader,
    which stays set until the message is taken. rclpy takes the message in a thread of its pool, and
    meanwhile waits again. A wait that includes the events returns at once; rclpy then gives the
    same message to the pool once more, and waits again. This loop keeps Python's lock, so the
    thread that takes the message starts late, and the next message waits behind hundreds of
    repeated entries in the pool's queue.
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
        # An event of a publisher.
        return True
