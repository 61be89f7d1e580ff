# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The frames shown sit on the trained grid, and windows cover the span."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from molmo_ground_ros.errors import BadArgument, BadSpan
from molmo_ground_ros.frames.windows import (
    MAX_FRAMES,
    MAX_WINDOW_NS,
    SAMPLE_PERIOD_NS,
    Sample,
    first_full_slot,
    sample,
    split,
)

S = 1_000_000_000
MS = 1_000_000
HALF = SAMPLE_PERIOD_NS // 2


def times(*seconds):
    return [round(value * S) for value in seconds]


@pytest.mark.parametrize(
    ('offsets', 'span', 'expected'),
    [
        pytest.param([0.0], (0, 1), [(0, 0.0)], id='one frame is time zero'),
        pytest.param([0.4], (0, 1), [(0, 0.0)], id='the grid starts at the first frame'),
        pytest.param([0.0, 0.5, 1.0], (0, 1), [(0, 0.0), (1, 0.5), (2, 1.0)], id='on the grid'),
        pytest.param(
            [0.0, 0.1, 0.48, 0.53, 0.9, 1.02],
            (0, 2),
            [(0, 0.0), (2, 0.5), (5, 1.0)],
            id='the nearest to a grid time, labelled with the grid time',
        ),
        pytest.param(
            [0.0, 0.5, 0.8], (0, 1), [(0, 0.0), (1, 0.5), (2, 0.8)], id='the newest off the grid'
        ),
        pytest.param(
            [0.0, 0.5, 0.54], (0, 1), [(0, 0.0), (2, 0.5)], id='the newest takes an equal label'
        ),
        pytest.param(
            [0.0, 0.5, 0.55], (0, 1), [(0, 0.0), (1, 0.5), (2, 0.6)], id='a tenth later is enough'
        ),
        pytest.param([0.0, 0.03], (0, 1), [(1, 0.0)], id='the newest takes the very first slot'),
        pytest.param([0.0, 0.2], (0, 1), [(0, 0.0), (1, 0.2)], id='two frames in the first slot'),
        pytest.param([0.0, 0.25], (0, 1), [(0, 0.0), (1, 0.3)], id='halves of a tenth go up'),
        pytest.param(
            [0.0, 0.25, 2.0], (0, 2), [(0, 0.0), (2, 2.0)], id='a tie goes to the earlier grid time'
        ),
        pytest.param(
            [0.0, 0.251, 2.0], (0, 2), [(0, 0.0), (1, 0.5), (2, 2.0)], id='just past the tie'
        ),
        pytest.param(
            [0.0, 0.4, 0.6, 2.0],
            (0, 2),
            [(0, 0.0), (1, 0.5), (3, 2.0)],
            id='the earlier of two equally near',
        ),
        pytest.param(
            [0.0, 0.5, 3.0, 3.5],
            (0, 4),
            [(0, 0.0), (1, 0.5), (2, 3.0), (3, 3.5)],
            id='a gap leaves its grid times out',
        ),
        pytest.param(
            [0.0, 0.5, 1.0, 1.5, 2.0],
            (0.2, 1.6),
            [(1, 0.0), (2, 0.5), (3, 1.0)],
            id='only the window, re-zeroed',
        ),
        pytest.param(
            [0.0, 0.5, 1.0], (0.5, 1.0), [(1, 0.0), (2, 0.5)], id='both ends are in the window'
        ),
        pytest.param([0.0, 2.0], (0.5, 1.0), [], id='nothing in the window'),
        pytest.param([], (0, 1), [], id='no stamps'),
        pytest.param(
            [0.0, 0.48, 0.98],
            (0, 1),
            [(0, 0.0), (1, 0.5), (2, 1.0)],
            id='the newest just before the grid',
        ),
        pytest.param(
            [0.0, 0.5, 0.9],
            (0, 1),
            [(0, 0.0), (1, 0.5), (2, 0.9)],
            id='the newest keeps its own time',
        ),
    ],
)
def test_frames_shown(offsets, span, expected):
    start, end = times(*span)
    base = 1_700_000_000 * S
    samples, _ = sample([base + t for t in times(*offsets)], base + start, base + end)
    assert samples == [Sample(*pair) for pair in expected]


