# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tracking answers on clips nothing is kept of, with drafting and without."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.inputs import TRACKS, Inputs, fresh
from bench.ours import Ours
from bench.peer import Peer
from bench.referee import Referee
from bench.rows import PEER, Row
from bench.timing import Sample, Spread, alternate, spread
from molmo_ground_ros.types import Clip

LIMIT = 600  # tokens


def tracks(
    inputs: Inputs, peer: Peer, sides: list[Ours], times: int, referee: Referee
) -> list[Row]:
    """Rows of time per answer and tokens per forward pass; preprocessing counts for all sides.

    sides: those with drafting and those without, all of which must say what the peer says. A ratio
    is the median over answers of the medians' ratios: answers differ in length. The pass over the
    prompt is one of the passes, and gives one token.
    """
    by_answer: list[dict[str, list[Sample]]] = []
    for place, clip in enumerate(inputs.tracked):
        for turn, question in enumerate(TRACKS):
            first = (place * len(TRACKS) + turn) * times
            found = alternate(_measures(clip, question, first, peer, sides), times)
            for side, samples in found.items():
                for number, (ours, theirs) in enumerate(zip(samples, found[PEER], strict=True)):
                    shown = fresh(clip, first + number)
                    referee.check(side, shown, [question], ours, theirs)
            by_answer.append(found)
    names = [PEER, *(side.name for side in sides)]

    def of(side: str) -> list[Sample]:
        return [sample for found in by_answer for sample in found[side]]

    def ratio(side: str) -> float:
        return spread([_time_s(found[PEER]) / _time_s(found[side]) for found in by_answer]).median

    return [
        Row(
            key='track_total',
            title='tracking answer: total',
            unit='ms',
            cells={side: spread([one.total_s for one in of(side)]).times(1e3) for side in names},
            ratios={side: ratio(side) for side in names if side != PEER},
        ),
        Row(
            key='tokens_per_forward',
            title='tracking answer: tokens per forward pass',
            unit='',
            cells={side: _per_pass(of(side)) for side in names if of(side)[0].passes},
        ),
    ]


def _measures(
    clip: Clip, question: str, first: int, peer: Peer, sides: list[Ours]
) -> dict[str, Callable[[int], Sample]]:
    """Each side asks about pictures that it has never seen, in repetition n all about the same."""

    def of_peer(number: int) -> Sample:
        return peer.ask(fresh(clip, first + number), question, LIMIT)

    def of_ours(side: Ours, number: int) -> Sample:
        return side.ask(fresh(clip, first + number), [question], LIMIT)

    measures: dict[str, Callable[[int], Sample]] = {PEER: of_peer}
    return measures | {side.name: partial(of_ours, side) for side in sides}


def _time_s(samples: list[Sample]) -> float:
    return spread([one.total_s for one in samples]).median


def _per_pass(samples: list[Sample]) -> Spread:
    """All tokens over all passes, with the spread over answers."""
    each = spread([one.tokens / one.passes for one in samples])
    whole = sum(one.tokens for one in samples) / sum(one.passes for one in samples)
    return Spread(whole, each.low, each.high, each.count)
