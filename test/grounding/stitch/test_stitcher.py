# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What two windows both saw counts once, an object keeps its id, and doubt is marked."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.recordings import CAMERA, DIAGONAL, HEIGHT, QUESTION, WIDTH, make_answer

from molmo_ground_ros.errors import BadArgument, BadSpan
from molmo_ground_ros.grounding.stitch import Mark, Stitcher, WindowState
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.types import Point, Query, Track

S = 1_000_000_000
ZERO = 1_000 * S
FIRST, SECOND = (0, 63), (58, 121)


def span(window):
    return ZERO + round(window[0] * S), ZERO + round(window[1] * S)


def point(time, x, y, number=1):
    """x and y in percent of the diagonal."""
    return Point(ZERO + round(time * S), number, x / 100 * DIAGONAL, y / 100 * DIAGONAL)


def answer(window, *spots, tracks=(), **other):
    """An answer with a point for every (time, x, y), and a track for every list of them."""
    points = [point(*spot, number) for number, spot in enumerate(spots, start=1)]
    groups = [
        Track(number, 'cup', tuple(point(*spot, number) for spot in group))
        for number, group in enumerate(tracks, start=1)
    ]
    return make_answer(span(window), points, groups, **other)


def merge(*answers):
    stitcher = Stitcher(CAMERA, question_of(Query(QUESTION)))
    for one in answers:
        if isinstance(one, str):
            begin, end, why = one.split(maxsplit=2)
            stitcher.miss(*span((float(begin), float(end))), why)
        else:
            stitcher.add(one)
    return stitcher.result()


def times(merged):
    return [(event.sighting.point.stamp_ns - ZERO) / S for event in merged.events]


def path(begin, end, x, y, vx=0.0, vy=0.0):
    """A point every half second from `begin` to `end`, at (x, y) first; percent, and a second."""
    steps = range(round((end - begin) * 2) + 1)
    return [(begin + k / 2, x + vx * k / 2, y + vy * k / 2) for k in steps]


# Events


@pytest.mark.parametrize(
    ('time', 'shown', 'other'),
    [
        pytest.param(
            59.5, 0, 1, id='3.5 s before the end of one, 1.5 s after the start of the other'
        ),
        pytest.param(61.5, 1, 0, id='the other way round'),
        pytest.param(60.5, 0, 1, id='as deep in both: the earlier window'),
    ],
)
def test_what_two_windows_saw_counts_once_and_the_deeper_sighting_is_shown(time, shown, other):
    merged = merge(
        answer(FIRST, (time, 30, 30), tracks=[[(time, 60, 50)]]),
        answer(SECOND, (time, 30.5, 30), tracks=[[(time, 60, 50)]]),
    )
    (event,) = merged.events
    assert event.sighting.window == shown
    assert [one.window for one in event.duplicates] == [other]
    assert event.marks == ()
    (track,) = merged.tracks
    assert [one.window for one in track.points] == [shown]
    assert [one.window for one in track.duplicates] == [other]
    assert (merged.count, merged.count_least, merged.count_most) == (1, 1, 1)


@pytest.mark.parametrize(
    ('first', 'second', 'count'),
    [
        pytest.param([(60, 30, 30)], [(60, 30, 30)], 1, id='exactly the same'),
        pytest.param([(60, 30, 30)], [(60.5, 30, 30)], 1, id='a step of the grid later'),
        pytest.param([(60, 30, 30)], [(61, 33, 30)], 1, id='two steps later and a little beside'),
        pytest.param([(60, 30, 30)], [(61.5, 30, 30)], 2, id='three steps later'),
        pytest.param([(60, 30, 30)], [(60, 38, 30)], 1, id='8 % of the image beside'),
        pytest.param([(60, 30, 30)], [(60, 42, 30)], 2, id='12 % of the image beside'),
        pytest.param(
            [(60, 30, 30), (61, 30.5, 30)],
            [(60, 30, 30), (61, 30.5, 30)],
            2,
            id='twice at nearly the same place, a second apart',
        ),
        pytest.param(
            [(60, 30, 30), (60, 36, 30)], [(60, 30, 30), (60, 36, 30)], 2, id='two at once'
        ),
        pytest.param(
            [(57.5, 30, 30), (58.5, 30, 30)],
            [(58.5, 30, 30), (63.5, 30, 30)],
            3,
            id='one before, one within and one after what both saw',
        ),
        pytest.param(
            [(57.5, 30, 30)], [(58, 30, 30)], 1, id='just before the second window, and just in it'
        ),
        pytest.param([(20, 30, 30)], [(100, 30, 30)], 2, id='far apart in time'),
        pytest.param(
            [(t / 2, 30, 30) for t in range(115, 127)],
            [(t / 2, 30, 30) for t in range(116, 128)],
            13,
            id='one at every step of the grid, through all that both saw',
        ),
    ],
)
def test_the_same_event_is_told_from_another_by_place_and_time(first, second, count):
    assert merge(answer(FIRST, *first), answer(SECOND, *second)).count == count


