# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A runtime that says what it was told to, answers of tracks to tell it, and a wild drafter."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from molmo_ground_ros.backends.molmo2.runtime import Choice
from molmo_ground_ros.backends.prompt_ids import PromptIds
from molmo_ground_ros.language.grammar.write import format_tracks

STOP = 0
PROMPT = PromptIds((5, 6, 7, 8), (0, 1, 1, 0))


class ScriptedRuntime:
    """Follows a script where the rows of the cache do, and else says what no script says."""

    def __init__(self, script: Sequence[int], prompt: int = len(PROMPT.ids)) -> None:
        self.capacity = 100_000
        self.script = [*script, STOP]
        self.rows: list[int] = []
        self._prompt = prompt

    batch = 1

    def encode(self, frames):
        return [np.zeros(1) for _ in frames]

    def read(self, ids, start, wanted, video=None):
        assert start <= len(self.rows), 'a row was left out'
        self.rows[start:] = ids
        return [self._choice(end) for end in range(len(self.rows) - wanted + 1, len(self.rows) + 1)]

    def _choice(self, end: int) -> Choice:
        said = self.rows[self._prompt : end]
        follows = said == self.script[: len(said)] and len(said) < len(self.script)
        token = self.script[len(said)] if follows else 1 + hash(tuple(said)) % 5
        return Choice(token, -0.01 * len(said))

    def close(self):
        pass


class Wild:
    """A drafter that guesses what the model will say, and something else now and then."""

    def __init__(self, script: Sequence[int], seed: int, *, most: int, right: float) -> None:
        """Guess at most `most` tokens at a time, each of them right with that probability."""
        self._script, self._chance, self._said = script, random.Random(seed), 0
        self._most, self._right = most, right

    def push(self, token: int) -> None:
        self._said += 1

    def propose(self, room: int) -> list[int]:
        guess = self._script[self._said :][: self._chance.randrange(self._most + 1)]
        return [one if self._chance.random() < self._right else 65 for one in guess][:room]


def track_answer(
    objects: int, seconds: Sequence[float], seed: int = 0, label: str = 'block', hidden: float = 0.0
) -> str:
    """Objects that rest, then are carried along a smooth path, then rest, as on the tabletop."""
    chance = random.Random(seed)
    rows = []
    for number in range(1, objects + 1):
        a, b = ((chance.uniform(0.1, 0.9), chance.uniform(0.1, 0.9)) for _ in range(2))
        begin = chance.uniform(0, max(seconds[-1], 1))
        for time in seconds:
            share = min(max((time - begin) / 3.0, 0.0), 1.0)
            share = share * share * (3 - 2 * share)
            if chance.random() >= hidden:
                x, y = (p + share * (q - p) for p, q in zip(a, b, strict=True))
                rows.append((time, number, x, y))
    return format_tracks(rows, label)
