# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Compares answers with the peer's. A different answer ends the bench, unless it is a tie."""

from __future__ import annotations

from collections.abc import Sequence

from bench.peer import Peer
from bench.rows import PEER, Row
from bench.timing import Sample, spread
from molmo_ground_ros.types import Clip

TIE = 1e-4  # logits: what the tests allow between two implementations in float32


class DifferentTextError(Exception):
    """Two sides answered the same question on the same frames differently: nothing is measured."""

    def __init__(self, side: str, question: str, answer: str, expected: str) -> None:
        super().__init__(
            f'{side} answers {question!r} with {answer!r}, transformers with {expected!r}'
        )


class Referee:
    """Checks every answer, and counts those that it let pass."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.compared = 0
        self.ties = 0

    def check(
        self, side: str, clip: Clip, questions: Sequence[str], sample: Sample, of_peer: Sample
    ) -> None:
        """Raise DifferentTextError where an answer differs from the peer's.

        An answer may differ where the logits of the peer's two likeliest tokens lie within TIE of
        each other and this side chose the second one: adding the same numbers in another order can
        change a logit by more.
        """
        if side == PEER:
            return
        for question, ours, theirs in zip(questions, sample.texts, of_peer.texts, strict=True):
            self.compared += 1
            if ours == theirs:
                continue
            if self._peer.margin(clip, question, ours) > TIE:
                raise DifferentTextError(side, question, ours, theirs)
            self.ties += 1

    def rows(self) -> list[Row]:
        """How many answers were compared with the peer's, and at how many it was undecided."""
        return [
            Row('compared', 'answers compared', '', {PEER: spread([self.compared])}),
            Row('ties', 'of these, undecided', '', {PEER: spread([self.ties])}),
        ]