def test_windows_that_touch_share_their_one_frame_only():
    merged = merge(answer((0, 63), (62.5, 30, 30), (63, 60, 30)),
                   answer((63, 126), (63, 60, 30), (63.5, 30, 30)))  # fmt: skip
    assert times(merged) == [62.5, 63.0, 63.5]


def test_three_windows_over_one_moment_count_it_once():
    spot = (60.0, 30, 30)
    merged = merge(answer((0, 63), spot), answer((58, 121), spot), answer((58.5, 121.5), spot))
    (event,) = merged.events
    assert {event.sighting.window, *(one.window for one in event.duplicates)} == {0, 1, 2}


def test_an_event_goes_on_from_its_newest_sighting():
    merged = merge(
        answer((0, 63), (58, 30, 30)),
        answer((58, 121), (59, 30, 30)),
        answer((60, 123), (60, 30, 30)),
    )
    assert merged.count == 1


def test_points_of_one_id_are_one_occurrence():
    again = [point(10, 30, 30, 1), point(10.5, 30, 30, 1), point(11, 60, 30, 2)]
    merged = merge(make_answer(span(FIRST), again))
    assert times(merged) == [10.0, 11.0]
    assert len(merged.events[0].duplicates) == 1
    assert merged.windows[0].occurrences == 2


def test_two_candidates_equally_near_are_marked_and_name_each_other():
    merged = merge(answer(FIRST, (60, 30, 30)), answer(SECOND, (60, 26, 30), (60, 34, 30)))
    assert merged.count == 2
    joined, other = sorted(merged.events, key=lambda event: len(event.duplicates), reverse=True)
    assert Mark.WHICH in joined.marks and Mark.WHICH in other.marks
    assert joined.may_be == (other.id,) and other.may_be == (joined.id,)
    assert merged.seams[0].undecided == 1


@pytest.mark.parametrize(
    ('percent', 'least', 'count', 'most', 'mark'),
    [
        pytest.param(9.0, 1, 1, 1, None, id='near enough'),
        pytest.param(9.7, 1, 1, 2, Mark.MAY_BE_TWO, id='hardly near enough'),
        pytest.param(10.3, 1, 2, 2, Mark.MAY_BE_SAME, id='hardly too far'),
        pytest.param(11.0, 0, 2, 2, None, id='too far: each window denies the event of the other'),
    ],
)
def test_a_count_that_hangs_on_a_close_decision_has_bounds(percent, least, count, most, mark):
    merged = merge(answer(FIRST, (60, 30, 30)), answer(SECOND, (60, 30 + percent, 30)))
    assert (merged.count_least, merged.count, merged.count_most) == (least, count, most)
    close = {Mark.MAY_BE_TWO, Mark.MAY_BE_SAME}
    assert close & set(merged.events[-1].marks) == ({mark} if mark else set())
    if mark is Mark.MAY_BE_SAME:
        assert merged.events[1].may_be == (1,)


def test_an_event_that_a_window_should_have_and_has_not_is_counted_and_marked():
    merged = merge(answer(FIRST, (60, 30, 30)), answer(SECOND))
    (event,) = merged.events
    assert (event.marks, event.missed_by) == ((Mark.UNCONFIRMED,), (1,))
    assert (merged.count_least, merged.count, merged.count_most) == (0, 1, 1)


