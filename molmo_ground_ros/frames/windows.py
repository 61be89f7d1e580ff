# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Chooses the frames of a window that the model is shown, and cuts a long span into windows.

Integer nanoseconds in, indices and labels out. Knows nothing of images, models or ROS.

Molmo2 was trained on frames at 0.0, 0.5, 1.0 ... s plus the last frame at its own time
(`uniform_last_frame`, at most 2 fps; molmo2 f3cb108, olmo/hf_model/video_processing_molmo2.py:597),
on clips of at most 63 s, with labels of one decimal. Frames for tracks were sampled by a rule of
their own, on a finer grid: see `track_rule`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from molmo_ground_ros.errors import BadArgument, BadSpan, seconds

# The sampling grid: 2 fps, in images and in the labels of prompts, answers and data.
SAMPLE_PERIOD_NS = 500_000_000
SAMPLE_PERIOD_S = SAMPLE_PERIOD_NS / 1e9
# The longest clip of the training data.
MAX_WINDOW_NS = 63 * 1_000_000_000
MAX_WINDOW_S = MAX_WINDOW_NS / 1e9
# 127: both ends of 63 s are on the grid.
MAX_FRAMES = MAX_WINDOW_NS // SAMPLE_PERIOD_NS + 1
# What neighbouring windows of a long span share.
OVERLAP_NS = 5 * 1_000_000_000

