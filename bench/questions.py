# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The first question on a clip, a further one, one after the window slid, four together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bench.inputs import COUNTS, Inputs
from bench.ours import Ours
from bench.peer import Peer
from bench.referee import Referee
from bench.rows import PEER, Row, against_peer
from bench.timing import PAUSE_S, Sample, Spread, alternate, spread
from molmo_ground_ros.types import Clip

LIMIT = 300  # tokens


@dataclass(frozen=True, slots=True)
class _Pair:
    """A first and a second question on one clip."""

    first: Sample
    second: Sample
    vision_s: float
    prefill_s: float


@dataclass(frozen=True, slots=True)
class _Four:
    """Four questions, alone and together, on windows whose frames were encoded before."""

    alone: tuple[Sample, ...]
    together: Sample


def first_and_second(
    inputs: Inputs, peer: Peer, sides: list[Ours], times: int, referee: Referee
) -> list[Row]:
    """Rows of both, and of the two heavy steps of the first.

    The first counts everything for both, preprocessing too. On the second the peer is given its
    pixels ready; ours have nothing left to preprocess.
    """
    asked = COUNTS[:2]

    def of_peer(number: int) -> _Pair:
        clip = inputs.fresh(number)
        first = peer.ask(clip, asked[0], LIMIT)
        pixels = peer.pixels(clip)
        second = peer.ask(clip, asked[1], LIMIT, pixels)
        vision_s = peer.vision_s(pixels)
        return _Pair(first, second, vision_s, second.ttft_s - vision_s)

    def of_ours(side: Ours, number: int) -> _Pair:
        clip = inputs.fresh(number)
        first, second = (side.ask(clip, [question], LIMIT) for question in asked)
        return _Pair(first, second, first.vision_s, first.prefill_s)

    measures: dict[str, Callable[[int], _Pair]] = {PEER: of_peer}
    measures |= {side.name: partial(of_ours, side) for side in sides}
    found = alternate(measures, times)
    for side, pairs in found.items():
        for number, (ours, theirs) in enumerate(zip(pairs, found[PEER], strict=True)):
            clip = inputs.fresh(number)
            referee.check(side, clip, asked[:1], ours.first, theirs.first)
            referee.check(side, clip, asked[1:], ours.second, theirs.second)

    def over(take: Callable[[_Pair], float]) -> dict[str, Spread]:
        spreads = {side: spread([take(one) for one in pairs]) for side, pairs in found.items()}
        return {side: one for side, one in spreads.items() if one.median > 0}  # else not timed

    wanted: dict[str, tuple[str, Callable[[_Pair], float]]] = {
        'first_ttft': ('first question: to first token', lambda one: one.first.ttft_s),
        'first_total': ('first question: total', lambda one: one.first.total_s),
        'second_ttft': ('second question: to first token', lambda one: one.second.ttft_s),
        'second_total': ('second question: total', lambda one: one.second.total_s),
        'vision': (f'vision of {inputs.frames} frames', lambda one: one.vision_s),
        'prefill': (f'prefill of {inputs.frames} frames', lambda one: one.prefill_s),
    }
    return [against_peer(key, title, over(take)) for key, (title, take) in wanted.items()]


def slid(inputs: Inputs, peer: Peer, sides: list[Ours], times: int, referee: Referee) -> list[Row]:
    """A question after the window slid by one frame, with that frame's encoding counted.

    The other frames were encoded as they arrived. Preprocessing counts for neither.
    """
    windows = inputs.windows[1 : times + 1]
    for side in sides:
        side.prepare(inputs.windows[0].frames)

    def of_peer(number: int) -> Sample:
        window = windows[number]
        return peer.ask(window, COUNTS[0], LIMIT, peer.pixels(window))

    def of_ours(side: Ours, number: int) -> tuple[float, Sample]:
        window = windows[number]
        arrival_s = side.prepare(window.frames[-1:])
        return arrival_s, side.ask(window, COUNTS[:1], LIMIT)

    measures: dict[str, Callable[[int], tuple[float, Sample]]] = {
        PEER: lambda number: (0.0, of_peer(number))
    }
    measures |= {side.name: partial(of_ours, side) for side in sides}
    found = alternate(measures, len(windows))
    for name, samples in found.items():
        for window, (_, ours), (_, theirs) in zip(windows, samples, found[PEER], strict=True):
            referee.check(name, window, COUNTS[:1], ours, theirs)
    cells = {
        name: spread([arrival_s + one.ttft_s for arrival_s, one in samples])
        for name, samples in found.items()
    }
    return [against_peer('slide_ttft', 'window slid by one frame: to first token', cells)]


