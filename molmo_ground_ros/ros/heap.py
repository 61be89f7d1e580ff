# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Gives memory that nothing uses back to the system, once a minute.

The C library keeps what was freed between blocks still in use. A node whose raw images come and go
at hundreds of megabytes a second looks, for hours, as if it grew: its free memory is resident.
"""

import ctypes

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

PERIOD_S = 60.0


def give_back() -> None:
    """Return the C library's free memory to the system; nothing where it is not glibc."""
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim(0)


def give_back_regularly(node: Node) -> None:
    """Call `give_back` each PERIOD_S, in a callback group of its own, on a steady clock."""
    node.create_timer(
        PERIOD_S,
        give_back,
        callback_group=MutuallyExclusiveCallbackGroup(),
        clock=Clock(clock_type=ClockType.STEADY_TIME),
    )
