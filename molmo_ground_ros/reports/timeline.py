# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The scale of the page's timeline: stamps to places, and the ticks of its axis."""

from __future__ import annotations

from dataclasses import dataclass

from molmo_ground_ros.reports.words import clock

MOST_MARKS = 2000  # events of a finding that are drawn without a script
MOST_PATHS = 60  # trajectories with a lane of their own
_TICKS = 8  # at most
_STEPS_S = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30),
    *(60, 120, 300, 600, 1200, 1800, 3600, 7200, 21600, 86400),
)
_LAST_PERCENT = 97  # a label to the right of this is set before its tick


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick of the axis."""

    left: str  # its place, as '12.500%'
    label: str
    edge: str  # 'first' or 'last' at an end of the axis, else ''


class TimeScale:
    """Stamps to percent of the timeline's width, as CSS writes them."""

    def __init__(self, span_ns: tuple[int, int]) -> None:
        self._zero_ns = span_ns[0]
        self._length_ns = max(1, span_ns[1] - span_ns[0])

    def left(self, stamp_ns: int) -> str:
        """The place of a stamp: '12.500%'."""
        return f'{self._percent(stamp_ns):.3f}%'

    def bar_style(self, start_ns: int, end_ns: int) -> str:
        """The place of a bar between two stamps: 'left:12.500%;width:3.000%'."""
        left = self._percent(start_ns)
        return f'left:{left:.3f}%;width:{self._percent(end_ns) - left:.3f}%'

    def clock(self, stamp_ns: int) -> str:
        """The time of a stamp since the start, in words."""
        return clock(stamp_ns - self._zero_ns)

    def span(self, start_ns: int, end_ns: int) -> str:
        """Two times since the start, in words: '8.0 s to 15.8 s'."""
        return f'{self.clock(start_ns)} to {self.clock(end_ns)}'

    def ticks(self) -> list[Tick]:
        """At most _TICKS + 1 ticks, at round times since the start."""
        length_s = self._length_ns / 1e9
        step_s = next((step for step in _STEPS_S if length_s / step <= _TICKS), length_s / _TICKS)
        ticks = []
        for number in range(int(length_s / step_s) + 1):
            percent = 100 * number * step_s / length_s
            edge = 'first' if number == 0 else 'last' if percent > _LAST_PERCENT else ''
            ticks.append(Tick(f'{percent:.3f}%', clock(round(number * step_s * 1e9)), edge))
        return ticks

    def _percent(self, stamp_ns: int) -> float:
        return min(max(100 * (stamp_ns - self._zero_ns) / self._length_ns, 0), 100)