@pytest.mark.parametrize(
    ('span', 'expected'),
    [
        (0.0, 1),
        (0.04, 1),
        (0.05, 2),
        (0.5, 2),
        (0.54, 2),
        (0.6, 3),
        (0.96, 3),
        (10.0, 21),
        (10.3, 22),
        (63.0, MAX_FRAMES),
    ],
)
def test_frames_expected_of_a_gapless_recording(span, expected):
    end = round(span * S)
    assert sample([], 5 * S, 5 * S + end) == ([], expected)
    recorded = [5 * S + ns for ns in range(0, end + 1, MS * 5)]
    samples, again = sample(recorded, 5 * S, 5 * S + end)
    assert (len(samples), again) == (expected, expected)


def test_the_longest_window_gives_127_frames():
    stamps = [k * SAMPLE_PERIOD_NS for k in range(200)]
    samples, expected = sample(stamps, 0, MAX_WINDOW_NS)
    assert (len(samples), expected, samples[-1].seconds) == (127, 127, 63.0)


@pytest.mark.parametrize(
    ('start', 'end', 'why'),
    [
        (2 * S, S, 'ends before it starts'),
        (-S, S, 'negative'),
        (S, MAX_WINDOW_NS + S + 1, 'longer than the limit of 63.000 s'),
    ],
)
def test_a_bad_span_is_refused(start, end, why):
    with pytest.raises(BadSpan, match=why):
        sample([S], start, end)


