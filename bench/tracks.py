# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measures tracking answers about clips that no side holds anything of, with and without drafts."""

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
            samples_by_side = alternate(_measures(clip, question, first, peer, sides), times)
            for side, samples in samples_by_side.items():
                pairs = zip(samples, samples_by_side[PEER], strict=True)
                for number, (ours, theirs) in enumerate(pairs):
                    current = fresh(clip, first + number)
                    referee.check(side, current, [question], ours, theirs)
            by_answer.append(samples_by_side)
    names = [PEER, *(side.name for side in sides)]

    def of(side: str) -> list[Sample]:
        return [sample for samples_of in by_answer for sample in samples_of[side]]

    def ratio(side: str) -> float:
        ratios = [_time_s(samples_of[PEER]) / _time_s(samples_of[side]) for samples_of in by_answer]
        return spread(ratios).median

    return [
        Row(
            key='track_total',
            title='tracking answer: total',
            unit='ms',
            cells={side: spread([item.total_s for item in of(side)]).times(1e3) for side in names},
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
    """A measure for each side, of a question about images that no side has been shown before.

    In one repetition all sides get the same images.
    """

    def of_peer(number: int) -> Sample:
        return peer.ask(fresh(clip, first + number), question, LIMIT)

    def of_ours(side: Ours, number: int) -> Sample:
        return side.ask(fresh(clip, first + number), [question], LIMIT)

    measures: dict[str, Callable[[int], Sample]] = {PEER: of_peer}
    return measures | {side.name: partial(of_ours, side) for side in sides}


def _time_s(samples: list[Sample]) -> float:
    return spread([sample.total_s for sample in samples]).median


def _per_pass(samples: list[Sample]) -> Spread:
    """All tokens over all passes, with the spread over answers."""
    each = spread([sample.tokens / sample.passes for sample in samples])
    mean = sum(sample.tokens for sample in samples) / sum(sample.passes for sample in samples)
    return Spread(mean, each.low, each.high, each.count)
