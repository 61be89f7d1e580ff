# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A client that asks a slow question and waits to be killed: `... NODE service|action`."""

from __future__ import annotations

import sys
import time

import rclpy
from rclpy.context import Context

from tools.faults.planner import Planner

# What it asks about.
MARK = 'mark-doomed'


def main(node: str, kind: str) -> None:
    """Ask, and wait."""
    context = Context()
    rclpy.init(context=context)
    planner = Planner('doomed', context)
    planner.turn_to(node)
    question = f'Where is {MARK}? !slow 0.03'
    if kind == 'action':
        planner.send_goal(question)
    else:
        planner.ask_async(question)
    time.sleep(60)


if __name__ == '__main__':
    main(*sys.argv[1:])
