# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pairs the depth images of a camera with its calibrations, with message_filters or without."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

# Depth images and calibrations that wait for their partners.
QUEUE = 30
# How far apart the stamps of a depth image and its calibrations may be, seconds.
SLOP_S = 0.05

OnPair = Callable[[Sequence[Any]], None]
"""Takes a depth image and then its calibrations. It must not raise."""


class Pairing(Protocol):
    """Takes messages one by one and gives on what belongs together."""

    name: str  # what it is, for diagnostics

    def add(self, place: int, msg: Any) -> None:
        """Take a message; place: 0 for depth, then the calibrations in their order."""
        ...

    def restart(self) -> None:
        """Begin anew after a jump of time."""
        ...


def pairing(places: int, on_pair: OnPair) -> Pairing:
    """That of message_filters where it is installed, else our own. places: how many topics."""
    try:
        import message_filters
    except ImportError:
        return PassingOn(on_pair)
    return Synchronized(message_filters, places, on_pair)


class Synchronized:
    """message_filters' ApproximateTimeSynchronizer, fed by subscriptions of our own.

    So it can be made anew, and the subscriptions have the node's own quality of service.
    """

    name = 'message_filters'

    def __init__(self, filters: Any, places: int, on_pair: OnPair) -> None:
        """filters: the module message_filters."""
        self._filters = filters
        self._places = places
        self._on_pair = on_pair
        self._lock = threading.Lock()
        self._inputs: list[Any] = []  # guarded by _lock
        self.restart()

    def add(self, place: int, msg: Any) -> None:
        """See Pairing."""
        with self._lock:
            source = self._inputs[place]
        source.signalMessage(msg)

    def restart(self) -> None:
        """See Pairing. The old one keeps the newest stamps, and would match nothing before them."""
        inputs = [self._filters.SimpleFilter() for _ in range(self._places)]
        joined = self._filters.ApproximateTimeSynchronizer(inputs, QUEUE, SLOP_S)
        joined.registerCallback(lambda *messages: self._on_pair(messages))
        with self._lock:
            self._inputs = inputs


class PassingOn:
    """Gives every message on as it comes: a calibration counts from its own stamp on.

    A depth image so gets the calibration of an equal stamp, or the last one before it.
    """

    name = 'equal stamps, without message_filters'

    def __init__(self, on_pair: OnPair) -> None:
        self._on_pair = on_pair

    def add(self, place: int, msg: Any) -> None:
        """See Pairing."""
        self._on_pair([None] * place + [msg])

    def restart(self) -> None:
        """See Pairing. Nothing waits, so there is nothing to do."""
