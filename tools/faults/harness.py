# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs faults one after the other, each on a node that is well, and measures the recovery."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import rclpy
from rclpy.context import Context

from tools.faults.fault import BAR_S, Fault, Row
from tools.faults.node_process import NodeProcess, NodeSetup, can_fill_disks
from tools.faults.planner import NoSign, Planner
from tools.faults.trial import Trial

# What an exception that nothing caught writes.
_UNCAUGHT = re.compile(r'^(?:Traceback|Exception ).*', re.MULTILINE)

# Of the node's log, beside a failure.
_LOG_LINES = 5
_NO_DISK = 'it needs a disk of its own (user namespaces), which this machine does not give'


class Harness:
    """Holds the planner, and the node that the newest fault was tried on."""

    def __init__(self, folder: Path, context: Context) -> None:
        """Start the planner. folder: for logs and orders."""
        self._folder = folder
        self._context = context
        self._planner = Planner('planner', context)
        self._node: NodeProcess | None = None
        self._nodes = 0

    def close(self) -> None:
        """End the node and the planner."""
        self._end_node()
        self._planner.close()

    def run(self, fault: Fault) -> Row:
        """Try one fault, on the node of the fault before if that is well and of the same setup."""
        if fault.inject is None or fault.untried:
            return Row(fault)
        if fault.setup.full_disk and not can_fill_disks():
            return Row(replace(fault, untried=_NO_DISK))
        trial = Trial(self._node_for(fault.setup), self._planner, self._context)
        try:
            row = self._try(fault, trial)
        finally:
            trial.end()
            self._node = trial.node
        if row.failures:
            lines = trial.node.log().splitlines()[-_LOG_LINES:]
            row = replace(row, failures=(*row.failures, *(f'log: {line}' for line in lines)))
        if row.failures or fault.setup.alone:
            self._end_node()
        return row

    def _try(self, fault: Fault, trial: Trial) -> Row:
        assert fault.inject is not None
        logged = len(trial.node.log())
        seconds = math.nan
        try:
            trial.begin()
            fault.inject(trial)
            seconds = trial.recovered_s
            if math.isnan(seconds):
                seconds = trial.seconds_to_right_answer(trial.ended_s)
        except NoSign as error:
            trial.failures.append(str(error))
        if not trial.diagnostics:
            trial.note_status()
        bar_s = BAR_S + (trial.node.load_s if fault.reloads else 0.0)
        trial.check(
            seconds <= bar_s,
            f'the next right answer came after {seconds:.2f} s, not within {bar_s:.2f} s; '
            f'before it: {trial.last_reply}',
        )
        for line in _UNCAUGHT.findall(trial.node.log()[logged:])[:1]:
            trial.failures.append(f'uncaught in the node: {line}')
        return Row(
            fault,
            '; '.join(trial.client),
            '; '.join(trial.diagnostics),
            seconds,
            bar_s,
            tuple(trial.failures),
        )

    def _node_for(self, setup: NodeSetup) -> NodeProcess:
        node = self._node
        if node is None or not node.lives or node.setup != setup:
            self._end_node()
            self._nodes += 1
            node = self._node = NodeProcess(setup, self._folder / f'node_{self._nodes}')
            self._planner.turn_to(node.name)
        return node

    def _end_node(self) -> None:
        if self._node is not None:
            self._node.end()
            self._node = None


@contextmanager
def harness() -> Iterator[Harness]:
    """A harness with a folder and a context of its own."""
    context = Context()
    rclpy.init(context=context)
    try:
        with tempfile.TemporaryDirectory(prefix='faults_') as folder:
            made = Harness(Path(folder), context)
            try:
                yield made
            finally:
                made.close()
    finally:
        rclpy.shutdown(context=context)
