# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Confirmed answers become records that the released loaders accept and that say the same."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ground_ros.benchmarks.feedback.labels import (
    LabelRow,
    QuestionKey,
    UnreadableRow,
    Verdict,
)
from molmo_ground_ros.benchmarks.feedback.training_data import convert
from molmo_ground_ros.language import grammar

S = 1_000_000_000
MS = 1_000_000
START = 1_700_000_000 * S
WIDTH, HEIGHT = 640, 480


def row(at, number=1, x=64.0, y=48.0, verdict=Verdict.RIGHT, window=(0, 20), **changed):
    """An event at `at` seconds; in a window of seconds."""
    question_key = QuestionKey(
        'run1', '/image', changed.pop('question', 0), changed.pop('kind', 'event')
    )
    label_row = LabelRow(
        question=question_key,
        query='How many times was the cup lifted?',
        task='count',
        stamp_ns=START + round(at * S),
        id=number,
        label='lift of the cup',
        x=x,
        y=y,
        width=WIDTH,
        height=HEIGHT,
        start_ns=START + round(window[0] * S),
        end_ns=START + round(window[1] * S),
        truncated=False,
        verdict=verdict,
    )
    return dataclasses.replace(label_row, **changed)


def track(at, number=1, **changed):
    return row(at, number, kind='track_point', query='Track the cup', task='track', **changed)


def test_record_of_points_has_the_released_columns_nesting_and_units():
    converted = convert([row(3, x=320, y=120), row(3, 2, x=64, y=48), row(10.5, 3, x=640, y=480)])
    (record,) = converted.points
    assert record == {
        'video_id': f'run1_image_{START}_{START + 20 * S}',
        'video_source': 'own',
        'video_duration': 20.0,
        'category': 'own',
        'label': 'lift of the cup',
        'question': 'How many times was the cup lifted?',
        'count': 3,
        'points': [[{'x': 10.0, 'y': 10.0}, {'x': 50.0, 'y': 25.0}], [{'x': 100.0, 'y': 100.0}]],
        'two_fps_timestamps': [3.0, 10.5],
        'raw_timestamps': [3.0, 10.5],
        'raw_frames': [6, 21],
        'clip_start': 0.0,
        'clip_end': 20.0,
        'annotator_unsure': False,
        'width': WIDTH,
        'height': HEIGHT,
    }
    assert not converted.tracks
    assert not converted.skipped


def test_record_of_tracks_has_the_released_columns_nesting_and_units():
    rows = [track(0, 2, window=(0, 2)), track(1, 2, x=65, window=(0, 2))]
    rows.append(track(0.5, 7, x=1, y=2, window=(0, 2)))
    (record,) = convert(rows).tracks
    name = f'run1_image_{START}_{START + 2 * S}'
    assert record == {
        'id': f'{name}_0',
        'video': name,
        'clip': name,
        'fps': 2,
        'start_frame': 0,
        'end_frame': 4,
        'video_dataset': 'own',
        'exp': 'lift of the cup',
        'w': WIDTH,
        'h': HEIGHT,
        'mask_id': ['2', '7'],
        'points': [
            {'object_id': '2', 'points': [[64.0, 48.0], None, [65, 48.0], None, None]},
            {'object_id': '7', 'points': [None, [1, 2], None, None, None]},
        ],
    }


def test_wrong_points_are_left_out_and_lower_the_count():
    (record,) = convert([row(3), row(4, 2, verdict=Verdict.WRONG)]).points
    assert (record['count'], record['two_fps_timestamps']) == (1, [3.0])


def test_all_points_wrong_is_a_record_that_says_there_are_none():
    rows = [row(3, verdict=Verdict.WRONG), track(4, verdict=Verdict.WRONG)]
    converted = convert(rows)
    (record,), (tracks,) = converted.points, converted.tracks
    assert (record['count'], record['points'], record['two_fps_timestamps']) == (0, [], [])
    assert record['label'] == 'lift of the cup'
    assert (tracks['mask_id'], tracks['points']) == ([], [])
    assert len(converted.clips) == 1


