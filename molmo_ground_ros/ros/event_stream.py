# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The events of one standing question, one by one, for as long as the node is there."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from typing import Any, Protocol

from molmo_ground_ros.ros import replies
from molmo_ground_ros.ros.replies import GroundedEvent, NodeMissing, WatchState

# Seconds between two looks at whether the client was closed, and whether the node is the same.
POLL_S, LOOK_S = 0.1, 1.0
# How long a node may be away, as one that is started again is.
AWAY_S = 30.0


class Watching(Protocol):
    """What the client does for a stream."""

    target: str

    def is_closed(self) -> bool:
        """Whether the client was closed."""
        ...

    def incarnation(self) -> object:
        """What tells one run of the node from the next; None while it is not there."""
        ...

    def set_query(self, query: Any) -> None:
        """Set a standing question. Raises QuestionFailed, NodeMissing."""
        ...

    def watch_state(self, query_id: str) -> WatchState:
        """How far a standing question is. Raises QuestionFailed, NodeMissing."""
        ...


class EventStream(Iterator[GroundedEvent]):
    """Iterates over events. A node that was started again is told the question once more.

    For one thread. It ends where the client is closed, and raises NodeMissing where the node has
    been away for AWAY_S.
    """

    def __init__(self, query: Any, events: queue.Queue[Any], watching: Watching) -> None:
        """query: as it was set. events: what comes on ~/events, of other questions too."""
        self._query, self._events, self._watching = query, events, watching
        self._incarnation = watching.incarnation()
        self._there_s = self._looked_s = time.monotonic()

    def __next__(self) -> GroundedEvent:
        while not self._watching.is_closed():
            event = self.next_within(LOOK_S)
            if event is not None:
                return event
        raise StopIteration

    def next_within(self, seconds: float) -> GroundedEvent | None:
        """The next event; None where none comes in time, or the client is closed."""
        deadline = time.monotonic() + seconds
        while not self._watching.is_closed():
            try:
                message = self._events.get(timeout=POLL_S)
            except queue.Empty:
                self._look()
            else:
                if message.query_id == self._query.id:
                    return replies.event(message)
            if time.monotonic() > deadline:
                break
        return None

    def state(self) -> WatchState:
        """How far the question is: how much of the time answers speak for, and why not of all.

        Raises QuestionFailed, NodeMissing.
        """
        return self._watching.watch_state(self._query.id)

    def _look(self) -> None:
        """Now and then: whether the node is still the one that was told the question."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s, incarnation = now_s, self._watching.incarnation()
        if incarnation is None:
            if now_s - self._there_s > AWAY_S:
                raise NodeMissing(self._watching.target, AWAY_S)
            return
        self._there_s = now_s
        if incarnation != self._incarnation:
            try:
                self._watching.set_query(self._query)
            except replies.QuestionFailed:
                if not self._watching.is_closed():
                    raise
            self._incarnation = incarnation