@pytest.mark.parametrize(
    'answers',
    [
        pytest.param([answer(FIRST), answer(SECOND, (63, 30, 30))], id='the last frame of one'),
        pytest.param([answer(FIRST, (58, 30, 30)), answer(SECOND)], id='the first frame of one'),
    ],
)
def test_a_window_need_not_have_what_happens_in_its_first_or_last_frame(answers):
    (event,) = merge(*answers).events
    assert (event.marks, event.missed_by) == ((), ())


@pytest.mark.parametrize(
    ('answers', 'marked'),
    [
        pytest.param([answer(FIRST), answer(SECOND, (58, 30, 30))], True, id='first frame'),
        pytest.param([answer(FIRST, (63, 30, 30)), answer(SECOND)], True, id='last frame'),
        pytest.param([answer(FIRST, (63, 30, 30))], False, id='end of the recording'),
        pytest.param([answer(FIRST, (0, 30, 30))], False, id='start of the recording'),
        pytest.param(
            [answer(FIRST, (58, 30, 30)), answer(SECOND, (58, 30, 30))], False, id='both have it'
        ),
        pytest.param(
            [answer(FIRST, (63, 30, 30)), '58 121 it broke'], True, id='beside a failed window'
        ),
        pytest.param(
            [answer(FIRST, (20, 30, 30), (40, 30, 30), truncated=True)],
            True,
            id='where the answer was cut off',
        ),
    ],
)
def test_an_event_at_the_very_edge_of_a_window_is_marked(answers, marked):
    assert (Mark.AT_EDGE in merge(*answers).events[-1].marks) == marked


def test_what_a_window_begins_with_may_be_what_another_pointed_at_before():
    """Objects asked for as points: every window points at each anew."""
    merged = merge(
        answer(FIRST, (0, 30, 30), (10, 70, 30)),
        answer(SECOND, (58, 31, 30), (58, 70, 30), (80, 50, 50)),
    )
    assert (merged.count_least, merged.count) == (3, 5)
    assert [event.may_be for event in merged.events] == [(), (), (1,), (2,), ()]


def test_what_two_windows_begin_with_is_not_another_one_of_the_same_window():
    first, second = (58, 30, 30), (58, 35, 30)
    merged = merge(answer(FIRST, first), answer(SECOND, first, second))
    assert [event.may_be for event in merged.events] == [(), ()]
    assert merged.events[1].marks == (Mark.AT_EDGE, Mark.UNCONFIRMED)


def test_of_candidates_equally_near_the_choice_does_not_hang_on_their_ids():
    spots = [point(60, 26, 30, 1), point(60, 34, 30, 2)]
    swapped = [point(60, 26, 30, 2), point(60, 34, 30, 1)]
    one, other = (
        merge(answer(FIRST, (60, 30, 30)), make_answer(span(SECOND), second))
        for second in (spots, swapped)
    )
    assert gist(one) == gist(other)


def test_stated_totals_and_the_merged_number_stand_side_by_side():
    merged = merge(answer(FIRST, (60, 30, 30), count=7), answer(SECOND, (60, 30, 30), count=None))
    assert [window.stated for window in merged.windows] == [7, None]
    assert [window.occurrences for window in merged.windows] == [1, 1]
    assert merged.count == 1


# Tracks


def test_an_object_keeps_its_id_through_a_chain_of_windows():
    windows = [(58 * n, 58 * n + 63) for n in range(5)]
    whole = [path(0, 295, 10, 10, 0.2, 0.05), path(0, 295, 70, 55, -0.2, -0.1)]
    answers = [
        answer(
            w,
            tracks=[[p for p in one if w[0] <= p[0] <= w[1]] for one in whole[:: 1 - 2 * (n % 2)]],
        )
        for n, w in enumerate(windows)
    ]  # every other window numbers the two the other way round
    merged = merge(*answers)
    assert [len(one.points) for one in merged.tracks] == [591, 591]
    assert [len(one.duplicates) for one in merged.tracks] == [44, 44]
    assert [one.marks for one in merged.tracks] == [(), ()]
    assert [one.id for one in merged.tracks] == [1, 2]
    for one, truth in zip(merged.tracks, whole, strict=True):
        assert [s.point.x for s in one.points] == pytest.approx(
            [x / 100 * DIAGONAL for _, x, _ in truth]
        )


