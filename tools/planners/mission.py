# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A mission as a tree of py_trees: place again until the red block was grasped three times."""

from __future__ import annotations

import threading
import time

import py_trees
from py_trees.common import Access, Status

from molmo_ground_ros.client import GroundClient
from molmo_ground_ros.client.behaviours import AskQuestion, count_at_least, has_point
from tools.planners.row import must
from tools.planners.table import QUESTION, Table

TICK_S, LONGEST_S = 0.05, 180.0
KEY = '/grasps'


class Place(py_trees.behaviour.Behaviour):
    """Lets the arm grasp the block and put it down: RUNNING meanwhile, FAILURE if it cannot."""

    def __init__(self, name: str, table: Table) -> None:
        """Make the behaviour."""
        super().__init__(name)
        self._table = table
        self._thread: threading.Thread | None = None
        self._placed = False
        self.times = 0

    def initialise(self) -> None:
        """Begin to place."""
        self._thread = threading.Thread(target=self._place, daemon=True)
        self._thread.start()

    def update(self) -> Status:
        """Look whether it is placed."""
        if self._thread is not None and self._thread.is_alive():
            return Status.RUNNING
        self.times += self._placed
        return Status.SUCCESS if self._placed else Status.FAILURE

    def _place(self) -> None:
        self._placed = self._table.place()


def run_mission(table: Table) -> str:
    """Tick the tree until it ends. It must succeed with the third grasp, and not before."""
    try:
        with GroundClient(table.node) as ground:
            place = Place('place', table)
            grasped = AskQuestion(
                'grasped three times', ground, QUESTION, count_at_least(table.parts), key=KEY
            )
            seen = AskQuestion('where is it', ground, 'Point to the red block', has_point)
            steps = py_trees.composites.Sequence('place and look', memory=True)
            steps.add_children([place, grasped, seen])
            tree = py_trees.decorators.Retry('again', steps, num_failures=10)
            deadline = time.monotonic() + LONGEST_S
            tree.tick_once()
            while tree.status == Status.RUNNING and time.monotonic() < deadline:
                time.sleep(TICK_S)
                tree.tick_once()
            if tree.status == Status.RUNNING:
                tree.stop(Status.INVALID)
        must(tree.status == Status.SUCCESS, f'{tree.status}: {grasped.feedback_message}')
        must(place.times == table.parts, f'placed {place.times} times of {table.parts}')
        reader = py_trees.blackboard.Client(name='reader')
        reader.register_key(key=KEY, access=Access.READ)
        return f'placed {place.times} times, then count {reader.get(KEY).count} on {KEY}'
    finally:
        py_trees.blackboard.Blackboard.clear()
