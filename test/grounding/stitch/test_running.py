# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers that come for days are joined as those of a recording, in constant memory."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator

import numpy as np
import pytest
from support.clips import SECOND, ZERO_NS
from support.recordings import CAMERA, HEIGHT, QUESTION, WIDTH, make_answer

from molmo_ground_ros.errors import BadArgument, BadSpan
from molmo_ground_ros.grounding.stitch import Event, Finding, Mark, RunningStitcher, Stitcher
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.types import Answer, Point, Query, Track

ASKED = question_of(Query(QUESTION))


def running() -> RunningStitcher:
    return RunningStitcher(CAMERA, ASKED)


def at(seconds: float) -> int:
    return ZERO_NS + round(seconds * SECOND)


def point(seconds: float, x: float, y: float, number: int = 1) -> Point:
    """x and y as shares of the image."""
    return Point(at(seconds), number, x * WIDTH, y * HEIGHT, 0.5, 'optical')


def window(begin: float, end: float, *spots: tuple[float, float, float], **other) -> Answer:
    points = [point(*spot, number) for number, spot in enumerate(spots, start=1)]
    return make_answer((at(begin), at(end)), points, **other)


def random_answers(seed: int, count: int = 60) -> Iterator[Answer]:
    """Windows of any length and stride, with points and tracks of a model that errs a lot."""
    chance = np.random.default_rng(seed)
    begin = 0.0
    places = chance.random((4, 2))
    for _ in range(count):
        begin += chance.choice([0.5, 1.0, 5.0, 20.0, 70.0], p=[0.2, 0.2, 0.4, 0.15, 0.05])
        end = begin + float(chance.choice([1.0, 10.0, 30.0, 63.0]))
        yield make_answer(
            (at(begin), at(end)),
            list(_points(chance, begin, end, places)),
            list(_tracks(chance, begin, end, places)),
            truncated=bool(chance.random() < 0.1),
            refused=bool(chance.random() < 0.1),
        )


