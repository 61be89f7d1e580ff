# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Clients that ask and cancel at random, and check that each answer is that to their question."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from molmo_ground_ros.errors import ErrorCode
from tools.faults.planner import NoSign, Planner, code_of, wait_done

# The node's own limit is shorter: a reply that has not come by then is lost.
PATIENCE_S = 30.0
TIMEOUT_S = 10.0
# How often a client does what, relative to the others.
HABITS: Mapping[str, int] = {
    'asks': 8,
    'asks slowly': 3,
    'asks in a hurry': 2,
    'asks wrongly': 1,
    'asks in vain': 1,
    'sends a goal': 6,
    'cancels a goal': 6,
}


class Tally:
    """What came of all requests. For any thread."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self._lock = threading.Lock()
        # Guarded by _lock, like all below.
        self.requests = 0
        self.codes: Counter[str] = Counter()
        self.unanswered: list[str] = []
        self.mispaired: list[str] = []
        self.slowest_s = 0.0
        self._ids: set[str] = set()

    def note(self, question: str, mark: str, reply: Any, seconds: float) -> None:
        """Note the reply to a question about a mark, and whether it is that to another."""
        with self._lock:
            self.codes[code_of(reply)] += 1
            self.slowest_s = max(self.slowest_s, seconds)
            if reply.error_code != ErrorCode.OK:
                return
            points = reply.points
            own = points.query == question and points.label in (mark, '')
            if not own or points.query_id in self._ids:
                self.mispaired.append(f'{question!r}: {points.query!r} {points.query_id}')
            self._ids.add(points.query_id)

    def begin(self) -> None:
        """Note that a request is sent."""
        with self._lock:
            self.requests += 1

    def note_silence(self, error: NoSign) -> None:
        """Note that no reply came."""
        with self._lock:
            self.unanswered.append(str(error))


class Asker:
    """One client, in a thread of its own until it is stopped."""

    def __init__(
        self, number: int, planner: Planner, cameras: list[str], tally: Tally, seed: int
    ) -> None:
        """Begin at once."""
        self._number, self._planner, self._cameras = number, planner, cameras
        self._tally = tally
        self._chance = random.Random(f'{seed} {number}')
        self._asked = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f'asker {number}', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()

    def join(self) -> None:
        """Wait for the reply to the last question."""
        self._thread.join(2 * PATIENCE_S)

    def _run(self) -> None:
        acts: Mapping[str, Callable[[], None]] = {
            'asks': lambda: self._ask(''),
            'asks slowly': lambda: self._ask('!slow 0.02'),
            'asks in a hurry': lambda: self._ask('!slow 0.1', timeout_s=0.2),
            'asks wrongly': lambda: self._ask('', camera='/nowhere'),
            'asks in vain': lambda: self._ask('!raise RuntimeError'),
            'sends a goal': lambda: self._send_goal(cancels=False),
            'cancels a goal': lambda: self._send_goal(cancels=True),
        }
        while not self._stopped.is_set():
            (habit,) = self._chance.choices(list(HABITS), list(HABITS.values()))
            try:
                acts[habit]()
            except NoSign as error:
                self._tally.note_silence(error)
            self._stopped.wait(self._chance.uniform(0.0, 0.4))

    def _question(self, order: str) -> tuple[str, str]:
        """A question that nobody asked before, and its mark."""
        self._asked += 1
        mark = f'mark-{self._number}n{self._asked}x'
        return f'Where is {mark}? {order}'.strip(), mark

    def _ask(self, order: str, timeout_s: float = TIMEOUT_S, camera: str = '') -> None:
        question, mark = self._question(order)
        camera = camera or self._chance.choice(self._cameras)
        self._tally.begin()
        began = time.monotonic()
        future = self._planner.ask_async(question, timeout_s, camera=camera)
        wait_done(future, f'a reply to {question!r}', PATIENCE_S)
        self._tally.note(question, mark, future.result(), time.monotonic() - began)

    def _send_goal(self, *, cancels: bool) -> None:
        question, mark = self._question('!slow 0.02' if cancels else '')
        self._tally.begin()
        began = time.monotonic()
        handle = self._planner.send_goal(question, TIMEOUT_S)
        result = handle.get_result_async()
        if cancels:
            time.sleep(self._chance.uniform(0.0, 0.6))
            wait_done(handle.cancel_goal_async(), f'a reply to the cancel of {question!r}')
        wait_done(result, f'the result of {question!r}', PATIENCE_S)
        self._tally.note(question, mark, result.result().result, time.monotonic() - began)
