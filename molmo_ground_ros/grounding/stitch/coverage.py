# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which times the answers of windows speak for, and which times no answer speaks for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence

from molmo_ground_ros.frames.windows import MAX_WINDOW_NS, SAMPLE_PERIOD_NS
from molmo_ground_ros.grounding.stitch.finding import AnsweredWindow, Gap, Sighting, WindowState
from molmo_ground_ros.types import Answer

NOT_ASKED = 'not asked'


def answered(index: int, answer: Answer) -> AnsweredWindow:
    """The record of a window's answer.

    A cut-off answer speaks for the time before its last row, since rows ascend in time and others
    of the same frame may be missing; without a row it speaks for nothing. No answer speaks for more
    than a step of the grid after the newest frame.
    """
    stamps = [point.stamp_ns for point in answer.points]
    stamps += [point.stamp_ns for track in answer.tracks for point in track.points]
    until_ns, state, reason = answer.end_ns, WindowState.ANSWERED, ''
    if answer.newest_ns + SAMPLE_PERIOD_NS < until_ns:
        until_ns, reason = answer.newest_ns + SAMPLE_PERIOD_NS, 'no frames'
    if answer.truncated:
        state, reason = WindowState.TRUNCATED, 'the answer was cut off by the token limit'
        until_ns = min(max(stamps, default=answer.start_ns) - 1, until_ns)
    if answer.refused:
        state, reason = WindowState.REFUSED, 'the model gives no answer'
        until_ns = answer.start_ns - 1
    return AnsweredWindow(
        index=index,
        start_ns=answer.start_ns,
        end_ns=answer.end_ns,
        seen_until_ns=until_ns,
        newest_ns=answer.newest_ns,
        state=state,
        reason=reason,
        stated=answer.count,
        occurrences=len({point.id for point in answer.points}),
        tracks=len(answer.tracks),
        label=answer.label,
        text=answer.text,
        frames_used=answer.frames_used,
        frames_expected=answer.frames_expected,
        truncated=answer.truncated,
        model=answer.model,
        latency_ns=answer.latency_ns,
        rejected=answer.rejected,
        image_width=answer.image_width,
        image_height=answer.image_height,
    )


def unseen_of(answer: Answer) -> tuple[tuple[int, int], ...]:
    """The part of its window that a model's answer does not speak for: a span, or none.

    A part of up to a step of the grid holds no frame, and does not count.
    """
    window = answered(0, answer)
    seen_until_ns = max(window.seen_until_ns, window.start_ns)
    if window.end_ns - seen_until_ns <= SAMPLE_PERIOD_NS and window.state is WindowState.ANSWERED:
        return ()
    return ((seen_until_ns, window.end_ns),)


def failed(index: int, start_ns: int, end_ns: int, reason: str) -> AnsweredWindow:
    """The record of a window that has no answer."""
    return AnsweredWindow(
        index=index,
        start_ns=start_ns,
        end_ns=end_ns,
        seen_until_ns=start_ns - 1,
        newest_ns=start_ns,
        state=WindowState.FAILED,
        reason=reason,
        stated=None,
        occurrences=0,
        tracks=0,
        label='',
        text='',
        frames_used=0,
        frames_expected=0,
        truncated=False,
        model='',
        latency_ns=0,
        rejected=(),
    )


def by_index(windows: Sequence[AnsweredWindow], index: int) -> AnsweredWindow:
    """The window with this index. windows: ascending, without a hole, from any index on."""
    return windows[index - windows[0].index]


def showing(windows: Sequence[AnsweredWindow], stamp_ns: int) -> list[AnsweredWindow]:
    """The windows whose answers speak for this moment. windows: ascending in start."""
    newest = bisect_right(windows, stamp_ns, key=lambda window: window.start_ns)
    oldest = bisect_right(windows, stamp_ns - MAX_WINDOW_NS - 1, key=lambda w: w.start_ns)
    return [window for window in windows[oldest:newest] if window.shows(stamp_ns)]


def depth_ns(window: AnsweredWindow, sighting: Sighting) -> int:
    """How far inside its window a sighting is. The model saw more around a deeper one."""
    stamp_ns = sighting.point.stamp_ns
    return min(stamp_ns - window.start_ns, window.end_ns - stamp_ns)


def missed_by(
    windows: Sequence[AnsweredWindow], stamps_ns: Sequence[int], having: Collection[int]
) -> tuple[int, ...]:
    """Windows that speak for one of these moments, and are not among those that have it.

    windows: ascending in start. stamps_ns: ascending, not empty. having: indices.
    """
    newest = bisect_right(windows, stamps_ns[-1], key=lambda window: window.start_ns)
    oldest = bisect_right(windows, stamps_ns[0] - MAX_WINDOW_NS - 1, key=lambda w: w.start_ns)
    missed = []
    for window in windows[oldest:newest]:
        at = bisect_left(stamps_ns, window.start_ns)
        if window.index not in having and stamps_ns[at] <= window.seen_until_ns:
            missed.append(window.index)
    return tuple(missed)


def gaps(windows: Sequence[AnsweredWindow]) -> tuple[Gap, ...]:
    """The times between the first start and the last end that no answer speaks for.

    windows: ascending in start. Holes of up to a step of the grid hold no frame, and are no gaps.
    """
    holes: list[Gap] = []
    if not windows:
        return ()
    covered_ns = windows[0].start_ns
    for window in windows:
        if window.seen_until_ns < window.start_ns:
            continue
        if window.start_ns - covered_ns > SAMPLE_PERIOD_NS:
            holes.append(_gap(windows, covered_ns, window.start_ns))
        covered_ns = max(covered_ns, window.seen_until_ns)
    end_ns = max(window.end_ns for window in windows)
    if end_ns - covered_ns > SAMPLE_PERIOD_NS:
        holes.append(_gap(windows, covered_ns, end_ns))
    return tuple(holes)


def _gap(windows: Sequence[AnsweredWindow], start_ns: int, end_ns: int) -> Gap:
    at_fault = [
        window
        for window in windows
        if window.start_ns < end_ns and start_ns < window.end_ns and window.reason
    ]
    reasons = dict.fromkeys(window.reason for window in at_fault)
    indices = tuple(window.index for window in at_fault)
    return Gap(start_ns, end_ns, indices, '; '.join(reasons) or NOT_ASKED)