def test_objects_that_pass_each_other_in_the_overlap_keep_their_ids():
    """The means of both are at the same place, and the paths 5 % apart."""
    left, right = path(50, 70, 20, 30, 2), path(50, 70, 60, 35, -2)
    merged = merge(
        answer(FIRST, tracks=[left[:27], right[:27]]),
        answer(SECOND, tracks=[right[16:], left[16:]]),
    )
    assert [one.marks for one in merged.tracks] == [(), ()]
    assert [len(one.points) for one in merged.tracks] == [41, 41]
    assert [[s.point.y for s in one.points][::40] for one in merged.tracks] == [
        pytest.approx([y / 100 * DIAGONAL] * 2) for y in (30, 35)
    ]


def test_which_is_which_of_two_objects_too_close_to_tell_is_marked():
    near = path(58, 63, 30, 30), path(58, 63, 31.5, 30)
    merged = merge(answer(FIRST, tracks=near), answer(SECOND, tracks=near))
    assert [one.marks for one in merged.tracks] == [(Mark.WHICH,), (Mark.WHICH,)]
    assert [one.may_be for one in merged.tracks] == [(2,), (1,)]
    assert merged.seams[0].undecided == 2


@pytest.mark.parametrize(
    ('percent', 'tracks', 'mark'),
    [
        pytest.param(4.0, 1, None, id='near enough'),
        pytest.param(5.0, 1, Mark.MAY_BE_TWO, id='hardly near enough'),
        pytest.param(6.2, 2, Mark.MAY_BE_SAME, id='hardly too far'),
        pytest.param(7.5, 2, None, id='too far'),
    ],
)
def test_tracks_at_the_edge_of_the_gate_are_marked(percent, tracks, mark):
    merged = merge(
        answer(FIRST, tracks=[path(55, 63, 30, 30)]),
        answer(SECOND, tracks=[path(58, 70, 30 + percent, 30)]),
    )
    assert len(merged.tracks) == tracks
    close = {Mark.MAY_BE_TWO, Mark.MAY_BE_SAME}
    assert close & set(merged.tracks[-1].marks) == ({mark} if mark else set())


def test_windows_that_show_other_frames_of_a_grid_time_are_compared_all_the_same():
    merged = merge(
        answer(FIRST, tracks=[[(58, 30, 30)]]),
        answer(SECOND, tracks=[[(58.03, 30, 30), (58.53, 30, 30)]]),
    )
    assert len(merged.tracks) == 1


def test_windows_that_left_out_different_stamps_are_compared_in_between():
    halves = path(57.5, 62.5, 30, 30, 2)[::2]
    wholes = path(58, 70, 31, 30, 2)[::2]
    assert len(merge(answer(FIRST, tracks=[halves]), answer(SECOND, tracks=[wholes])).tracks) == 1


def test_a_longer_pause_is_not_bridged():
    with_a_pause = [*path(50, 58, 30, 30), *path(63, 63, 30, 30)]
    merged = merge(
        answer(FIRST, tracks=[with_a_pause]), answer(SECOND, tracks=[path(60, 61, 30, 30)])
    )
    assert len(merged.tracks) == 2


THREE = (0, 63), (58, 121), (116, 179)


def test_an_object_at_rest_is_joined_across_a_window_that_missed_it():
    merged = merge(
        answer(THREE[0], tracks=[path(0, 63, 30, 30)]),
        answer(THREE[1], tracks=[path(58, 121, 60, 50)]),
        answer(THREE[2], tracks=[path(116, 179, 60, 50), path(116, 179, 31, 30)]),
    )
    lost, other = merged.tracks
    assert lost.marks == (Mark.RESUMED, Mark.UNCONFIRMED)
    assert lost.resumed_ns == ((ZERO + 63 * S, ZERO + 116 * S),)
    assert lost.missed_by == (1,)
    assert {one.window for one in lost.points} == {0, 2}
    assert {one.window for one in other.points} == {1, 2}


