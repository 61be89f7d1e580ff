# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The simulated table: the recording that ships, played part by part into the real node."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from molmo_ground_ros.client import EventStream
from molmo_ground_ros.recording import Recording, SpaceTopics, find_space, open_recording
from tools.node_process import ROOT, node_process, parameters_for
from tools.player import Player
from tools.tabletop.bag_truth import BagTruth

BAG, MODEL = 'examples/tabletop.mcap', 'models/tabletop'
TARGET, FRAME = '/molmo_ground', 'world'
QUESTION = 'How many times was the red block grasped?'
# Times real time, while the model keeps up; where it does not, the arm waits for it.
RATE = 4.0
# Of the standing question, in the recording's own time.
PERIOD_S, WINDOW_S = 2.0, 8.0
# The sampling grid of a window may end this long before its newest image.
GRID_S = 0.6
START_S, TURN_S = 90.0, 4.0
# Each part of the recording ends some seconds after a grasp, when the block was put down.
AFTER_S = 2.5


class Table:
    """The node, the recording, and a node of ours that plays and listens."""

    def __init__(self, recording: Recording, node: Node) -> None:
        """node: runs in an executor already."""
        self.node = node
        self._player = Player(node, recording)
        self._cues = self._player.cues()
        self.zero_ns, self._last_ns = recording.span
        self.topic = recording.topic
        truth = BagTruth.beside(ROOT / BAG)
        self.grasps_ns: Sequence[int] = truth.moments('grasp', 'red block')
        self._arm = threading.Lock()
        self._placed = 0
        # Of the question that is watched while the arm moves, if one is.
        self.watched: EventStream | None = None

    @property
    def parts(self) -> int:
        """How many parts the recording has: one for each grasp."""
        return len(self.grasps_ns)

    def place(self) -> bool:
        """Play the next part: the arm grasps the block and puts it down; False after the last."""
        with self._arm:
            if self._placed == self.parts:
                return False
            self._player.wait_subscribed([self.topic], wait)
            ends = [round(stamp + AFTER_S * 1e9) for stamp in self.grasps_ns[:-1]] + [self._last_ns]
            begin_ns = ends[self._placed - 1] if self._placed else -1
            self._play(begin_ns, ends[self._placed])
            self._placed += 1
            return True

    def place_all(self) -> None:
        """Play what is left of the recording."""
        while self.place():
            pass

    def _play(self, after_ns: int, until_ns: int) -> None:
        """Publish what is due in a part. Static transforms come with the first one."""
        cues = [cue for cue in self._cues if after_ns < cue.stamp_ns <= until_ns]
        first_ns = next(cue.stamp_ns for cue in cues if cue.stamp_ns)
        began, turn = time.monotonic(), 0
        for cue in cues:
            due = began + (cue.stamp_ns - first_ns) / 1e9 / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            self._player.send(cue)
            if cue.stamp_ns - first_ns > turn * PERIOD_S * 1e9:
                began += self._wait_for_turn(first_ns + round(turn * PERIOD_S * 1e9))
                turn += 1
        # Received is not yet taken: the question must not come before the newest image.
        time.sleep(0.3)

    def _wait_for_turn(self, stamp_ns: int) -> float:
        """Wait for the answer to the question that is watched; returns the seconds.

        Not for long: an answer that was cut off does not speak for the stamp.
        """
        watched, began = self.watched, time.monotonic()
        until_ns = stamp_ns - round(GRID_S * 1e9)
        if watched is not None:
            with suppress(TimeoutError):
                wait(lambda: watched.state().covered_until_ns >= until_ns, 'an answer', TURN_S)
        return time.monotonic() - began


@contextmanager
def table(log: Path) -> Iterator[Table]:
    """The table with the node in a process of its own, whose output goes to `log`."""
    with ExitStack() as stack:
        recording = stack.enter_context(open_recording(ROOT / BAG))
        stack.enter_context(_node(recording.topic, find_space(recording, SpaceTopics()), log))
        rclpy.init()
        stack.callback(rclpy.try_shutdown)
        node = Node('planner_table')
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        thread = threading.Thread(target=_spin, args=(executor,), daemon=True)
        thread.start()
        stack.callback(node.destroy_node)
        stack.callback(thread.join)
        stack.callback(executor.shutdown)
        wait(lambda: node.count_publishers(f'{TARGET}/events') > 0, 'the node')
        yield Table(recording, node)


@contextmanager
def _node(topic: str, space: SpaceTopics, log: Path) -> Iterator[None]:
    parameters = parameters_for(ROOT / MODEL, topic, space, FRAME)
    parameters |= {
        'events_json': 'true',
        'standing_period_seconds': str(PERIOD_S),
        'standing_window_seconds': str(WINDOW_S),
    }
    with log.open('wb') as output, node_process(parameters, output):
        yield


def wait(ready: Any, what: str, seconds: float = START_S) -> None:
    """Wait for something that has no event to wait for. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f'no sign of {what} within {seconds:g} s')
        time.sleep(0.05)


def _spin(executor: SingleThreadedExecutor) -> None:
    with suppress(ExternalShutdownException):
        executor.spin()
