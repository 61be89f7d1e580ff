# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of header stamps: of one image, of a clock, of two clocks on one topic."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from builtin_interfaces.msg import Time

from molmo_ground_ros.ros import convert
from tools.faults.camera import PAUSE_S
from tools.faults.fault import Fault
from tools.faults.trial import ERROR, OK, WARN, Trial

_S = 1_000_000_000


def _stamped(stamp: Time) -> Callable[[Any], None]:
    def spoil(message: Any) -> None:
        message.header.stamp = stamp

    return spoil


def _zero(trial: Trial) -> None:
    camera = trial.new_camera()
    trial.planner.set_parameters(image_topics=[camera.topic])
    end = time.monotonic() + 2.0
    while not camera.publisher.get_subscription_count() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.1)
    camera.show_bad(_stamped(Time()))
    trial.ask(expect='NO_FRAMES')
    trial.expect_status(camera.topic, ERROR, 'every image has stamp zero')
    trial.recovered_s = trial.seconds_to_right_answer(camera=camera)


def _frozen(trial: Trial) -> None:
    camera = trial.new_camera()
    trial.planner.set_parameters(image_topics=[camera.topic])
    camera.show_bad(_stamped(convert.time_msg(camera.stamp_ns)), 40)
    trial.expect_status(camera.topic, ERROR, 'every image has the same stamp')
    trial.recovered_s = trial.seconds_to_right_answer(camera=camera)


def _duplicate(trial: Trial) -> None:
    """Each image comes twice."""
    for _ in range(8):
        trial.camera.show()
        trial.camera.publisher.publish(trial.camera.image())
        time.sleep(PAUSE_S)
    trial.expect_status(trial.camera.topic, WARN, 'images repeat a stamp')
    trial.ask()


def _one(by_ns: int, count: str) -> Callable[[Trial], None]:
    """One image among good ones is far off."""

    def inject(trial: Trial) -> None:
        camera = trial.camera
        camera.show(4)
        message = camera.image()
        message.header.stamp = convert.time_msg(camera.stamp_ns + by_ns)
        camera.publisher.publish(message)
        time.sleep(PAUSE_S)
        camera.show(4)
        reply = trial.ask()
        newest = convert.stamp_ns(reply.points.header.stamp)
        trial.check(newest in camera.stamps_ns, 'the answer is about the image that is far off')
        trial.expect_status(camera.topic, OK, f'^{count}=1$')

    return inject


def _jumps(by_ns: int, level: bytes, pattern: str) -> Callable[[Trial], None]:
    """The camera's clock jumps, and goes on there."""

    def inject(trial: Trial) -> None:
        trial.camera.show(8)
        trial.camera.jump(by_ns)
        trial.camera.show(4)
        reply = trial.ask()
        newest = convert.stamp_ns(reply.points.header.stamp)
        trial.check(newest in trial.camera.stamps_ns, 'the answer is about images before the jump')
        trial.expect_status(trial.camera.topic, level, pattern)

    return inject


def _two_clocks(trial: Trial) -> None:
    """Two publishers, an hour apart, send in turn, two images each."""
    camera = trial.camera
    for _ in range(8):
        camera.show(2)
        camera.show_bad(lambda message: _shift(message, 3600 * _S), 2)
    trial.expect_status(camera.topic, WARN, 'two clocks on this topic')
    trial.ask()


def _shift(message: Any, by_ns: int) -> None:
    stamp_ns = convert.stamp_ns(message.header.stamp) + by_ns
    message.header.stamp = convert.time_msg(stamp_ns)


def _negative(trial: Trial) -> None:
    trial.camera.show_bad(_stamped(Time(sec=-5, nanosec=1)))
    trial.camera.show_bad(_stamped(Time(sec=5, nanosec=2**32 - 1)), 1)
    trial.expect_status(trial.camera.topic, WARN, 'stamp zero')
    trial.ask()


_BEGINS_ANEW = 'the buffer begins anew with the second image after the jump'
_OUTLIER = 'it is dropped and counted; the answer does not know it'

STAMPS = (
    Fault(
        'stamps-zero',
        'Every stamp is zero',
        '`NO_FRAMES`; diagnostics report an error',
        _zero,
        quick=True,
    ),
    Fault(
        'stamps-frozen',
        'Every stamp is the same',
        'the first image is held; diagnostics report an error',
        _frozen,
    ),
    Fault(
        'stamps-negative',
        'Stamps below zero, and with more nanoseconds than a second has',
        'they are dropped as without a stamp',
        _negative,
    ),
    Fault(
        'stamps-duplicate',
        'Each stamp comes twice',
        'the second image is dropped; diagnostics warn',
        _duplicate,
    ),
    Fault('stamp-future', 'One image is an hour ahead', _OUTLIER, _one(3600 * _S, 'far_future')),
    Fault('stamp-past', 'One image is ten minutes old', _OUTLIER, _one(-600 * _S, 'stale')),
    Fault(
        'stamps-backward',
        "A camera's clock jumps back by a minute",
        _BEGINS_ANEW,
        _jumps(-60 * _S, OK, 'epochs=1'),
    ),
    Fault(
        'stamps-forward',
        "A camera's clock jumps ahead by a year",
        _BEGINS_ANEW,
        _jumps(365 * 86400 * _S, OK, 'epochs=1'),
    ),
    Fault(
        'two-clocks',
        'Two publishers with two clocks on one topic',
        'the answer is about one of them; diagnostics warn',
        _two_clocks,
    ),
)