@pytest.mark.parametrize(
    ('rows', 'unreadable', 'why'),
    [
        pytest.param(
            [row(3), row(4, 2, verdict=Verdict.UNSEEN)], [], '1 of 2 points not looked at',
            id='one was not looked at',
        ),
        pytest.param([row(3, verdict=Verdict.UNSEEN)], [], '', id='none was looked at'),
        pytest.param(
            [row(3)],
            [UnreadableRow(row(3).question, START + 5 * S)],
            '1 of its rows could not be read',
            id='a row could not be read',
        ),
        pytest.param(
            [row(3, truncated=True)], [], 'the answer was cut off, so there may be more',
            id='the model did not come to an end',
        ),
        pytest.param(
            [row(3), row(4, 2, width=320)], [], 'the image changes its size', id='size changes'
        ),
    ],
)  # fmt: skip
def test_incomplete_answer_is_left_out_and_told(rows, unreadable, why):
    converted = convert(rows, unreadable)
    assert not converted.points
    assert not converted.clips
    assert [skipped_answer.why for skipped_answer in converted.skipped] == [why]


def test_a_neighbouring_window_that_was_cut_off_does_not_matter():
    converted = convert([row(3), row(18, 2, window=(15, 55), truncated=True)])
    assert [record['video_id'] for record in converted.points] == [
        f'run1_image_{START}_{START + 20 * S}'
    ]
    assert [skipped_answer.why for skipped_answer in converted.skipped] == [
        'the answer was cut off, so there may be more'
    ]


def test_torn_row_of_another_question_or_time_does_not_matter():
    unreadable = [
        UnreadableRow(row(3, question=1).question, START),
        UnreadableRow(row(3).question, START + 30 * S),
    ]
    assert len(convert([row(3)], unreadable).points) == 1


def test_windows_of_a_recording_are_clips_of_their_own():
    converted = convert([row(3), row(40, 2, window=(15, 55))])
    assert [record['two_fps_timestamps'] for record in converted.points] == [[3.0], [25.0]]
    assert [clip['start_ns'] for clip in converted.clips] == [START, START + 15 * S]


def test_event_in_the_overlap_is_in_both_clips_though_recorded_for_one():
    converted = convert([row(17), row(40, 2, window=(15, 55))])
    assert [record['two_fps_timestamps'] for record in converted.points] == [[17.0], [2.0, 25.0]]
    unseen = convert([row(17, verdict=Verdict.UNSEEN), row(40, 2, window=(15, 55))])
    assert not unseen.points
    assert [skipped_answer.why for skipped_answer in unseen.skipped] == [
        '',
        '1 of 2 points not looked at',
    ]


def test_questions_of_one_window_share_its_clip():
    converted = convert([row(3), row(4, question=1, query='How many cups?')])
    assert len(converted.points) == 2
    assert len({record['video_id'] for record in converted.points}) == len(converted.clips) == 1


def test_request_to_point_gets_the_question_that_asks_for_a_number():
    (record,) = convert([row(3, query='Point to the cup', task='point', label='cup')]).points
    assert record['question'] == 'How many "cup" are there in the video?'


def test_commonest_label_is_taken_else_the_question():
    labels = ['cup', 'mug', 'mug']
    (record,) = convert([row(k, k, label=label) for k, label in enumerate(labels, 1)]).points
    assert record['label'] == 'mug'
    (record,) = convert([row(3, label='')]).points
    assert record['label'] == 'How many times was the cup lifted?'


def test_grid_goes_through_the_stamps_and_the_newest_frame_to_the_nearest_time():
    converted = convert([row(0.3), row(10.31, 2), row(19.29, 3), row(19.99, 4)])
    (record,), (clip,) = converted.points, converted.clips
    assert clip['start_ns'] == START - 200 * MS  # the first grid time may be before the window
    assert record['two_fps_timestamps'] == [0.5, 10.5, 19.5, 20.0]
    assert clip['stamps'][-1] == {'frame': 40, 'stamp_ns': START + 19_990 * MS}


def test_newest_frame_next_to_a_grid_frame_does_not_displace_it():
    rows = [track(at, x=at, window=(0, 9.6)) for at in (0, 9.0, 9.5, 9.6)]
    converted = convert(rows)
    path = converted.tracks[0]['points'][0]['points']
    assert (path[0], path[18], path[19]) == ([0, 48.0], [9.0, 48.0], [9.5, 48.0])
    assert converted.clips[0]['stamps'][-1]['stamp_ns'] == START + 9_500 * MS


def test_clip_is_never_longer_than_the_loader_takes():
    converted = convert([row(0.4, window=(0, 63)), row(63, 2, window=(0, 63))])
    (record,) = converted.points
    assert record['video_duration'] <= 63