_SECOND_NS = 1_000_000_000
_HALF_NS = SAMPLE_PERIOD_NS // 2
# Labels have one decimal.
_TENTH_NS = 100_000_000
_MAX_LABEL = MAX_WINDOW_NS / 1e9


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame the model is shown."""

    # The index of its stamp among those that were passed.
    index: int
    # Its label: seconds from the first frame of the window, one decimal.
    seconds: float


@dataclass(frozen=True, slots=True)
class _Grid:
    """Times `hz` a second, numbered from one of them. newest: whether the newest frame is added."""

    hz: int
    newest: bool

    def slot(self, stamp_ns: int, grid_ns: int) -> int:
        """Number of the nearest time of the grid through `grid_ns`; of two, the earlier."""
        return ((stamp_ns - grid_ns) * self.hz + (_SECOND_NS - 1) // 2) // _SECOND_NS

    def time_ns(self, number: int, grid_ns: int) -> int:
        """The time of that number."""
        return grid_ns + round(number * _SECOND_NS / self.hz)

    def tenths(self, number: int) -> int:
        """The label of a time, counted from number 0, in tenths of a second."""
        return round(10 * number / self.hz)


_EVERY_QUESTION = _Grid(_SECOND_NS // SAMPLE_PERIOD_NS, newest=True)


def sample(
    stamps_ns: Sequence[int],
    start_ns: int,
    end_ns: int,
    anchor_ns: int | None = None,
    track_hz: int = 0,
) -> tuple[list[Sample], int]:
    """Choose the frames of [start_ns, end_ns] to show, and count those of a gapless recording.

    stamps_ns: strictly ascending. The 0.5 s grid passes through `anchor_ns`, so that windows which
    slide over one recording show the same frames of it. The grid begins at the first stamp in the
    window instead if there is no anchor, if the grid through the anchor misses more times (as with
    a camera as slow as the grid that has drifted off it), or if it gives a label over 63 s. A frame
    is a candidate for the grid time nearest to it (at most 0.25 s away, the earlier of two), and
    the nearest candidate is taken, so that no frame is shown twice and a grid time without a
    candidate is left out. Its label is its grid time, counted from the first one: jitter is not
    shown to the model.

    The newest frame in the window is always taken, labelled with its own time to one decimal; a
    grid frame whose label would be the same gives way to it. Labels are strictly ascending.

    track_hz: up to 10, see `TrackRule.rate`. The grid has so many times a second, candidates are
    nearer accordingly, and the newest frame is taken only where it lies nearest to a grid time.
    Raises BadSpan for an end before the start and for more than 63 s.
    """
    check_span(start_ns, end_ns)
    grid = _Grid(track_hz, newest=False) if track_hz else _EVERY_QUESTION
    first = bisect_left(stamps_ns, start_ns)
    last = bisect_right(stamps_ns, end_ns) - 1
    expected = _expected(start_ns, end_ns, start_ns, grid)
    if last < first:
        return [], expected
    samples, missed = _on_grid(stamps_ns, first, last, stamps_ns[first], grid)
    if anchor_ns is not None:
        anchored, anchored_missed = _on_grid(stamps_ns, first, last, anchor_ns, grid)
        if anchored_missed <= missed and anchored[-1].seconds <= _MAX_LABEL:
            return anchored, _expected(start_ns, end_ns, anchor_ns, grid)
    return samples, expected


def most_frames(length_ns: int) -> int:
    """Most frames that `sample` shows of a window so long, wherever the grid lies in it.

    The first grid time may be a quarter of a second before the window's start.
    """
    return min(_expected(_HALF_NS, _HALF_NS + length_ns, 0, _EVERY_QUESTION), MAX_FRAMES)


def first_full_slot(oldest_ns: int, anchor_ns: int) -> int:
    """Where the first grid time begins whose candidates can all be there: all are >= oldest_ns.

    A window that begins here shows the same first frame until the whole of its slot is gone.
    """
    if oldest_ns == anchor_ns:
        # No message came before it.
        return oldest_ns
    # The division is rounded up.
    k = -((anchor_ns - oldest_ns - _HALF_NS) // SAMPLE_PERIOD_NS)
    return anchor_ns + k * SAMPLE_PERIOD_NS - _HALF_NS + 1


def check_span(start_ns: int, end_ns: int) -> None:
    """Raise BadSpan unless 0 <= start <= end <= start + 63 s."""
    if start_ns < 0 or end_ns < 0:
        raise BadSpan(start_ns, end_ns, 'a stamp is negative')
    if end_ns < start_ns:
        raise BadSpan(start_ns, end_ns, 'it ends before it starts')
    if end_ns - start_ns > MAX_WINDOW_NS:
        length, limit = seconds(end_ns - start_ns), seconds(MAX_WINDOW_NS)
        raise BadSpan(start_ns, end_ns, f'{length} is longer than the limit of {limit}')


def split(
    start_ns: int, end_ns: int, length_ns: int = MAX_WINDOW_NS, overlap_ns: int = OVERLAP_NS
) -> list[tuple[int, int]]:
    """Windows (start, end) that cover [start_ns, end_ns], ascending, each at most `length_ns`.

    Every start is a whole number of 0.5 s after `start_ns`, so that all windows share one grid.
    Neighbours overlap by at least `overlap_ns`; the last window is moved back to be long enough to
    give the model context, so its overlap may be larger. Raises BadSpan for an end before the
    start, BadArgument unless 0 <= overlap_ns <= length_ns - 0.5 s and length_ns <= 63 s.
    """
    if end_ns < start_ns:
        raise BadSpan(start_ns, end_ns, 'it ends before it starts')
    if not SAMPLE_PERIOD_NS <= length_ns <= MAX_WINDOW_NS:
        raise BadArgument('length_ns', length_ns, f'not in {SAMPLE_PERIOD_NS} to {MAX_WINDOW_NS}')
    if not 0 <= overlap_ns <= length_ns - SAMPLE_PERIOD_NS:
        raise BadArgument('overlap_ns', overlap_ns, f'not in 0 to {length_ns - SAMPLE_PERIOD_NS}')
    stride_ns = (length_ns - overlap_ns) // SAMPLE_PERIOD_NS * SAMPLE_PERIOD_NS
    starts = range(start_ns, max(end_ns - length_ns, start_ns), stride_ns)
    excess_ns = max(end_ns - start_ns - length_ns, 0)
    last = start_ns + -(-excess_ns // SAMPLE_PERIOD_NS) * SAMPLE_PERIOD_NS
    return [*((start, start + length_ns) for start in starts), (last, end_ns)]


def _on_grid(
    stamps_ns: Sequence[int], first: int, last: int, grid_ns: int, grid: _Grid
) -> tuple[list[Sample], int]:
    """The frames from first to last on a grid through `grid_ns`, and how many times it missed."""
    slots = _slots(stamps_ns, first, last, grid_ns, grid)
    zero = next(iter(slots))
    labels = {index: grid.tenths(k - zero) for k, index in slots.items()}
    if grid.newest:
        zero_ns = grid.time_ns(zero, grid_ns)
        newest = 0 if slots[zero] == last else _newest_label(stamps_ns[last], zero_ns)
        labels = {index: label for index, label in labels.items() if label < newest}
        labels[last] = newest
    samples = [Sample(index, label / 10) for index, label in labels.items()]
    return samples, max(slots) - zero + 1 - len(slots)


def _slots(
    stamps_ns: Sequence[int], first: int, last: int, grid_ns: int, grid: _Grid
) -> dict[int, int]:
    """Grid time number -> index of the frame nearest to it, ascending."""
    nearest: dict[int, tuple[int, int]] = {}
    for index in range(first, last + 1):
        k = grid.slot(stamps_ns[index], grid_ns)
        distance_ns = abs(stamps_ns[index] - grid.time_ns(k, grid_ns))
        if k not in nearest or distance_ns < nearest[k][0]:
            nearest[k] = (distance_ns, index)
    return {k: index for k, (_, index) in nearest.items()}


def _expected(start_ns: int, end_ns: int, grid_ns: int, grid: _Grid) -> int:
    """Frames of a gapless recording: of the newest, and the grid times with labels below its."""
    zero = grid.slot(start_ns, grid_ns)
    if not grid.newest:
        return grid.slot(end_ns, grid_ns) - zero + 1
    newest = _newest_label(end_ns, grid.time_ns(zero, grid_ns))
    return -(-newest * grid.hz // 10) + 1


def _newest_label(stamp_ns: int, zero_ns: int) -> int:
    """Tenths of a second from zero, rounded; 0 for a stamp before zero."""
    return max((stamp_ns - zero_ns + _TENTH_NS // 2) // _TENTH_NS, 0)