@pytest.mark.parametrize(
    ('before', 'after'),
    [
        pytest.param([path(53, 63, 0, 30, 4)], [path(116, 179, 38, 30)], id='was moving'),
        pytest.param([path(0, 63, 30, 30)], [path(116, 126, 28, 30, 4)], id='is moving'),
        pytest.param([path(0, 63, 30, 30)], [path(116, 179, 38, 30)], id='is elsewhere'),
        pytest.param(
            [path(0, 63, 30, 30), path(0, 63, 35, 30)], [path(116, 179, 31, 30)], id='two were lost'
        ),
        pytest.param(
            [path(0, 63, 30, 30)],
            [path(116, 179, 29, 30), path(116, 179, 33, 30)],
            id='two were found',
        ),
    ],
)
def test_a_lost_object_that_may_be_another_gets_a_new_id_that_says_so(before, after):
    merged = merge(
        answer(THREE[0], tracks=before), answer(THREE[1]), answer(THREE[2], tracks=after)
    )
    assert len(merged.tracks) == len(before) + len(after)
    for new in merged.tracks[len(before) :]:
        assert Mark.MAY_BE_SAME in new.marks
        assert new.may_be == tuple(range(1, len(before) + 1))


def test_a_long_time_unseen_is_not_joined_even_at_rest():
    merged = merge(
        answer((0, 63), tracks=[path(0, 63, 30, 30)]),
        '58 121 it broke',
        '116 179 it broke',
        answer((174, 237), tracks=[path(174, 200, 30, 30)]),
    )
    assert [one.marks for one in merged.tracks] == [(Mark.AT_EDGE,), (Mark.AT_EDGE,)]


def test_what_appears_long_after_another_was_lost_has_nothing_to_do_with_it():
    merged = merge(
        answer(THREE[0], tracks=[path(0, 63, 30, 30)]),
        answer(THREE[1]),
        answer(THREE[2], tracks=[path(126.5, 140, 30, 30)]),
    )
    assert [one.may_be for one in merged.tracks] == [(), ()]


def test_what_may_be_one_of_two_is_neither():
    """One ended there at rest, another ends a little too far away."""
    merged = merge(
        answer(FIRST, tracks=[path(30, 50, 33, 30), path(30, 63, 26.8, 30)]),
        answer(SECOND, tracks=[path(58, 70, 33, 30)]),
    )
    assert [one.may_be for one in merged.tracks] == [(), (), (1, 2)]


def test_an_object_that_left_and_came_back_within_one_window_stays_one():
    there = [spot for spot in path(0, 63, 30, 30) if not 20 < spot[0] < 40]
    merged = merge(answer(FIRST, tracks=[there]))
    assert [len(one.points) for one in merged.tracks] == [len(there)]


def test_an_object_that_came_back_in_another_window_is_new_and_says_what_it_may_be():
    merged = merge(
        answer(FIRST, tracks=[path(0, 40, 30, 30)]),
        answer(SECOND, tracks=[path(80, 121, 70, 50)]),
    )
    assert [one.may_be for one in merged.tracks] == [(), (1,)]
    assert merged.tracks[1].marks == (Mark.MAY_BE_SAME,)


# Coverage


def gap(begin, end, windows, reason, early=0, late=0):
    return ZERO + begin * S + early, ZERO + end * S + late, windows, reason


