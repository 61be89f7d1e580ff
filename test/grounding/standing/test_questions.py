# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Standing questions are asked as windows slide, and each event is published once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.clips import stamp
from support.standing import OTHER, QUESTION, TRACKING, Day, TruthfulBackend

from molmo_ground_ros.errors import BackendError, BadQuestion, BadSetting, NoFrames, ShuttingDown
from molmo_ground_ros.grounding.standing import StandingRequest, run_pass
from molmo_ground_ros.grounding.standing.request import BadStanding, UnknownStanding
from molmo_ground_ros.language.grammar.write import format_count
from molmo_ground_ros.types import Answer, Position, PositionStatus, RawImage, Task

GRASPS = [(float(time), 0.1 + 0.2 * (time // 7 % 4), 0.4) for time in range(6, 200, 7)]
ONE = (QUESTION,)


def day(**settings) -> Day:
    return Day(TruthfulBackend(GRASPS), **{'standing_queries': ONE, **settings})


def stamps(events) -> list[int]:
    return [event.point.stamp_ns for event in events]


def test_each_event_is_published_once_with_its_number_and_the_running_total() -> None:
    lab = day()
    lab.film(100)
    events = lab.events()
    assert stamps(events) == [stamp(time) for time, *_ in GRASPS if time < 98]
    numbers = list(range(1, len(events) + 1))
    assert [event.number for event in events] == numbers
    assert [event.total for event in events] == numbers
    assert [event.point.id for event in events] == numbers
    assert {event.label for event in events} == {'grasp'}
    assert {event.coverage for event in events} == {1.0}
    assert all(event.doubts == () for event in events)
    first, last = events[0].covered, events[-1].covered
    assert first[0] == last[0] == stamp(0) and first[1] < last[1] == stamp(100)


def test_it_is_asked_every_period_about_a_window_that_slides() -> None:
    lab = day(standing_period_seconds=5.0, standing_window_seconds=20.0)
    lab.film(60)
    ends = [end for _, end, _ in lab.backend.calls]
    assert ends == [5.0 * n for n in range(1, 13)]
    assert [end - start for start, end, _ in lab.backend.calls][-1] == pytest.approx(20, abs=0.6)
    (status,) = lab.standing.statuses()
    assert (status.due, status.answered, status.skipped, status.failed) == (12, 12, 0, 0)
    assert (status.stamps_period_ns, status.is_behind) == (5_000_000_000, False)
    assert (status.coverage, status.covered_until_ns) == (1.0, stamp(60))


def test_all_that_are_due_on_a_camera_share_one_window_and_one_call() -> None:
    other = json.dumps({'query': OTHER, 'id': 'cup', 'period': 10, 'window': 12})
    lab = day(standing_queries=(QUESTION, other))
    lab.film(41)
    together = [len(prompts) for *_, prompts in lab.backend.calls]
    # The first window of each begins when it was set, so these two differ.
    assert together == [1, 1, 1, 1, 2, 1, 2, 1, 2]


def test_a_question_of_higher_priority_chooses_the_window() -> None:
    short = json.dumps({'query': QUESTION, 'window': 8, 'priority': 1})
    lab = day(standing_queries=(OTHER, short))
    lab.film(60)
    # The other is asked about the same window as long as no hole is left.
    assert {len(prompts) for *_, prompts in lab.backend.calls} == {2}


def test_tracks_keep_their_ids_as_windows_slide() -> None:
    lab = day(standing_queries=(TRACKING,))
    lab.film(90)
    assert len(lab.deliveries) > 10
    assert {track.id for item in lab.deliveries for track in item.answer.tracks} == {1}


def test_each_camera_counts_for_itself_and_the_total_is_of_all() -> None:
    lab = day(cameras=('front', 'rear'))
    lab.film(40)
    last = lab.deliveries[-1]
    (status,) = lab.standing.statuses()
    assert status.total == 2 * max(event.number for event in lab.events())
    assert {item.answer.camera for item in lab.deliveries} == {'front', 'rear'}
    totals = [event.total for event in lab.events()]
    assert totals == list(range(1, status.total + 1))
    assert last.request.id == 'standing-1'


def test_turns_that_pass_while_the_model_is_busy_are_left_out_and_the_window_goes_back() -> None:
    lab = day(standing_window_seconds=10.0)
    lab.film(40)
    lab.sleep(63)
    assert lab.work() == 1
    start, end, _ = lab.backend.calls[-1]
    assert end == 63.0 and start <= 40.0 - 4.5
    (status,) = lab.standing.statuses()
    assert (status.skipped, status.is_behind) == (3, True)
    assert (status.coverage, status.last_error) == (1.0, '')
    assert stamps(lab.events()) == [stamp(time) for time, *_ in GRASPS if time < 61.5]
    lab.film(70)
    assert not lab.standing.statuses()[0].is_behind


def test_what_the_buffer_lost_is_a_gap_with_its_reason() -> None:
    lab = day(buffer_seconds=30.0)
    lab.film(40)
    lab.sleep(100)
    lab.work()
    (course,) = lab.standing._entries['standing-1'].courses.values()
    (gap,) = course.stitcher.covered.gaps
    assert gap.start_ns == stamp(40) and stamp(70) <= gap.end_ns <= stamp(70.6)
    assert gap.reason == 'the model could not keep up'
    assert lab.standing.statuses()[0].coverage == pytest.approx(0.7, abs=0.01)
    before = len(lab.events())
    lab.film(120)
    event = lab.events()[before]
    assert event.covered == (gap.end_ns, stamp(event.covered[1] / 1e9 - 1_700_000_000))


def test_a_failed_turn_is_counted_and_its_time_asked_about_again() -> None:
    lab = day(standing_window_seconds=8.0)
    lab.film(30)
    lab.backend.errors = [RuntimeError('out of memory')]
    lab.film(35)
    (status,) = lab.standing.statuses()
    assert (status.failed, status.last_error) == (1, 'RuntimeError: out of memory')
    lab.film(50)
    (status,) = lab.standing.statuses()
    assert (status.failed, status.last_error, status.coverage) == (1, '', 1.0)
    assert stamps(lab.events()) == [stamp(time) for time, *_ in GRASPS if time <= 48.5]


def test_time_that_jumps_back_loses_no_event_and_numbers_go_on() -> None:
    lab = day()
    lab.film(49.5)
    lab.buffer.clear('time jumped back')
    lab.now = -0.25
    lab.film(30)
    events = lab.events()
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    first = [time for time, *_ in GRASPS if time <= 45]
    again = [time for time, *_ in GRASPS if time <= 28.5]
    assert stamps(events) == [stamp(time) for time in [*first, *again]]


def test_broken_images_at_the_end_are_no_jump_of_time() -> None:
    lab = day()
    lab.film(19.75)
    for _ in range(10):
        lab.now += 0.25
        lab.buffer.push(stamp(lab.now), RawImage(8, 6, 'rgb8', 24, b'cut'), 'optical')
    lab.work()
    assert lab.buffer.span()[1] == stamp(19.75)
    lab.film(40)
    events = lab.events()
    # The one of 20 s lies in the frame before the broken ones.
    assert stamps(events) == [stamp(time) for time in (6, 13, 19.5, 27, 34)]
    assert [event.number for event in events] == [1, 2, 3, 4, 5]


def test_setting_it_again_keeps_events_unless_it_asks_something_else() -> None:
    lab = day(standing_queries=())
    assert lab.standing.set(StandingRequest(QUESTION, id='grasps')) == 'grasps'
    lab.film(30)
    lab.standing.set(StandingRequest(f' {QUESTION}', id='grasps', period_ns=10_000_000_000))
    (status,) = lab.standing.statuses()
    assert status.total == 4 and status.request.period_ns == 10_000_000_000
    calls = len(lab.backend.calls)
    lab.film(60)
    assert len(lab.backend.calls) - calls == 3
    lab.standing.set(StandingRequest(QUESTION, Task.POINT, id='grasps'))
    (status,) = lab.standing.statuses()
    assert (status.total, status.due, status.covered_until_ns) == (0, 0, stamp(60))


def test_another_period_is_taken_up_at_once() -> None:
    lab = day(standing_queries=())
    lab.standing.set(StandingRequest(QUESTION, id='it', period_ns=3_600_000_000_000))
    lab.film(30)
    ends = [end for _, end, _ in lab.backend.calls]
    assert ends[0] <= 20.25 and len(ends) <= 2
    lab.standing.set(StandingRequest(QUESTION, id='it', period_ns=2_000_000_000))
    lab.film(40)
    assert [end for _, end, _ in lab.backend.calls][-4:] == [34.0, 36.0, 38.0, 40.0]


def test_a_removed_question_is_asked_no_more_even_if_it_is_being_answered() -> None:
    lab = day()
    lab.sleep(20)
    due = lab.standing.next_pass()
    lab.standing.remove('standing-1')
    lab.standing.deliver(due, run_pass(lab.grounder, due))
    assert lab.deliveries == []
    lab.film(40)
    assert len(lab.backend.calls) == 1
    with pytest.raises(UnknownStanding, match="unknown standing question 'standing-1'"):
        lab.standing.remove('standing-1')


def test_an_id_is_made_where_there_is_none() -> None:
    lab = day(standing_queries=(QUESTION, TRACKING))
    assert lab.standing.set(StandingRequest('Where is the cup?')) == 'standing-3'
    lab.standing.remove('standing-1')
    assert lab.standing.set(StandingRequest('Where is the cup?')) == 'standing-4'
    assert [item.request.id for item in lab.standing.statuses()] == [
        'standing-2',
        'standing-3',
        'standing-4',
    ]


@pytest.mark.parametrize(
    ('request_', 'error', 'words'),
    [
        pytest.param(StandingRequest(''), BadQuestion, 'empty', id='no text'),
        pytest.param(StandingRequest('x' * 4001), BadQuestion, '4001', id='too long a text'),
        pytest.param(
            StandingRequest('x', cameras=('top',)), BadStanding, "'top'", id='unknown camera'
        ),
        pytest.param(
            StandingRequest('x', cameras=('front', 'front')), BadStanding, 'twice', id='twice'
        ),
        pytest.param(StandingRequest('x', period_ns=1), BadStanding, 'period', id='short period'),
        pytest.param(StandingRequest('x', period_ns=-1), BadStanding, 'period', id='below zero'),
        pytest.param(
            StandingRequest('x', window_ns=31 * 10**9), BadStanding, '31 s', id='over the buffer'
        ),
        pytest.param(StandingRequest('x', id='y' * 101), BadStanding, 'yyy', id='too long an id'),
        pytest.param(
            StandingRequest('What happens in the video?'), BadStanding, 'words', id='a text'
        ),
        pytest.param(StandingRequest('x', priority=2**40), BadStanding, str(2**40), id='priority'),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_value(request_, error, words) -> None:
    lab = day()
    with pytest.raises(error, match=words):
        lab.standing.set(request_)
    assert len(lab.standing.statuses()) == 1


def test_no_more_than_the_limit_are_taken() -> None:
    lab = day(standing_limit=2)
    lab.standing.set(StandingRequest('Where is x?'))
    with pytest.raises(BadStanding, match='standing_limit = 2'):
        lab.standing.set(StandingRequest('Where is y?'))
    lab.standing.set(StandingRequest('Where is y?', id='standing-2'))


def test_a_bad_entry_of_the_setting_is_named() -> None:
    with pytest.raises(BadSetting, match='standing_queries, entry 2'):
        day(standing_queries=(QUESTION, '{"query": 3}'))


def test_nothing_is_asked_without_images_nor_before_a_period_has_passed() -> None:
    lab = day()
    assert lab.work() == 0
    lab.film(4.75)
    assert lab.backend.calls == []


def test_cameras_may_come_and_go() -> None:
    lab = day(cameras=('front', 'rear'))
    rear = lab.buffers.pop('rear')
    lab.standing.set_buffers(lab.buffers)
    lab.film(20)
    lab.buffers['rear'] = rear
    lab.standing.set_buffers(lab.buffers)
    lab.film(40)
    cameras = {delivery.answer.camera for delivery in lab.deliveries}
    assert cameras == {'front', 'rear'}


def test_a_listener_that_fails_costs_nothing_but_its_message() -> None:
    lab = day()

    def fail(_) -> None:
        raise RuntimeError('no publisher')

    lab.outlet.deliver = fail
    lab.film(30)
    assert lab.standing.statuses()[0].answered == 6


def test_an_event_counts_once_more_than_half_of_the_windows_that_show_it_have_it() -> None:
    lab = day(standing_agreement=0.5)
    lab.film(15)
    # The windows that end at 10 and at 15 s; 4 will show it.
    assert lab.events() == []
    lab.film(20)
    assert stamps(lab.events()) == [stamp(6)]
    assert lab.events()[0].doubts == ()


def test_what_one_window_imagines_is_dropped_and_counted() -> None:
    lab = day(standing_agreement=0.5)
    lab.film(29)
    lab.backend.events = sorted([*GRASPS, (15.0, 0.8, 0.8), (16.0, 0.6, 0.1)])
    lab.film(30)
    lab.backend.events = sorted([*GRASPS, (16.0, 0.6, 0.1)])
    lab.film(35)
    lab.backend.events = GRASPS
    lab.film(80)
    times = [time for time, *_ in GRASPS if time < 65]
    assert stamps(lab.events())[: len(times)] == [stamp(time) for time in times]
    assert lab.standing.statuses()[0].dropped == 2


def test_windows_that_are_longer_for_another_question_must_agree_too() -> None:
    longer = json.dumps({'query': OTHER, 'window': 30})
    lab = day(standing_queries=(QUESTION, longer), standing_agreement=0.5)
    lab.film(45)
    before = len(lab.events())
    # Six windows show this moment; three of them are not more than half.
    lab.backend.events = sorted([*GRASPS, (43.0, 0.8, 0.8)])
    lab.film(55)
    lab.backend.events = GRASPS
    lab.film(120)
    assert stamp(43) not in stamps(lab.events()[before:])


def test_where_fewer_windows_show_an_event_fewer_must_have_it() -> None:
    lab = day(standing_agreement=0.5, buffer_seconds=20.0)
    lab.film(30)
    # The window that ends at 55 s begins at 35 s, and alone shows what happened at 41 s.
    lab.sleep(55)
    lab.work()
    lab.sleep(100)
    lab.work()
    lab.film(130)
    assert {stamp(41), stamp(48)} <= set(stamps(lab.events()))


def test_what_is_doubtful_about_an_event_is_said() -> None:
    lab = day()
    lab.film(24)
    # What happened at 8 s was in no answer so far.
    lab.backend.events = sorted([*GRASPS, (8.0, 0.7, 0.9), (8.0, 0.7 + 0.095, 0.9)])
    lab.film(25)
    late = lab.events()[2:]
    assert [event.number for event in late] == [3, 4, 5]
    assert stamps(late) == [stamp(8), stamp(8), stamp(20)]
    assert [event.doubts for event in late] == [('unconfirmed',), ('unconfirmed',), ()]


def test_events_of_a_window_that_begins_with_them_may_be_the_same_as_others() -> None:
    cup = (0.5, 0.5)
    lab = day()
    # The model points at an object wherever a window begins, though it was there before.
    lab.backend.answer = lambda clip: format_count([(clip.seconds[0], 1, *cup)], 'cup')
    lab.film(40)
    doubts = {doubt for event in lab.events() for doubt in event.doubts}
    assert 'may be the same as another (event 1)' in doubts


def test_a_window_that_was_lost_since_is_asked_about_later(monkeypatch) -> None:
    lab = day()
    lab.sleep(20)

    def fail(*_) -> None:
        raise NoFrames('front', 'it was cleared')

    monkeypatch.setattr(type(lab.buffer), 'pin', fail)
    assert lab.standing.next_pass() is None
    monkeypatch.undo()
    assert lab.work() == 1
    assert lab.standing.statuses()[0].skipped == 0


def test_events_have_the_positions_of_their_points() -> None:
    lab = day()
    place = Position(PositionStatus.OK, 1.0, 2.0, 3.0, 0.01, '', 'base_link')

    def placed(answer: Answer) -> Answer:
        points = tuple(replace(point, position=place) for point in answer.points)
        return replace(answer, points=points)

    lab.outlet.place = placed
    lab.film(30)
    assert {event.point.position for event in lab.events()} == {place}
    assert [window.camera for window in lab.outlet.held] == ['front'] * 6


def test_an_answer_that_cannot_be_placed_comes_without_positions() -> None:
    lab = day()

    def fail(_) -> None:
        raise RuntimeError('no transforms')

    lab.outlet.place = fail
    lab.film(30)
    assert len(lab.events()) == 4 and lab.events()[0].point.position is None


def test_an_answer_that_cannot_be_joined_is_a_failure() -> None:
    lab = day()
    lab.sleep(20)
    due = lab.standing.next_pass()
    outcomes = run_pass(lab.grounder, due)
    lab.standing.deliver(due, outcomes)
    lab.standing.deliver(due, outcomes)
    (status,) = lab.standing.statuses()
    assert (status.answered, status.failed) == (1, 1)
    assert 'does not begin after the window before it' in status.last_error


@pytest.mark.parametrize(
    ('outcome', 'failed'),
    [(BackendError('no memory'), 1), pytest.param(ShuttingDown(), 0, id='the node ends')],
)
def test_only_failures_of_the_model_count(outcome, failed) -> None:
    lab = day()
    lab.sleep(20)
    due = lab.standing.next_pass()
    lab.standing.deliver(due, [outcome])
    assert lab.standing.statuses()[0].failed == failed
