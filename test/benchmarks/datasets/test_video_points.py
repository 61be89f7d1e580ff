# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Molmo2-VideoPoint, -VideoPointEval and -VideoCountEval: what a row means, and which is none."""

import math

import numpy as np
import pytest
from support.dataset_records import (
    HEIGHT,
    WIDTH,
    counteval,
    point,
    pointeval,
    read_all,
    rle,
    square,
    write_lines,
    write_parquet,
)

from molmo_ground_ros.benchmarks.datasets.examples import CountTruth, Media, PointTruth
from molmo_ground_ros.types import Task


def one(folder, name, record):
    """The example of a record, by both kinds of file."""
    write_parquet(folder / 'p' / 'data' / 'val-00000-of-00001.parquet', [record])
    write_lines(folder / 'j' / 'val.jsonl', [record])
    (packed,), faults = read_all(name, folder / 'p')
    (written,), more = read_all(name, folder / 'j')
    assert not faults and not more
    for example in (packed, written):
        assert example.row == 1
        assert example.file.startswith(str(folder))
    assert packed.truth == written.truth
    assert (packed.id, packed.query, packed.media) == (written.id, written.query, written.media)
    return packed


def test_points_of_evaluation_are_pixels_and_masks_lie_on_the_half_second_grid(tmp_path):
    example = one(tmp_path, 'videopointeval', pointeval())

    assert example.query == 'How many "red cup" are there in the video?'
    assert (example.task, example.label, example.id) == (Task.POINT, 'red cup', 'a_red cup')
    assert (example.width, example.height, example.duration_s) == (WIDTH, HEIGHT, 9.97)
    assert example.media == Media('a', 'youtube')
    assert isinstance(example.truth, PointTruth)
    first, second = example.truth.objects
    assert first.points == ((1.5, 8.0, 10.0),)
    assert second.points == ((4.0, 40.5, 20.25),)
    assert list(first.masks) == [1.0, 1.5, 2.0]
    assert np.array_equal(second.masks[4.0].array(), square(36, 16))
    assert example.truth.count == 2


def test_a_video_without_any_object_is_an_example(tmp_path):
    record = pointeval(points=[], two_fps_timestamps=[], masks=[])

    (example,), faults = read_all('videopointeval', write_lines(tmp_path / 'a.jsonl', [record]))

    assert not faults
    assert example.truth == PointTruth((), 0)


def test_count_of_evaluation_is_of_its_clip_and_asked_in_its_own_words(tmp_path):
    example = one(tmp_path, 'allenai/Molmo2-VideoCountEval', counteval())

    assert example.query == 'How many goats jump?'
    assert (example.task, example.category, example.id) == (Task.COUNT, 'animal', 'a_goat')
    assert example.truth == CountTruth(3)
    assert example.media == Media('a', 'MammalNet', 10.0, 40.5)
    assert example.duration_s == 30.5


def test_count_without_a_clip_is_of_the_whole_video(tmp_path):
    record = counteval(clip_start=None, clip_end=None)

    example = one(tmp_path, 'videocounteval', record)

    assert example.media == Media('a', 'MammalNet')
    assert example.duration_s == 120.25


def test_points_of_training_stay_percentages_where_no_size_is_told(tmp_path):
    example = one(tmp_path, 'videopoint', point())

    assert example.query == 'How many cups are there?'
    assert example.category == 'object'
    assert (example.width, example.height) == (100, 100)
    assert [tubelet.points for tubelet in example.truth.objects] == [
        ((1.0, 25.0, 50.0),),
        ((1.0, 10.0, 20.0),),
        ((10.5, 100.0, 0.0),),
    ]
    assert example.truth.count == 3
    assert example.media == Media('a', 'youtube', 20.0, 60.0)
    assert example.duration_s == 40.0


def test_points_of_training_are_pixels_where_a_size_is_told(tmp_path):
    example = one(tmp_path, 'videopoint', point(width=200, height=50))

    assert example.truth.objects[0].points == ((1.0, 50.0, 25.0),)