@pytest.mark.parametrize(
    ('answers', 'expected'),
    [
        pytest.param([answer(FIRST), answer(SECOND)], [], id='none'),
        pytest.param(
            [answer(THREE[0]), '58 121 out of memory', answer(THREE[2])],
            [gap(63, 116, (1,), 'out of memory')],
            id='a failed window, but for what its neighbours saw',
        ),
        pytest.param(
            ['0 63 it broke', answer(SECOND)], [gap(0, 58, (0,), 'it broke')], id='the first failed'
        ),
        pytest.param(
            [answer(FIRST), '58 121 it broke'],
            [gap(63, 121, (1,), 'it broke')],
            id='the last failed',
        ),
        pytest.param(
            [answer(FIRST), answer(SECOND, refused=True, count=None)],
            [gap(63, 121, (1,), 'the model gives no answer')],
            id='refused',
        ),
        pytest.param(
            [answer(FIRST, (20, 30, 30), truncated=True), answer(SECOND)],
            [gap(20, 58, (0,), 'the answer was cut off by the token limit', early=-1)],
            id='cut off: from the last row on',
        ),
        pytest.param(
            [answer(FIRST, truncated=True), answer(SECOND)],
            [gap(0, 58, (0,), 'the answer was cut off by the token limit')],
            id='cut off before the first row',
        ),
        pytest.param(
            [answer(FIRST), answer((70, 133))], [gap(63, 70, (), 'not asked')], id='not asked'
        ),
        pytest.param([answer(FIRST), answer((63.5, 126))], [], id='a step of the grid is no gap'),
        pytest.param(
            [answer(FIRST, newest_ns=ZERO + 40 * S), answer(SECOND)],
            [gap(40, 58, (0,), 'no frames', early=S // 2)],
            id='the camera stopped',
        ),
        pytest.param(
            [answer(FIRST), '58 121 one', '116 179 other'],
            [gap(63, 179, (1, 2), 'one; other')],
            id='two failed',
        ),
    ],
)
def test_what_no_answer_speaks_for_is_a_gap_with_its_reason(answers, expected):
    found = merge(*answers).gaps
    assert [dataclasses.astuple(one) for one in found] == expected


def test_a_path_that_ends_at_a_gap_is_marked():
    merged = merge(
        answer(THREE[0], tracks=[path(0, 63, 30, 30, 0.5), path(0, 50, 20, 50)]),
        '58 121 it broke',
        answer(THREE[2], tracks=[path(116, 179, 20, 20, 0.5), path(140, 150, 40, 50)]),
    )
    marked = [Mark.AT_EDGE in one.marks for one in merged.tracks]
    assert marked == [False, True, True, False]


def test_windows_are_recorded_as_they_were_answered():
    merged = merge(answer(FIRST, (1, 5, 5), truncated=True), '58 121 it broke')
    answered, failed = merged.windows
    assert (answered.state, failed.state) == (WindowState.TRUNCATED, WindowState.FAILED)
    assert (answered.frames_used, failed.frames_used) == (127, 0)
    assert (failed.reason, failed.stated) == ('it broke', None)
    assert failed.shows(failed.start_ns) is False


def test_no_window_is_an_empty_result():
    merged = merge()
    assert (merged.events, merged.tracks, merged.gaps, merged.windows) == ((), (), (), ())


# What is refused


def test_a_window_out_of_order_is_an_error():
    stitcher = Stitcher(CAMERA, question_of(Query(QUESTION)))
    stitcher.add(answer(SECOND))
    with pytest.raises(BadSpan, match='does not begin after'):
        stitcher.add(answer(FIRST))
    with pytest.raises(BadSpan, match='does not begin after'):
        stitcher.miss(*span(SECOND), 'it broke')
    with pytest.raises(BadSpan, match='ends before it starts'):
        stitcher.miss(*reversed(span((200, 210))), 'it broke')
    assert len(stitcher.result().windows) == 1


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        pytest.param({'camera': 'rear'}, "camera = 'rear'.*'front'", id='camera'),
        pytest.param({'query': Query('Where is it?')}, "question = 'Where is it", id='question'),
        pytest.param({'image_width': 0}, r'image size = \(0, 480\)', id='image without a size'),
    ],
)
def test_an_answer_that_does_not_belong_here_is_an_error(changes, message):
    with pytest.raises(BadArgument, match=message):
        merge(dataclasses.replace(answer(FIRST, (1, 5, 5)), **changes))


# Properties

SHORT = [(0, 10), (8, 18), (16, 26), (24, 34)]
PLACES = st.tuples(st.integers(0, 5), st.integers(0, 4))  # coarse, so that things meet


@st.composite
def answers_of(draw, windows=SHORT):
    """Answers that agree now and then: points and tracks out of one small world."""
    found = []
    for window in windows[: draw(st.integers(1, len(windows)))]:
        slots = st.integers(window[0] * 2, window[1] * 2)
        spots = draw(st.lists(st.tuples(slots, PLACES), max_size=5))
        groups = draw(st.lists(st.dictionaries(slots, PLACES, min_size=1, max_size=6), max_size=3))
        points = [(slot / 2, 6 * x, 6 * y) for slot, (x, y) in spots]
        tracks = [[(slot / 2, 6 * x, 6 * y) for slot, (x, y) in sorted(g.items())] for g in groups]
        truncated = draw(st.booleans()) and draw(st.booleans())
        found.append(answer(window, *points, tracks=tracks, truncated=truncated))
    return found


