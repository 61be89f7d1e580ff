# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cameras that drop out and loop, and somebody who kills the model's process."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from tools.faults.camera import Camera
from tools.faults.node_process import NodeProcess

RATE_HZ = 10.0
LOOP_NS = 20_000_000_000
SILENCE_S = 3.0


class Film:
    """Lets a camera show images all the time, in a thread of its own until it is stopped."""

    def __init__(self, camera: Camera) -> None:
        """Begin at once."""
        self.camera = camera
        self._stopped = threading.Event()
        self._silent = threading.Event()
        # Set by another thread; taken by this one before the next image.
        self._loops = threading.Event()
        self._thread = threading.Thread(target=self._run, name=camera.topic, daemon=True)
        self._thread.start()

    def loop(self) -> None:
        """Let the stamps jump back, as those of a recording that begins anew."""
        self._loops.set()

    def fall_silent(self) -> None:
        """Show nothing for a while."""
        self._silent.set()

    def stop(self) -> None:
        """Show nothing any more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(1 / RATE_HZ):
            if self._loops.is_set():
                self._loops.clear()
                self.camera.jump(-LOOP_NS)
            if self._silent.is_set():
                self._silent.clear()
                self._stopped.wait(SILENCE_S)
            self.camera.show(step_ns=round(1e9 / RATE_HZ), pause_s=0.0)


class Trouble:
    """Makes trouble at random, in a thread of its own until it is stopped."""

    def __init__(self, node: NodeProcess, films: list[Film], every_s: float, seed: int) -> None:
        """Begin at once. every_s: the mean time between two troubles."""
        self.counts: Counter[str] = Counter()
        self._node, self._films, self._every_s = node, films, every_s
        self._chance = random.Random(seed)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name='trouble', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Make no more trouble."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        acts: dict[str, Callable[[], None]] = {
            'kills of the model': self._kill,
            'loops': lambda: self._chance.choice(self._films).loop(),
            'drop-outs': lambda: self._chance.choice(self._films).fall_silent(),
        }
        # Each kind once at first, so that a short run has them all.
        order = list(acts)
        while not self._stopped.wait(self._chance.uniform(0.5, 1.5) * self._every_s):
            kind = order.pop() if order else self._chance.choice(list(acts))
            acts[kind]()
            self.counts[kind] += 1

    def _kill(self) -> None:
        for child in self._node.children():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