def _points(chance, begin, end, places) -> Iterator[Point]:
    """Events happen every 3 s, in turn at each place. Some points have the id of another."""
    for number in range(int(begin // 3) + 1, int(end // 3) + 1):
        if chance.random() < 0.8:
            x, y = places[number % len(places)] + chance.normal(0, 0.02, 2)
            time = min(max(number * 3 + chance.integers(-1, 2) / 2, begin), end)
            yield point(time, x, y, number - int(chance.random() < 0.1))


def _tracks(chance, begin, end, places) -> Iterator[Track]:
    for number, place in enumerate(places, start=1):
        if chance.random() < 0.7:
            first = chance.uniform(begin, end) if chance.random() < 0.3 else begin
            times = np.arange(np.ceil(first * 2), np.floor(end * 2) + 1) / 2
            spots = place + chance.normal(0, 0.01, (len(times), 2))
            points = tuple(point(t, *spot, number) for t, spot in zip(times, spots, strict=True))
            if points:
                yield Track(number, 'cup', points)


def sightings(event: Event) -> set[tuple[int, int, int]]:
    members = (event.sighting, *event.duplicates)
    return {(one.window, one.point.stamp_ns, one.point.id) for one in members}


def assert_same_events(handed_out: list[Event], finding: Finding) -> None:
    """Each event that was handed out is a part of one event of the finding, and no two of one."""
    owner = {key: event.id for event in finding.events for key in sightings(event)}
    owners = [{owner[key] for key in sightings(event)} for event in handed_out]
    assert all(len(numbers) == 1 for numbers in owners)
    assert sorted(number for numbers in owners for number in numbers) == [
        event.id for event in finding.events
    ]
    assert [event.id for event in handed_out] == list(range(1, finding.count + 1))


@pytest.mark.parametrize('seed', range(12))
def test_events_objects_and_counts_are_those_of_all_windows_together(seed: int) -> None:
    bounded, unbounded = running(), Stitcher(CAMERA, ASKED)
    events: list[Event] = []
    number_of: dict[tuple[int, int], int] = {}
    for index, answer in enumerate(random_answers(seed)):
        events += bounded.add(answer)
        unbounded.add(answer)
        for old, new in zip(answer.tracks, bounded.with_ids(answer).tracks, strict=True):
            number_of[index, old.id] = new.id
            assert {one.id for one in new.points} == {new.id}
    finding = unbounded.result()
    assert finding.count > 50 and len(finding.tracks) > 4
    early = len(events)
    events += bounded.restart()
    assert_same_events(events, finding)
    # Those of the last window at most, where its answer was cut off or refused.
    assert finding.count - early < 22
    assert bounded.count == finding.count
    trajectory_of = {
        (one.window, one.point.id): path.id
        for path in finding.tracks
        for one in (*path.points, *path.duplicates)
    }
    assert number_of.keys() == trajectory_of.keys()
    pairs = {(number_of[key], trajectory_of[key]) for key in number_of}
    assert len(pairs) == len(finding.tracks) == bounded.tracked


@pytest.mark.parametrize('seed', range(4))
def test_gaps_are_those_of_all_windows_together(seed: int) -> None:
    bounded, unbounded = running(), Stitcher(CAMERA, ASKED)
    for answer in random_answers(seed):
        bounded.add(answer)
        unbounded.add(answer)
    finding = unbounded.result()
    ours = [(gap.start_ns, gap.end_ns, gap.reason) for gap in bounded.covered.gaps]
    theirs = [(gap.start_ns, gap.end_ns, gap.reason) for gap in finding.gaps]
    # The finding also has the time after the last answer.
    assert ours == theirs[: len(ours)] and len(theirs) - len(ours) <= 1


@pytest.mark.parametrize('seed', range(4))
def test_going_on_from_its_state_changes_nothing(seed: int) -> None:
    through, resumed = running(), running()
    for answer in random_answers(seed):
        state = json.loads(json.dumps(resumed.state()))
        resumed = RunningStitcher.restored(CAMERA, ASKED, state)
        ours, theirs = resumed.add(answer), through.add(answer)
        assert [(e.id, e.sighting, e.duplicates, e.marks, e.missed_by) for e in ours] == [
            (e.id, e.sighting, e.duplicates, e.marks, e.missed_by) for e in theirs
        ]
        assert resumed.with_ids(answer) == through.with_ids(answer)
    assert json.dumps(resumed.state()) == json.dumps(through.state())
    assert resumed.covered.share == through.covered.share


def days(count: int) -> Iterator[Answer]:
    """Windows every 5 s: an event each 3 s, a point that never ends, two objects that are near."""
    for number in range(count):
        begin, end = 5 * number, 5 * number + 20
        events = [(t, 0.1 + 0.2 * (t // 3 % 4), 0.2) for t in range(begin, end) if t % 3 == 0]
        points = [point(*spot, identity) for identity, spot in enumerate(events, start=1)]
        points += [point(t, 0.9, 0.9, 100) for t in range(begin, end)]
        steps = range(begin, end + 1)
        tracks = [
            Track(identity, 'cup', tuple(point(t, x, 0.5, identity) for t in steps))
            for identity, x in ((1, 0.5), (2, 0.51))
        ]
        # The third object is a new one each minute.
        if number % 12 < 4:
            x = number // 12 % 9 / 10
            tracks.append(Track(3, 'ball', tuple(point(t, x, 0.8, 3) for t in steps)))
        yield make_answer((at(begin), at(end)), points, tracks)


def test_state_does_not_grow_over_thousands_of_windows() -> None:
    stitcher = running()
    sizes: list[tuple[int, int]] = []
    for number, answer in enumerate(days(2000)):
        stitcher.add(answer)
        # The two cups, 1 % apart, keep their ids for hours; the first ball was the first object.
        assert [track.id for track in stitcher.with_ids(answer).tracks][:2] == [2, 3]
        if number % 100 == 99:
            # Pickle follows every reference, JSON is what a state file holds.
            sizes.append((len(pickle.dumps(stitcher)), len(json.dumps(stitcher.state()))))
    assert stitcher.count > 3300 and stitcher.tracked > 150
    early, late = sizes[1:10], sizes[-9:]
    for kind in (0, 1):
        assert max(size[kind] for size in late) < 1.1 * max(size[kind] for size in early)
    assert max(size[1] for size in sizes) < 300_000


def test_an_event_away_from_the_edge_is_handed_out_at_once_and_once() -> None:
    stitcher = running()
    (event,) = stitcher.add(window(0, 20, (10, 0.3, 0.3)))
    assert (event.id, event.point.stamp_ns, event.marks) == (1, at(10), ())
    assert stitcher.add(window(5, 25, (10, 0.3, 0.3))) == ()
    assert stitcher.count == 1


def test_an_event_at_the_edge_waits_for_the_window_that_shows_what_followed() -> None:
    stitcher = running()
    assert stitcher.add(window(0, 20, (19, 0.3, 0.3))) == ()
    assert stitcher.count == 0
    (event,) = stitcher.add(window(5, 25, (19.5, 0.31, 0.3)))
    # The deeper of the two sightings stands for it.
    assert (event.id, event.point.stamp_ns) == (1, at(19.5))


def test_an_event_at_an_edge_that_no_window_goes_on_from_is_handed_out_with_the_next() -> None:
    stitcher = running()
    assert stitcher.add(window(0, 20, (20, 0.3, 0.3))) == ()
    (event,) = stitcher.add(window(60, 80), 'the camera was off')
    assert event.marks == (Mark.AT_EDGE,)
    (gap,) = stitcher.covered.gaps
    assert (gap.start_ns, gap.end_ns, gap.reason) == (at(20), at(60), 'the camera was off')


def test_an_event_that_was_overlooked_gets_the_next_number() -> None:
    stitcher = running()
    (first,) = stitcher.add(window(0, 20, (15, 0.3, 0.3)))
    (second,) = stitcher.add(window(5, 25, (10, 0.7, 0.7), (15, 0.3, 0.3)))
    assert [(e.id, e.point.stamp_ns) for e in (first, second)] == [(1, at(15)), (2, at(10))]
    assert second.marks == (Mark.UNCONFIRMED,)


def test_time_that_jumps_back_joins_nothing_and_numbers_go_on() -> None:
    stitcher = running()
    stitcher.add(window(100, 120, (110, 0.3, 0.3), (119.5, 0.6, 0.6)))
    (left,) = stitcher.restart()
    assert (left.id, left.point.stamp_ns) == (2, at(119.5))
    (again,) = stitcher.add(window(100, 120, (110, 0.3, 0.3)))
    assert again.id == 3
    assert stitcher.covered.share == 1.0
    assert stitcher.covered.span_at(at(110)) == (at(100), at(120))


def test_windows_out_of_order_and_answers_of_others_are_refused() -> None:
    stitcher = running()
    stitcher.add(window(10, 20))
    with pytest.raises(BadSpan, match='does not begin after'):
        stitcher.add(window(10, 30))
    with pytest.raises(BadArgument, match='camera'):
        RunningStitcher('rear', ASKED).add(window(10, 20))
    assert stitcher.count == 0


@pytest.mark.parametrize(
    'damage',
    [
        pytest.param(lambda state: state.pop('events'), id='a part is missing'),
        pytest.param(lambda state: state.update(index='3'), id='a text for a number'),
        pytest.param(lambda state: state['windows'].pop(), id='a window is missing'),
        pytest.param(lambda state: state['windows'][0].update(state='odd'), id='an unknown state'),
        pytest.param(lambda state: state['windows'][0].pop('end_ns'), id='a window without end'),
        pytest.param(
            lambda state: state['events']['recent'][0].update(sightings=[]), id='no sightings'
        ),
        pytest.param(
            lambda state: state['events']['recent'][0].update(places=[[1, 2]]), id='too few places'
        ),
        pytest.param(lambda state: state.update(covered=[]), id='a list for an object'),
    ],
)
def test_damaged_state_is_refused(damage) -> None:
    stitcher = running()
    stitcher.add(window(0, 20, (10, 0.3, 0.3)))
    stitcher.add(window(5, 25, (10, 0.3, 0.3)))
    state = json.loads(json.dumps(stitcher.state()))
    damage(state)
    with pytest.raises((ValueError, TypeError, LookupError)):
        RunningStitcher.restored(CAMERA, ASKED, state)