def given_points(answers):
    """(window, what, point) of every point given."""
    for index, one in enumerate(answers):
        yield from ((index, 'event', p) for p in one.points)
        yield from ((index, 'track', p) for track in one.tracks for p in track.points)


def merged_points(merged):
    for event in merged.events:
        yield from ((s.window, 'event', s.point) for s in (event.sighting, *event.duplicates))
    for one in merged.tracks:
        yield from ((s.window, 'track', s.point) for s in (*one.points, *one.duplicates))


def gist(merged):
    """The result without the windows' own ids."""

    def bare(sighting):
        return sighting.window, sighting.point.stamp_ns, sighting.point.x, sighting.point.y

    def doubts(one):
        return one.id, one.marks, one.may_be, one.missed_by

    return (
        [(*doubts(e), bare(e.sighting), sorted(map(bare, e.duplicates))) for e in merged.events],
        [
            (*doubts(t), [bare(s) for s in t.points], sorted(map(bare, t.duplicates)))
            for t in merged.tracks
        ],
    )


@given(answers_of())
@settings(max_examples=150, deadline=None)
def test_every_point_given_is_in_exactly_one_event_or_track(answers):
    merged = merge(*answers)
    # nan is not equal to itself: the points themselves are told apart by what they are.
    assert Counter(map(repr, merged_points(merged))) == Counter(map(repr, given_points(answers)))
    for one in merged.tracks:
        stamps = [sighting.point.stamp_ns for sighting in one.points]
        assert stamps == sorted(set(stamps))
        assert {s.point.stamp_ns for s in one.duplicates} <= set(stamps)
        pieces = {(s.window, s.point.id) for s in (*one.points, *one.duplicates)}
        assert len(pieces) == len({window for window, _ in pieces})  # one track of a window at most


@given(answers_of())
@settings(max_examples=100, deadline=None)
def test_ids_ascend_in_time_and_marks_name_others(answers):
    merged = merge(*answers)
    starts = [event.sighting.point.stamp_ns for event in merged.events]
    assert starts == sorted(starts)
    begins = [one.points[0].point.stamp_ns for one in merged.tracks]
    assert begins == sorted(begins)
    for group in (merged.events, merged.tracks):
        assert [one.id for one in group] == list(range(1, len(group) + 1))
        for one in group:
            assert set(one.may_be) <= set(range(1, len(group) + 1)) - {one.id}
            assert not one.may_be or {Mark.WHICH, Mark.MAY_BE_SAME} & {
                mark for other in group if other.id in (one.id, *one.may_be) for mark in other.marks
            }
            assert bool(one.missed_by) == (Mark.UNCONFIRMED in one.marks)
    assert merged.count_least <= merged.count <= merged.count_most


@given(answers_of(windows=[(0, 10)]))
@settings(max_examples=60, deadline=None)
def test_one_window_is_given_back_as_it_is(answers):
    merged = merge(*answers)
    (window,) = merged.windows
    assert merged.seams == ()
    assert len(merged.events) == window.occurrences == len(answers[0].points)
    assert all(event.duplicates == () and not event.may_be for event in merged.events)
    tracks = Counter(tuple(s.point for s in one.points) for one in merged.tracks)
    assert tracks == Counter(track.points for track in answers[0].tracks)
    assert all(mark is Mark.AT_EDGE for one in merged.tracks for mark in one.marks)


