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
    """Rows of a first and of a second question, and of the two heavy steps of the first.

    The first question counts everything for both sides, preprocessing included. For the second the
    peer gets preprocessed pixels, because our side has nothing left to preprocess.
    """
    questions = COUNTS[:2]

    def of_peer(number: int) -> _Pair:
        clip = inputs.fresh(number)
        first = peer.ask(clip, questions[0], LIMIT)
        pixels = peer.pixels(clip)
        second = peer.ask(clip, questions[1], LIMIT, pixels)
        vision_s = peer.vision_s(pixels)
        return _Pair(first, second, vision_s, second.ttft_s - vision_s)

    def of_ours(side: Ours, number: int) -> _Pair:
        clip = inputs.fresh(number)
        first, second = (side.ask(clip, [question], LIMIT) for question in questions)
        return _Pair(first, second, first.vision_s, first.prefill_s)

    measures: dict[str, Callable[[int], _Pair]] = {PEER: of_peer}
    measures |= {side.name: partial(of_ours, side) for side in sides}
    pairs_by_side = alternate(measures, times)
    for side, pairs in pairs_by_side.items():
        for number, (ours, theirs) in enumerate(zip(pairs, pairs_by_side[PEER], strict=True)):
            clip = inputs.fresh(number)
            referee.check(side, clip, questions[:1], ours.first, theirs.first)
            referee.check(side, clip, questions[1:], ours.second, theirs.second)

    def over(take: Callable[[_Pair], float]) -> dict[str, Spread]:
        spreads = {
            side: spread([take(pair) for pair in pairs]) for side, pairs in pairs_by_side.items()
        }
        # A median of zero means that this side does not time the step.
        return {side: cell for side, cell in spreads.items() if cell.median > 0}

    measured: dict[str, tuple[str, Callable[[_Pair], float]]] = {
        'first_ttft': ('first question: to first token', lambda pair: pair.first.ttft_s),
        'first_total': ('first question: total', lambda pair: pair.first.total_s),
        'second_ttft': ('second question: to first token', lambda pair: pair.second.ttft_s),
        'second_total': ('second question: total', lambda pair: pair.second.total_s),
        'vision': (f'vision of {inputs.frames} frames', lambda pair: pair.vision_s),
        'prefill': (f'prefill of {inputs.frames} frames', lambda pair: pair.prefill_s),
    }
    return [against_peer(key, title, over(take)) for key, (title, take) in measured.items()]


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
    samples_by_side = alternate(measures, len(windows))
    for name, samples in samples_by_side.items():
        answers_of_peer = samples_by_side[PEER]
        for window, (_, ours), (_, theirs) in zip(windows, samples, answers_of_peer, strict=True):
            referee.check(name, window, COUNTS[:1], ours, theirs)
    cells = {
        name: spread([arrival_s + sample.ttft_s for arrival_s, sample in samples])
        for name, samples in samples_by_side.items()
    }
    return [against_peer('slide_ttft', 'window slid by one frame: to first token', cells)]


def four(inputs: Inputs, peer: Peer, sides: list[Ours], times: int, referee: Referee) -> list[Row]:
    """Four questions asked together against the mean of the same four, each asked alone.

    Frames were encoded before, or their encoding would hide what the questions cost.
    """
    windows = inputs.windows[1 : times + 1]
    # A question about another window in between makes a side drop what it holds of a window.
    other = inputs.windows[0]

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
    runs_by_side = alternate({side.name: partial(of_ours, side) for side in sides}, len(windows))
    _check_four(runs_by_side, peer, windows, referee)
    together = {
        name: spread([run.together.total_s for run in runs]) for name, runs in runs_by_side.items()
    }
    alone = {name: spread([_mean_s(run) for run in runs]) for name, runs in runs_by_side.items()}
    ratios = {name: spread([_ratio(run) for run in runs]) for name, runs in runs_by_side.items()}
    return [
        Row('one_total', 'one question, frames encoded before: total', 'ms', _ms(alone)),
        Row('four_total', 'four questions together: total', 'ms', _ms(together)),
        Row('four_ratio', 'four questions: times one', '', ratios),
    ]


def _check_four(
    runs_by_side: Mapping[str, list[_Four]], peer: Peer, windows: Sequence[Clip], referee: Referee
) -> None:
    for number, window in enumerate(windows):
        time.sleep(PAUSE_S)
        pixels = peer.pixels(window)
        expected = [peer.ask(window, question, LIMIT, pixels) for question in COUNTS]
        for side, samples in runs_by_side.items():
            for i, question in enumerate(COUNTS):
                together = _only(samples[number].together, i)
                for sample in (samples[number].alone[i], together):
                    referee.check(side, window, [question], sample, expected[i])


def _only(sample: Sample, index: int) -> Sample:
    """One answer of several, without its times."""
    return Sample(0.0, 0.0, sample.texts[index : index + 1], 0, 0)


def _mean_s(run: _Four) -> float:
    return sum(sample.total_s for sample in run.alone) / len(run.alone)


def _ratio(run: _Four) -> float:
    return run.together.total_s / _mean_s(run)


def _ms(cells_s: Mapping[str, Spread]) -> dict[str, Spread]:
    return {side: cell.times(1e3) for side, cell in cells_s.items()}


def bound(parts: Mapping[str, Row], frames: int) -> Row:
    """How many times faster stored features can make a side at most: (V + P) / (P + V / n).

    V and P are the side's times for vision and prefill of n frames, rows 'vision' and 'prefill'.
    """
    vision, prefill = parts['vision'].cells, parts['prefill'].cells
    cells = {}
    for side in vision:
        vision_s, prefill_s = vision[side].median, prefill[side].median
        frame_s = vision_s / frames
        cells[side] = spread([(vision_s + prefill_s) / (prefill_s + frame_s)])
    return Row('slide_bound', 'bound (V + P) / (P + V / n)', '', cells)
