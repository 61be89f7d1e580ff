# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page's timeline: windows, gaps, events and trajectories over the span, as HTML."""

from __future__ import annotations

from collections.abc import Iterator

from molmo_ground_ros.analysis.stitch import Stitched
from molmo_ground_ros.reports.figures import event_name, hexadecimal, track_name
from molmo_ground_ros.reports.words import clock, doubts, escaped

MOST_NUMBERED = 40  # events; more are drawn without their number
MOST_PATHS = 60  # trajectories with a lane of their own
_TICKS = 8  # at most
_STEPS_S = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30),
    *(60, 120, 300, 600, 1200, 1800, 3600, 7200, 21600, 86400),
)


class _Scale:
    """Stamps to percent of the width."""

    def __init__(self, span_ns: tuple[int, int]) -> None:
        self.zero_ns = span_ns[0]
        self.length_ns = max(1, span_ns[1] - span_ns[0])

    def at(self, stamp_ns: int) -> float:
        return min(max(100 * (stamp_ns - self.zero_ns) / self.length_ns, 0), 100)

    def bar(self, start_ns: int, end_ns: int) -> str:
        left = self.at(start_ns)
        return f'left:{left:.3f}%;width:{self.at(end_ns) - left:.3f}%'


def timeline(index: int, stitched: Stitched, span_ns: tuple[int, int]) -> Iterator[str]:
    """HTML of the timeline of one finding, in pieces. `index`: of the finding."""
    scale = _Scale(span_ns)
    yield '<div class="timeline" role="group" aria-label="Timeline">'
    yield '<div class="lane windows"><span class="name">windows</span>'
    for window in stitched.windows:
        said = (
            f'window {window.index + 1}, {_span(scale, window.start_ns, window.end_ns)}, '
            f'{window.state.value} {window.reason}'
        )
        odd = ' odd' if window.index % 2 else ''
        yield (
            f'<span class="bar {window.state.value}{odd}" title="{escaped(said)}" '
            f'style="{scale.bar(window.start_ns, window.end_ns)}">{window.index + 1}</span>'
        )
    yield '</div>'
    if stitched.gaps:
        yield '<div class="lane"><span class="name">not seen</span>'
        for gap in stitched.gaps:
            said = f'{_span(scale, gap.start_ns, gap.end_ns)}: {gap.reason}'
            yield f'<span class="bar gap" title="{escaped(said)}" '
            yield f'style="{scale.bar(gap.start_ns, gap.end_ns)}"></span>'
        yield '</div>'
    if stitched.events:
        yield from _events(index, stitched, scale)
    yield from _paths(index, stitched, scale)
    yield from _axis(scale)
    yield '</div>'


def _events(index: int, stitched: Stitched, scale: _Scale) -> Iterator[str]:
    yield '<div class="lane"><span class="name">events</span>'
    small = ' small' if len(stitched.events) > MOST_NUMBERED else ''
    for event in stitched.events:
        stamp_ns = event.shown.point.stamp_ns
        name = event_name(index, event.id)
        said = '; '.join([f'event {event.id} at {clock(stamp_ns - scale.zero_ns)}', *doubts(event)])
        doubt = ' doubt' if event.marks else ''
        yield (
            f'<a class="pick event{small}{doubt}" href="#{name}" data-shows="{name}" '
            f'style="left:{scale.at(stamp_ns):.3f}%" aria-label="{escaped(said)}" '
            f'title="{escaped(said)}">{event.id}</a>'
        )
    yield '</div>'


def _paths(index: int, stitched: Stitched, scale: _Scale) -> Iterator[str]:
    for track in stitched.tracks[:MOST_PATHS]:
        first_ns, last_ns = track.points[0].point.stamp_ns, track.points[-1].point.stamp_ns
        name = track_name(index, track.id)
        said = '; '.join(
            [f'object {track.id} {track.label}, {_span(scale, first_ns, last_ns)}', *doubts(track)]
        )
        yield (
            f'<div class="lane"><span class="name">#{track.id} {escaped(track.label)}</span>'
            f'<a class="pick path" href="#{name}" data-shows="{name}" aria-label="{escaped(said)}" '
            f'title="{escaped(said)}" style="{scale.bar(first_ns, last_ns)};'
            f'background:{hexadecimal(track.id)}"></a></div>'
        )
    if len(stitched.tracks) > MOST_PATHS:
        yield f'<p class="faint">and {len(stitched.tracks) - MOST_PATHS} more, in the table</p>'


def _axis(scale: _Scale) -> Iterator[str]:
    length_s = scale.length_ns / 1e9
    step_s = next((step for step in _STEPS_S if length_s / step <= _TICKS), length_s / _TICKS)
    yield '<div class="lane axis"><span class="name"></span>'
    for tick in range(int(length_s / step_s) + 1):
        at = 100 * tick * step_s / length_s
        edge = ' class="first"' if tick == 0 else ' class="last"' if at > 97 else ''
        yield f'<i style="left:{at:.3f}%"></i>'
        yield f'<span{edge} style="left:{at:.3f}%">{clock(round(tick * step_s * 1e9))}</span>'
    yield '</div>'


def _span(scale: _Scale, start_ns: int, end_ns: int) -> str:
    return f'{clock(start_ns - scale.zero_ns)} to {clock(end_ns - scale.zero_ns)}'
