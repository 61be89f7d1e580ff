# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of simulated time: /clock is absent, paused, looped, or jumps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rosgraph_msgs.msg import Clock

from molmo_ground_ros.ros import convert
from tools.faults.fault import Fault
from tools.faults.node_process import NodeSetup
from tools.faults.planner import wait_until
from tools.faults.trial import OK, Trial

SIMULATED = NodeSetup((('use_sim_time', True),))
_S = 1_000_000_000
# Between two messages on /clock, by the clock of the machine and as they say.
TICK_S = 0.02
TICK_NS = 20_000_000


class SimulatedTime:
    """Publishes /clock. Time goes on only while `run` is called."""

    def __init__(self, trial: Trial) -> None:
        """Offer /clock, at the time of the trial's camera."""
        self._trial = trial
        self.publisher = trial.planner.node.create_publisher(Clock, '/clock', 10)
        self.now_ns = trial.camera.stamp_ns
        wait_until(self.publisher.get_subscription_count, 'a subscription of /clock')
        self.run(0.2)

    def run(self, seconds: float) -> None:
        """Let time go on for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.now_ns += TICK_NS
            self.publisher.publish(Clock(clock=convert.time_msg(self.now_ns)))
            time.sleep(TICK_S)

    def jump(self, by_ns: int) -> None:
        """Let time and the camera's stamps jump, and go on."""
        self.now_ns += by_ns
        self._trial.camera.jump(by_ns)
        self.run(0.2)


@contextmanager
def _simulated_time(trial: Trial) -> Iterator[SimulatedTime]:
    simulated = SimulatedTime(trial)
    try:
        yield simulated
    finally:
        trial.planner.node.destroy_publisher(simulated.publisher)


def _absent(trial: Trial) -> None:
    trial.ask()
    trial.ask('!hang 60', timeout_s=0.5, expect='TIMEOUT')
    trial.expect_status(trial.camera.topic, OK, 'receiving')


def _paused(trial: Trial) -> None:
    with _simulated_time(trial) as simulated:
        simulated.run(0.5)
        time.sleep(1.0)
        trial.ask()
        trial.ask('!hang 60', timeout_s=0.5, expect='TIMEOUT')
        heard = len(trial.planner.arrays)
        time.sleep(0.5)
        trial.check(len(trial.planner.arrays) > heard, 'diagnostics have stopped')
        trial.diagnostics.append('they go on')


def _looped(trial: Trial) -> None:
    with _simulated_time(trial) as simulated:
        for _ in range(2):
            trial.camera.show(8)
            simulated.run(0.2)
            simulated.jump(-10 * _S)
            trial.ask(expect='NO_FRAMES')
            trial.is_over()
            trial.camera.show(4)
            reply = trial.ask()
            newest = convert.stamp_ns(reply.points.header.stamp)
            known = newest in trial.camera.stamps_ns
            trial.check(known, 'the answer is about images of the loop before')
        trial.expect_status(trial.camera.topic, OK, '^epochs=2$')


def _forward(trial: Trial) -> None:
    with _simulated_time(trial) as simulated:
        simulated.jump(86_400 * _S)
        trial.camera.show(4)
        reply = trial.ask()
        newest = convert.stamp_ns(reply.points.header.stamp)
        trial.check(newest in trial.camera.stamps_ns, 'the answer is about images before the jump')
        trial.expect_status(trial.camera.topic, OK, '^epochs=1$')


CLOCK = (
    Fault(
        'clock-absent',
        '`use_sim_time` is set, and nothing publishes /clock',
        'questions are answered and time out by the steady clock; diagnostics go on',
        _absent,
        SIMULATED,
        reloads=True,
    ),
    Fault(
        'clock-paused',
        'Simulated time stands still',
        'questions are answered and time out by the steady clock; diagnostics go on',
        _paused,
        SIMULATED,
        reloads=True,
    ),
    Fault(
        'clock-looped',
        'Simulated time jumps back, as where a recording loops',
        'images from before the jump are forgotten at once; the next ones are answered about',
        _looped,
        SIMULATED,
    ),
    Fault(
        'clock-forward',
        'Simulated time jumps ahead by a day',
        'the buffer begins anew with the second image after the jump',
        _forward,
        SIMULATED,
    ),
)
