# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
import math
from dataclasses import replace

import pytest

from molmo_ground_ros.errors import BadRequest
from molmo_ground_ros.reports.agent_record import (
    MOST_TRACK_POINTS,
    answer_of_clip,
    moment_ns,
    point_entry,
    stamp_text,
)
from molmo_ground_ros.types import Answer, Point, Position, PositionStatus, Query, Task, Track

FIRST_NS = 1_763_805_600_123_456_789


def answer(tracks=()):
    """An answer about ten seconds."""
    return Answer(
        query=Query('How many?'), task=Task.COUNT, text='There are none.', count=0, label='',
        points=(), tracks=tracks, camera='front', start_ns=FIRST_NS, end_ns=FIRST_NS + 10**10,
        newest_ns=FIRST_NS + 10**10, frame_id='optical', image_width=640, image_height=480,
        frames_used=21, frames_expected=21, truncated=False, model='tiny',
    )  # fmt: skip


def test_stamp_survives_a_program_that_reads_numbers_as_floats():
    text = json.loads(json.dumps(stamp_text(FIRST_NS)))
    assert text == '1763805600.123456789'
    assert moment_ns(text, None, 0) == FIRST_NS


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('', 7),
        ('17', 17_000_000_000),
        ('17.5', 17_500_000_000),
        ('+0', FIRST_NS),
        ('+2.25', FIRST_NS + 2_250_000_000),
    ],
)
def test_moment_is_a_stamp_or_counts_from_the_first_image(text, expected):
    assert moment_ns(text, FIRST_NS, 7) == expected


@pytest.mark.parametrize('text', ['-1', '1e9', 'now', '1.1234567890', '++1', ' 1', '12345678901'])
def test_what_is_no_moment_is_named(text):
    with pytest.raises(BadRequest, match='neither a stamp'):
        moment_ns(text, FIRST_NS, 0)


def test_running_node_has_no_first_image():
    with pytest.raises(BadRequest, match='give stamps'):
        moment_ns('+3', None, 0)


def test_point_says_where_how_sure_and_why_there_is_no_place():
    plain = point_entry(Point(FIRST_NS, 2, 1.005, 2.5), FIRST_NS - 500_000_000)
    assert (plain['seconds'], plain['score'], plain['metres']) == (0.5, None, None)
    assert plain['pixel'] == {'x': 1.0, 'y': 2.5}
    assert plain['probability'] is None
    calibrated = Point(FIRST_NS, 2, 1, 2, 0.5, probability=0.75)
    assert point_entry(calibrated, 0)['probability'] == 0.75
    assert plain['no_metres'] == 'the camera has no depth'
    missing = Point(FIRST_NS, 2, 1, 2, 0.5, position=Position(PositionStatus.NO_DEPTH))
    assert point_entry(missing, 0)['no_metres'] == 'no depth'
    position = Position(PositionStatus.OK, 0.1, 0.2, 0.3, 0.004, frame_id='world')
    placed = point_entry(Point(FIRST_NS, 2, 1, 2, 0.5, position=position), 0)
    assert placed['metres'] == {'x': 0.1, 'y': 0.2, 'z': 0.3, 'spread': 0.004, 'frame': 'world'}
    assert 'no_metres' not in placed


def test_answer_tells_its_coverage_and_what_was_not_seen():
    whole = answer()
    length_ns = whole.end_ns - whole.start_ns
    assert answer_of_clip(whole, {})['coverage'] == 1.0
    half = replace(whole, unseen=((whole.start_ns + length_ns // 2, whole.end_ns),))
    record = answer_of_clip(half, {'recording': 'a.mcap'})
    assert record['coverage'] == pytest.approx(0.5)
    assert record['not_seen'] == [
        {'start': stamp_text(half.unseen[0][0]), 'end': stamp_text(whole.end_ns)}
    ]
    assert next(iter(record)) == 'recording'
    json.dumps(record, allow_nan=False)


def test_long_track_is_thinned_and_says_so():
    points = tuple(Point(n, 1, float(n), 0.0, math.nan) for n in range(1000))
    record = answer_of_clip(answer(tracks=(Track(1, 'cup', points),)), {})
    (track,) = record['tracks']
    assert len(track['points']) == MOST_TRACK_POINTS
    assert track['points_left_out'] == 1000 - MOST_TRACK_POINTS
    pixels = [point['pixel']['x'] for point in track['points']]
    assert pixels == sorted(set(pixels))
    assert (pixels[0], pixels[-1]) == (0.0, 999.0)
