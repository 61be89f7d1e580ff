# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which times are covered, by windows that come for days."""

from __future__ import annotations

import json

import pytest
from support.recordings import make_answer

from molmo_ground_ros.grounding.stitch import coverage, covered, unseen_of
from molmo_ground_ros.grounding.stitch.covered import CoveredTime

S = 1_000_000_000


def covered_by(*windows: tuple[float, float, str]) -> CoveredTime:
    """Time covered by (begin, end, state) in seconds; state: '', 'refused' or 'cut off'."""
    time = CoveredTime()
    earlier = []
    for index, (begin, end, state) in enumerate(windows):
        answer = make_answer(
            (round(begin * S), round(end * S)),
            refused=state == 'refused',
            truncated=state == 'cut off',
        )
        window = coverage.answered(index, answer)
        time.add(window, earlier, 'too slow')
        earlier.append(window)
    return time


def seconds(spans) -> list[tuple[float, float]]:
    return [(begin / S, end / S) for begin, end in spans]


def test_windows_that_overlap_or_touch_are_one_span() -> None:
    time = covered_by((10, 20, ''), (15, 25, ''), (25.5, 30, ''))
    assert (time.share, time.gaps) == (1.0, ())
    assert time.span_at(22 * S) == (10 * S, 30 * S)
    assert time.unseen(12 * S, 28 * S) == ()


def test_gaps_have_the_reason_of_the_windows_in_them_or_the_one_that_was_passed() -> None:
    time = covered_by((10, 20, ''), (15, 30, 'refused'), (30, 40, ''), (60, 70, ''))
    assert seconds((gap.start_ns, gap.end_ns) for gap in time.gaps) == [(20, 30), (40, 60)]
    assert [gap.reason for gap in time.gaps] == ['the model gives no answer', 'too slow']
    assert time.share == pytest.approx(30 / 60)
    assert time.span_at(35 * S) == (30 * S, 40 * S)
    assert time.span_at(50 * S) == (50 * S, 50 * S)


@pytest.mark.parametrize(
    ('begin', 'end', 'unseen'),
    [
        pytest.param(12, 18, [], id='inside'),
        pytest.param(5, 18, [(5, 10)], id='begins before'),
        pytest.param(15, 50, [(20, 30), (40, 50)], id='across a gap and beyond the end'),
        pytest.param(22, 28, [(22, 28)], id='in a gap'),
        pytest.param(50, 60, [(50, 60)], id='after'),
        pytest.param(20.2, 20.4, [(20.2, 20.4)], id='a moment in a gap'),
        pytest.param(10, 40.4, [(20, 30)], id='less than a step beyond the end'),
    ],
)
def test_parts_of_a_span_that_no_answer_speaks_for(begin, end, unseen) -> None:
    time = covered_by((10, 20, ''), (30, 40, ''))
    assert seconds(time.unseen(round(begin * S), round(end * S))) == unseen


def test_first_windows_without_an_answer_are_a_gap_from_the_start() -> None:
    time = covered_by((10, 20, 'refused'), (12, 22, 'cut off'), (20, 30, ''))
    assert seconds((gap.start_ns, gap.end_ns) for gap in time.gaps) == [(10, 20)]
    assert time.share == pytest.approx(0.5)


def test_share_goes_on_after_time_jumped_back_and_spans_do_not() -> None:
    time = covered_by((10, 20, ''), (30, 40, ''))
    time.restart()
    time.add(coverage.answered(2, make_answer((5 * S, 15 * S))), [])
    assert time.share == pytest.approx(30 / 40)
    assert time.unseen(10 * S, 20 * S) == ((15 * S, 20 * S),)


def test_old_spans_are_forgotten_and_stay_in_the_share() -> None:
    spans = [(10.0 * n, 10 * n + 5, '') for n in range(1, covered.MOST_SPANS + 50)]
    time = covered_by(*spans)
    assert time.share == pytest.approx(0.5, abs=0.001)
    assert time.unseen(10 * S, 15 * S) == ((10 * S, 15 * S),)
    again = CoveredTime.restored(json.loads(json.dumps(time.state())))
    assert again.state() == json.loads(json.dumps(time.state())) | {'spans': again.state()['spans']}
    assert (again.share, again.gaps) == (time.share, time.gaps)
    assert len(again.gaps) == covered.MOST_SPANS


@pytest.mark.parametrize(
    ('changes', 'unseen'),
    [
        pytest.param({}, [], id='all of it'),
        pytest.param({'newest_ns': 19_500_000_000}, [], id='the last frame a step before the end'),
        pytest.param({'newest_ns': 15 * S}, [(15.5, 20)], id='no frames at the end'),
        pytest.param({'truncated': True}, [(10, 20)], id='cut off before the first row'),
        pytest.param({'refused': True}, [(10, 20)], id='refused'),
    ],
)
def test_what_one_answer_does_not_speak_for(changes, unseen) -> None:
    assert seconds(unseen_of(make_answer((10 * S, 20 * S), **changes))) == unseen
