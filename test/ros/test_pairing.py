# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Both ways to pair depth with calibrations, the one of message_filters on a stand-in for it."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from molmo_ground_ros.ros.pairing import QUEUE, PassingOn, Synchronized, pairing


class SimpleFilter:
    """As in message_filters 6.0.6."""

    def __init__(self) -> None:
        self.callbacks: list[Any] = []

    def registerCallback(self, callback: Any) -> None:  # noqa: N802 - its name
        self.callbacks.append(callback)

    def signalMessage(self, *messages: Any) -> None:  # noqa: N802 - its name
        for callback in self.callbacks:
            callback(*messages)


class ApproximateTimeSynchronizer(SimpleFilter):
    """Drops what is older than the newest of each topic, as the real one does when it is full."""

    def __init__(self, inputs: list[SimpleFilter], queue_size: int, slop: float) -> None:
        super().__init__()
        assert (queue_size, slop) == (QUEUE, 0.05)
        self.newest: list[int | None] = [None] * len(inputs)
        for place, source in enumerate(inputs):
            source.registerCallback(lambda stamp, place=place: self.add(place, stamp))

    def add(self, place: int, stamp: int) -> None:
        self.newest[place] = max(stamp, self.newest[place] or 0)
        if None not in self.newest and len(set(self.newest)) == 1:
            self.signalMessage(*self.newest)


FILTERS = SimpleNamespace(
    SimpleFilter=SimpleFilter, ApproximateTimeSynchronizer=ApproximateTimeSynchronizer
)


def test_what_belongs_together_comes_together() -> None:
    pairs: list[Any] = []
    paired = Synchronized(FILTERS, 2, pairs.append)
    for place, stamp in ((0, 1), (0, 2), (1, 2), (1, 3), (0, 3)):
        paired.add(place, stamp)
    assert pairs == [(2, 2), (3, 3)]


def test_after_a_jump_of_time_it_matches_again() -> None:
    pairs: list[Any] = []
    paired = Synchronized(FILTERS, 2, pairs.append)
    for place in (0, 1):
        paired.add(place, 100)
    for place in (0, 1):
        paired.add(place, 5)
    assert (5, 5) not in pairs
    paired.restart()
    for place in (0, 1):
        paired.add(place, 5)
    assert pairs[-1] == (5, 5)


def test_without_it_every_message_is_given_on() -> None:
    pairs: list[Any] = []
    passing = PassingOn(pairs.append)
    passing.add(0, 'depth')
    passing.restart()
    passing.add(1, 'camera_info')
    assert pairs == [['depth'], [None, 'camera_info']]


def test_what_is_installed_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'message_filters', FILTERS)
    assert pairing(2, print).name == 'message_filters'
    monkeypatch.setitem(sys.modules, 'message_filters', None)
    assert pairing(2, print).name == 'equal stamps, without message_filters'