def four(inputs: Inputs, peer: Peer, sides: list[Ours], times: int, referee: Referee) -> list[Row]:
    """Four questions asked together against the mean of the same four, each asked alone.

    Frames were encoded before, or their encoding would hide what the questions cost.
    """
    windows = inputs.windows[1 : times + 1]
    other = inputs.windows[0]  # asked in between, so that nothing of a window is kept

    def of_ours(side: Ours, number: int) -> _Four:
        window = windows[number]
        alone = []
        for question in COUNTS:
            side.ask(other, COUNTS[:1], 1)
            alone.append(side.ask(window, [question], LIMIT))
        side.ask(other, COUNTS[:1], 1)
        return _Four(tuple(alone), side.ask(window, COUNTS, LIMIT))

    for side in sides:
        side.prepare([*other.frames, *(window.frames[-1] for window in windows)])
    found = alternate({side.name: partial(of_ours, side) for side in sides}, len(windows))
    _check_four(found, peer, windows, referee)
    together = {
        name: spread([one.together.total_s for one in all_]) for name, all_ in found.items()
    }
    alone = {name: spread([_mean_s(one) for one in all_]) for name, all_ in found.items()}
    ratios = {name: spread([_ratio(one) for one in all_]) for name, all_ in found.items()}
    return [
        Row('one_total', 'one question, frames encoded before: total', 'ms', _ms(alone)),
        Row('four_total', 'four questions together: total', 'ms', _ms(together)),
        Row('four_ratio', 'four questions: times one', '', ratios),
    ]


def _check_four(
    found: Mapping[str, list[_Four]], peer: Peer, windows: Sequence[Clip], referee: Referee
) -> None:
    for number, window in enumerate(windows):
        time.sleep(PAUSE_S)
        pixels = peer.pixels(window)
        wanted = [peer.ask(window, question, LIMIT, pixels) for question in COUNTS]
        for side, samples in found.items():
            for i, question in enumerate(COUNTS):
                together = _only(samples[number].together, i)
                for one in (samples[number].alone[i], together):
                    referee.check(side, window, [question], one, wanted[i])


def _only(sample: Sample, index: int) -> Sample:
    """One answer of several, without its times."""
    return Sample(0.0, 0.0, sample.texts[index : index + 1], 0, 0)


def _mean_s(one: _Four) -> float:
    return sum(sample.total_s for sample in one.alone) / len(one.alone)


def _ratio(one: _Four) -> float:
    return one.together.total_s / _mean_s(one)


def _ms(cells_s: Mapping[str, Spread]) -> dict[str, Spread]:
    return {side: one.times(1e3) for side, one in cells_s.items()}


def bound(parts: Mapping[str, Row], frames: int) -> Row:
    """What keeping features can bring at a side's own speed: (V + P) / (P + V / n).

    From the vision V and prefill P of n frames, rows 'vision' and 'prefill'.
    """
    vision, prefill = parts['vision'].cells, parts['prefill'].cells
    cells = {}
    for side in vision:
        whole, kept = vision[side].median, vision[side].median / frames
        read = prefill[side].median
        cells[side] = spread([(whole + read) / (read + kept)])
    return Row('slide_bound', 'bound (V + P) / (P + V / n)', '', cells)