def test_names_are_safe_for_files_and_different():
    cameras = [row(3), *(dataclasses.replace(row(3), question=QuestionKey('a/b', name, 0, 'event'))
                         for name in ('/a/b', '/a-b'))]  # fmt: skip
    names = [record['video_id'] for record in convert(cameras).points]
    assert len(set(names)) == 3
    assert not any('/' in name for name in names)


places = st.tuples(
    st.integers(0, 126),  # grid time
    st.floats(0, WIDTH),
    st.floats(0, HEIGHT),
    st.sampled_from([Verdict.RIGHT, Verdict.WRONG]),
)


@settings(max_examples=150, deadline=None)
@given(
    found=st.lists(places, min_size=1, max_size=40),
    shift_ns=st.integers(0, 499 * MS),
    jitter_ns=st.integers(-40 * MS, 40 * MS),
)
def test_points_come_back_from_the_text_that_is_trained_on(found, shift_ns, jitter_ns):
    """Through the loader's checks and the answer it writes, to a parse: the points themselves."""
    rows = []
    for number, (slot, x, y, verdict) in enumerate(found, 1):
        ns = START + shift_ns + slot * S // 2 + (jitter_ns if number % 2 else 0)
        stamp = min(max(ns, START), START + 63 * S)
        rows.append(row(0, number, x, y, verdict, window=(0, 63), stamp_ns=stamp))
    converted = convert(rows)
    (record,), (clip,) = converted.points, converted.clips
    assert record['count'] == sum(labelled.verdict is Verdict.RIGHT for labelled in rows)
    assert_loads(record)
    spots = [
        (time, point['x'] / 100, point['y'] / 100)
        for time, points in zip(record['two_fps_timestamps'], record['points'], strict=True)
        for point in points
    ]
    text = grammar.format_count(grammar.number_points(spots), record['label'])
    parsed = grammar.parse(text)
    assert (parsed.count or 0, len(parsed.points)) == (record['count'], record['count'])
    expected = [
        (
            labelled.stamp_ns - clip['start_ns'],
            labelled.x / WIDTH,
            labelled.y / HEIGHT,
        )
        for labelled in rows
        if labelled.verdict is Verdict.RIGHT
    ]
    got = [(point.time, point.x, point.y) for point in parsed.points]
    for ns, x, y in expected:
        near = [
            spot
            for spot in got
            if abs(spot[0] - ns / S) <= 0.6 and max(abs(spot[1] - x), abs(spot[2] - y)) <= 0.000502
        ]
        assert near, (ns, x, y, got)
        got.remove(min(near, key=lambda spot: abs(spot[0] - ns / S)))


@settings(max_examples=100, deadline=None)
@given(
    cells=st.dictionaries(
        st.tuples(st.integers(1, 5), st.integers(0, 40)),
        st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT)),
        min_size=1,
        max_size=60,
    )
)
def test_tracks_come_back_from_the_text_that_is_trained_on(cells):
    rows = [track(slot / 2, number, x=x, y=y) for (number, slot), (x, y) in cells.items()]
    (record,) = convert(rows).tracks
    assert [path['object_id'] for path in record['points']] == record['mask_id']
    written = [
        (frame / record['fps'], int(path['object_id']),
         place[0] / record['w'], place[1] / record['h'])
        for path in record["points"]
        for frame, place in enumerate(path['points'])
        if place is not None
    ]  # fmt: skip
    parsed = grammar.parse(grammar.format_tracks(written, record['exp']))
    got = {(point.id, round(point.time * 2)): (point.x, point.y) for point in parsed.tracks}
    assert got.keys() == cells.keys()
    for key, (x, y) in cells.items():
        assert got[key] == pytest.approx((x / WIDTH, y / HEIGHT), abs=0.0005001)


def assert_loads(record):
    """What Molmo2VideoPoint.load asserts of a row (molmo2_datasets.py:861-905)."""
    start, end, duration = record['clip_start'], record['clip_end'], record['video_duration']
    times = record['two_fps_timestamps']
    assert 0 <= start < end <= duration <= 63
    assert all(time / 0.5 == int(time / 0.5) and start <= time <= end for time in times)
    assert times == sorted(set(times))
    assert len(times) == len(record['points']) == len(record['raw_timestamps'])
    assert all(record['points'])
