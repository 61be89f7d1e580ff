# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the encoder of AV1 from making the process that encodes a real-time one.

SVT-AV1 gives the calling thread SCHED_FIFO with the highest priority where it may (as root), and
leaves it so. Then whatever that thread starts goes before all else on the machine: on two cores a
browser waited for a thread of its own for ever, and nodes in other processes stood still.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Give the calling thread back the priority that it had, at the end of the block."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)
