# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Transitions of a managed node that its state does not allow: they are refused."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode

from molmo_ground_ros.errors import describe


def refuse_wrong(node: LifecycleNode) -> None:
    """Let `~/change_state` of a node reply where the state does not allow a transition.

    rclpy raises RCLError there, a RuntimeError, and then sends no reply at all.
    """
    service = node._service_change_state
    change = service.callback

    def reply(request: Any, response: Any) -> Any:
        try:
            return change(request, response)
        except RuntimeError as error:
            transition = request.transition.label or request.transition.id
            node.get_logger().error(f"transition '{transition}' is refused: {describe(error)}")
            response.success = False
            return response

    service.callback = reply