@st.composite
def recordings(draw):
    """Jittered stamps at 5 to 60 Hz with gaps, and a window on them."""
    rate = draw(st.integers(5, 60))
    period = S // rate
    count = draw(st.integers(0, 180))
    missing = draw(st.sets(st.integers(0, 179), max_size=120))
    jitter = draw(st.lists(st.integers(-period // 2, period // 2), min_size=180, max_size=180))
    base = draw(st.integers(S, 2_000_000_000 * S))
    stamps = sorted({base + i * period + jitter[i] for i in range(count) if i not in missing})
    start = base + draw(st.integers(-S, 2 * S))
    return stamps, start, start + draw(st.integers(0, 30 * S))


@settings(max_examples=150, deadline=None)
@given(recordings())
def test_what_is_shown_holds_to_the_rules(recording):
    stamps, start, end = recording
    samples, expected = sample(stamps, start, end)
    inside = [i for i, stamp in enumerate(stamps) if start <= stamp <= end]
    assert bool(samples) == bool(inside)
    assert len(samples) <= expected
    if not inside:
        return
    zero = stamps[inside[0]]
    indices = [s.index for s in samples]
    labels = [f'{s.seconds:.1f}' for s in samples]
    assert indices == sorted(set(indices))
    assert set(indices) <= set(inside)
    assert indices[-1] == inside[-1]
    assert [float(label) for label in labels] == [s.seconds for s in samples]
    assert all(a.seconds < b.seconds for a, b in itertools.pairwise(samples))
    for s in samples[:-1]:
        grid = round(s.seconds * S)
        assert grid % SAMPLE_PERIOD_NS == 0
        assert abs(stamps[s.index] - zero - grid) <= HALF
        nearest = min(abs(stamps[i] - zero - grid) for i in inside)
        assert abs(stamps[s.index] - zero - grid) == nearest
    assert abs(round(samples[-1].seconds * S) - (stamps[inside[-1]] - zero)) <= 50 * MS
    shown = {s.seconds for s in samples}
    for k in range((stamps[inside[-1]] - zero - HALF) // SAMPLE_PERIOD_NS):
        near = any(abs(stamps[i] - zero - k * SAMPLE_PERIOD_NS) < HALF for i in inside)
        assert not near or k / 2 in shown


@settings(max_examples=300, deadline=None)
@given(recordings(), st.integers(0, 100 * S))
@example(([10 * S], 10 * S, 10 * S), 50 * MS)
def test_an_anchored_grid_holds_to_the_rules(recording, back):
    stamps, start, end = recording
    samples, expected = sample(stamps, start, end, start - back)
    inside = [i for i, stamp in enumerate(stamps) if start <= stamp <= end]
    assert bool(samples) == bool(inside)
    assert len(samples) <= expected
    if not inside:
        return
    assert samples[0].seconds == 0 and samples[-1].seconds <= 63
    assert samples[-1].index == inside[-1]
    assert all(a.index < b.index and a.seconds < b.seconds for a, b in itertools.pairwise(samples))
    apart = [(b.seconds - a.seconds) * S for a, b in itertools.pairwise(samples)]
    real = [stamps[b.index] - stamps[a.index] for a, b in itertools.pairwise(samples)]
    assert all(abs(a - b) <= SAMPLE_PERIOD_NS + 50 * MS for a, b in zip(apart, real, strict=True))


@settings(max_examples=150, deadline=None)
@given(st.integers(5, 60), st.integers(0, S), st.lists(st.integers(0, 8 * S), max_size=9))
@example(5, 50 * MS, [0])
def test_windows_that_slide_over_a_recording_are_shown_the_same_frames(hz, phase, oldest):
    """Of a camera of 5 Hz and more, all but the newest frame."""
    stamps = [1000 * S + i * S // hz for i in range(12 * hz)]
    anchor, end = stamps[0] - 7 * SAMPLE_PERIOD_NS + phase, stamps[-1]
    whole = {s.index for s in sample(stamps, stamps[0], end, anchor)[0]}
    for one in oldest:
        start = first_full_slot(stamps[0] + one, anchor)
        assert stamps[0] + one <= start <= stamps[0] + one + SAMPLE_PERIOD_NS
        shown, expected = sample(stamps, start, end, anchor)
        assert {s.index for s in shown} <= whole
        assert expected - 1 <= len(shown) <= expected  # the newest may be the last one's nearest


def test_a_slow_camera_off_its_anchor_is_shown_whole():
    """Two frames a second, a quarter of a second beside the grid, jittered to and fro."""
    stamps = [10 * S + k * HALF * 2 + HALF + (-1) ** k * 20 * MS for k in range(20)]
    assert len(sample(stamps, 10 * S, 30 * S, 10 * S)[0]) == 20


def test_no_slot_of_the_oldest_frame_is_left_out_before_anything_was_dropped():
    assert first_full_slot(5 * S, 5 * S) == 5 * S


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2_000_000_000 * S),
    st.integers(0, 600 * S),
    st.integers(SAMPLE_PERIOD_NS, MAX_WINDOW_NS),
    st.data(),
)
def test_windows_cover_the_span_and_overlap(start, span, length, data):
    # A stride under 1/20 of the length only makes the example slow.
    overlap = data.draw(st.integers(0, (length - SAMPLE_PERIOD_NS) * 19 // 20))
    windows = split(start, start + span, length, overlap)
    assert windows[0][0] == start
    assert windows[-1][1] == start + span
    assert all(0 <= b - a <= length for a, b in windows)
    assert all((a - start) % SAMPLE_PERIOD_NS == 0 for a, _ in windows)
    for (a, b), (c, d) in itertools.pairwise(windows):
        assert a < c
        assert b < d
        assert b - c >= overlap
    if len(windows) > 1:
        assert windows[-1][1] - windows[-1][0] > length - SAMPLE_PERIOD_NS


def test_a_short_span_is_one_window():
    assert split(7, 7 + MAX_WINDOW_NS) == [(7, 7 + MAX_WINDOW_NS)]
    assert split(7, 7) == [(7, 7)]


def test_a_long_span_is_cut_by_hand():
    assert split(0, 130 * S) == [(0, 63 * S), (58 * S, 121 * S), (67 * S, 130 * S)]


def test_a_bad_split_is_refused():
    with pytest.raises(BadSpan, match='ends before'):
        split(1, 0)
    with pytest.raises(BadArgument, match='length_ns'):
        split(0, S, MAX_WINDOW_NS + 1)
    with pytest.raises(BadArgument, match='overlap_ns'):
        split(0, S, S, S)