@given(answers_of(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_how_a_window_numbers_and_orders_its_ids_does_not_matter(answers, chance):
    # Two that are the same in all but their id cannot be told apart, by us or by anybody.
    renumbered = []
    for one in answers:
        points, tracks = list(one.points), list(one.tracks)
        chance.shuffle(points)
        chance.shuffle(tracks)
        renumbered.append(
            dataclasses.replace(
                one,
                points=tuple(dataclasses.replace(p, id=n) for n, p in enumerate(points, start=5)),
                tracks=tuple(dataclasses.replace(t, id=n) for n, t in enumerate(tracks, start=3)),
            )
        )
    assert gist(merge(*renumbered)) == gist(merge(*answers))


@given(answers_of())
@settings(max_examples=60, deadline=None)
def test_an_empty_window_after_all_changes_nothing(answers):
    end = SHORT[len(answers) - 1][1]
    merged = merge(*answers)
    longer = merge(*answers, answer((end + 2, end + 12)))
    assert (longer.count, len(longer.tracks)) == (merged.count, len(merged.tracks))
    assert list(map(repr, merged_points(longer))) == list(map(repr, merged_points(merged)))
    for one, same in zip(merged.events, longer.events, strict=True):
        assert set(same.marks) - set(one.marks) <= {Mark.AT_EDGE}
        assert same.may_be == one.may_be


@given(answers_of())
@settings(max_examples=60, deadline=None)
def test_windows_with_nothing_in_between_join_and_part_nothing(answers):
    """An empty window only takes note that it did not see what others saw."""
    merged = merge(*answers)
    empty = [answer((w[0] + 1, w[0] + 5)) for w in SHORT[: len(answers)]]
    mixed = merge(*(one for pair in zip(answers, empty, strict=True) for one in pair))

    def grouping(result):
        events = {
            frozenset(repr(s.point) for s in (event.sighting, *event.duplicates))
            for event in result.events
        }
        tracks = {frozenset(repr(s.point) for s in t.points) for t in result.tracks}
        return events, tracks

    assert grouping(mixed) == grouping(merged)


@given(answers_of())
@settings(max_examples=60, deadline=None)
def test_asking_in_between_changes_nothing_and_what_is_settled_keeps_its_id(answers):
    stitcher = Stitcher(CAMERA, question_of(Query(QUESTION)))
    results = [stitcher.result()]
    for one in answers:
        stitcher.add(one)
        results.append(stitcher.result())
    final = results[-1]
    assert repr(final) == repr(merge(*answers))
    for early in results:
        for before, after in ((early.events, final.events), (early.tracks, final.tracks)):
            for one, same in zip(before, after, strict=False):
                if start(one) < early.settled_ns:
                    assert (one.id, start(one)) == (same.id, start(same))


def start(one):
    sighting = one.points[0] if hasattr(one, 'points') else one.sighting
    return sighting.point.stamp_ns


def test_what_lies_far_back_is_not_looked_at_again():
    """Joining a window takes the time of what is near it, however long the recording is."""
    stitcher = Stitcher(CAMERA, question_of(Query(QUESTION)))
    for n in range(200):
        window = (8 * n, 8 * n + 10)
        stitcher.add(
            answer(window, (8 * n + 4, 30, 30), tracks=[path(8 * n + 3, 8 * n + 6, n % 90, 30)])
        )
    assert stitcher.result().count == 200
    assert len(stitcher._events._recent) < 20
    assert len(stitcher._tracks._recent) < 20


def test_helpers_measure_in_shares_of_the_diagonal():
    assert math.hypot(WIDTH, HEIGHT) == DIAGONAL
    assert math.dist(*((p.x, p.y) for p in (point(0, 0, 0), point(0, 6, 8)))) == DIAGONAL / 10


def test_window_speaks_for_its_first_and_last_stamp_and_none_outside():
    (window,) = merge(answer((0, 10), (5, 10, 10))).windows
    first, last = span((0, 10))
    shown = [window.shows(stamp) for stamp in (first - 1, first, last, last + 1)]
    assert shown == [False, True, True, False]


def test_seam_ends_where_the_first_of_two_windows_ends():
    merged = merge(answer((0, 10), (9, 10, 10)), answer((8, 20), (9, 10, 10)))
    (seam,) = merged.seams
    assert (seam.start_ns, seam.end_ns) == (span((8, 20))[0], span((0, 10))[1])
    assert (seam.events_joined, seam.tracks_joined) == (1, 0)


def test_refusal_speaks_for_no_moment():
    (window,) = merge(answer((0, 10), refused=True)).windows
    first, _ = span((0, 10))
    assert window.state is WindowState.REFUSED
    assert window.seen_until_ns == first - 1
    assert not window.shows(first)