def test_a_short_video_is_its_own_clip(tmp_path):
    example = one(tmp_path, 'videopoint', point(video_duration=63.0))

    assert example.media == Media('a', 'youtube', 0.0, None)
    assert example.truth.objects[0].points == ((21.0, 25.0, 50.0),)


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        pytest.param({'width': None}, r'width = None: is no number', id='null'),
        pytest.param({'width': 'wide'}, r"width = 'wide': is no number", id='wrong type'),
        pytest.param({'width': 64.5}, r'width = 64\.5: is not whole', id='half a pixel'),
        pytest.param({'width': 10**30}, r'width = 1000.* is not in 1 to', id='huge'),
        pytest.param({'width': 2**20, 'height': 2**20}, r'width x height', id='huge together'),
        pytest.param({'width': True}, r'width = True', id='a boolean'),
        pytest.param({'height': 0}, r'height = 0: is not in 1 to', id='no height'),
        pytest.param(
            {'width': WIDTH + 1}, r"another size than the record's 65 x 48", id='mask size'
        ),
        pytest.param({'video_duration': 0.0}, r'video_duration = 0.*empty video', id='empty video'),
        pytest.param({'video_duration': math.nan}, r'nan: is not finite', id='NaN'),
        pytest.param({'video_duration': math.inf}, r'inf: is not finite', id='inf'),
        pytest.param(
            {'two_fps_timestamps': [-0.5, 4.0]}, r'two_fps_timestamps\[0\] = -0\.5', id='t<0'
        ),
        pytest.param(
            {'two_fps_timestamps': [1.5, 11.0]}, r'\[1\] = 11\.0: is not in 0 to', id='t off'
        ),
        pytest.param({'two_fps_timestamps': [1.5]}, r'\[1, 2, 2\]: differ in length', id='lengths'),
        pytest.param({'points': [{'x': 1.0}] * 2}, r'points\[0\]\.y = .*missing', id='no y'),
        pytest.param({'points': [{'x': 1.0, 'y': math.nan}] * 2}, r'points\[0\]\.y', id='y NaN'),
        pytest.param({'points': [{'x': 1e9, 'y': 1.0}] * 2}, r'points\[0\]\.x', id='x far off'),
        pytest.param({'points': 'none'}, r"points = 'none': is no list", id='points no list'),
        pytest.param(
            {'masks': [[], [{'frame_id': -1, 'rle': rle()}]]}, r'frame_id = -1', id='frame<0'
        ),
        pytest.param(
            {'masks': [[], [{'frame_id': 99, 'rle': rle()}]]}, r'frame_id = 99', id='frame off'
        ),
        pytest.param(
            {'masks': [[], [{'rle': rle()}]]}, r'masks\[1\]\[0\]\.frame_id', id='no frame'
        ),
        pytest.param(
            {'masks': [[], [{'frame_id': 8, 'rle': {'size': [HEIGHT, WIDTH], 'counts': 'abc'}}]]},
            r'are no runs of 48 x 64 pixels',
            id='damaged mask',
        ),
        pytest.param({'label': ' '}, r"label = ' ': is no text", id='no label'),
        pytest.param({'label': 'cup\ud800'}, r'is no UTF-8', id='half a character'),
    ],
)
def test_a_broken_record_is_named_and_the_others_are_read(tmp_path, changed, message):
    records = [pointeval('a'), pointeval('b', **changed), pointeval('c')]
    path = write_lines(tmp_path / 'val.jsonl', records)

    examples, (fault,) = read_all('videopointeval', tmp_path)

    assert [example.media.name for example in examples] == ['a', 'c']
    assert (fault.file, fault.row) == (str(path), 2)
    with pytest.raises(type(fault), match=message):
        raise fault


@pytest.mark.parametrize('column', [column for column in pointeval() if column != 'video_source'])
def test_a_missing_column_is_named(tmp_path, column):
    record = pointeval()
    del record[column]
    write_parquet(tmp_path / 'val.parquet', [record])

    examples, (fault,) = read_all('videopointeval', tmp_path)

    assert not examples
    assert fault.row == 1
    assert f'{column} = ' in fault.why and 'is missing' in fault.why


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        pytest.param({'count': -1}, 'count = -1', id='count below none'),
        pytest.param({'count': None}, 'count = None', id='no count'),
        pytest.param({'count': 10**12}, 'count = 1000000000000', id='huge count'),
        pytest.param({'clip_end': None}, 'clip_end = None', id='half a clip'),
        pytest.param({'clip_end': 10.0}, 'is an empty clip', id='empty clip'),
        pytest.param({'clip_end': 200.0}, 'clip_end = 200.0: is not in 0 to', id='clip off video'),
        pytest.param({'clip_start': -1.0}, 'clip_start = -1.0', id='clip before video'),
        pytest.param({'question': None}, 'question = None: is no text', id='no question'),
        pytest.param({'video_id': 5.5}, 'video_id = 5.5: is no text', id='id no text'),
    ],
)
def test_a_broken_count_is_named(tmp_path, changed, message):
    write_lines(tmp_path / 'val.jsonl', [counteval(**changed), counteval('b')])

    examples, (fault,) = read_all('videocounteval', tmp_path)

    assert len(examples) == 1
    assert fault.row == 1
    assert message in fault.why


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        pytest.param({'clip_start': None, 'clip_end': None}, 'no clip is told', id='long, no clip'),
        pytest.param({'clip_end': 84.0}, 'is longer than 63 s', id='long clip'),
        pytest.param({'two_fps_timestamps': [21.0, 30.2]}, 'is not on the grid', id='off the grid'),
        pytest.param({'two_fps_timestamps': [19.5, 30.5]}, 'is not in the clip', id='before clip'),
        pytest.param({'two_fps_timestamps': [21.0, 60.5]}, 'is not in the clip', id='after clip'),
        pytest.param({'points': [[{'x': 1e6, 'y': 0.0}], []]}, 'points[0][0].x', id='far off'),
        pytest.param({'points': [[None], []]}, 'points[0][0] = None: is no list', id='no point'),
    ],
)
def test_a_broken_row_of_training_is_named(tmp_path, changed, message):
    write_lines(tmp_path / 'train.jsonl', [point(**changed), point('b')])

    examples, (fault,) = read_all('videopoint', tmp_path)

    assert len(examples) == 1
    assert fault.row == 1
    assert message in fault.why


def test_rows_of_one_video_and_label_are_told_apart_and_the_same_row_twice_is_not_read(tmp_path):
    records = [counteval(), counteval(clip_start=20.0), counteval(), counteval(count=4)]
    write_lines(tmp_path / 'val.jsonl', records)

    examples, (fault,) = read_all('videocounteval', tmp_path)

    assert [example.id for example in examples] == ['a_goat', 'a_goat#2', 'a_goat#3']
    assert fault.row == 3
    assert 'the same as one before' in fault.why
