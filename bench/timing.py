# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One measured answer, and the spread of many. Times are seconds of the steady clock."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

# Idle threads of one runtime spin for a while after its work, on cores that the next one needs.
PAUSE_S = 0.05

Result = TypeVar('Result')


@dataclass(frozen=True, slots=True)
class Sample:
    """One call: some questions on one clip, asked together."""

    ttft_s: float  # from the call to the first token's text
    total_s: float  # to the end of the last answer
    texts: tuple[str, ...]
    tokens: int
    passes: int  # of the decoder
    vision_s: float = 0.0  # of these, encoding frames
    prefill_s: float = 0.0  # of these, reading the frames' tokens


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the 10th and the 90th percentile."""

    median: float
    low: float  # 10th percentile
    high: float  # 90th percentile
    count: int

    def times(self, factor: float) -> Spread:
        """The same in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor, self.count)


def spread(values: Sequence[float]) -> Spread:
    """Median, 10th and 90th percentile; a single value is all three."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    tenths = statistics.quantiles(values, n=10, method='inclusive')
    return Spread(statistics.median(values), tenths[0], tenths[-1], len(values))


def alternate(
    sides: Mapping[str, Callable[[int], Result]], repetitions: int
) -> dict[str, list[Result]]:
    """Call the sides in turn, ABAB, with the number of the repetition.

    A machine that becomes slower or faster meanwhile then affects all sides alike.
    """
    results: dict[str, list[Result]] = {name: [] for name in sides}
    for number in range(repetitions):
        for name, measure in sides.items():
            time.sleep(PAUSE_S)
            results[name].append(measure(number))
    return results
