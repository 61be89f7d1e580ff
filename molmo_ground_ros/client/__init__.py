# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""For programs that ask a running node: `from molmo_ground_ros.client import GroundClient`."""

from molmo_ground_ros.ros.client import GroundClient
from molmo_ground_ros.ros.event_stream import EventStream
from molmo_ground_ros.ros.replies import GroundedEvent, NodeMissing, QuestionFailed, WatchState

__all__ = [
    'EventStream',
    'GroundClient',
    'GroundedEvent',
    'NodeMissing',
    'QuestionFailed',
    'WatchState',
]
