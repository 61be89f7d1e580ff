# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from support.annotated import HEIGHT, WIDTH, square, video, write_lines

from molmo_ground_ros.benchmarks.conversions.points import first_appearance, pointing_record
from molmo_ground_ros.benchmarks.conversions.upsample import upsampled
from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.examples import Expression, MaskTrack
from molmo_ground_ros.errors import BadRecord
from molmo_ground_ros.frames.masks import mask_of


def track(frames):
    return MaskTrack(1, 'x', {k: mask_of(square(k, 1)) for k in frames})


@pytest.mark.parametrize(
    ('frames', 'fps', 'appearance'),
    [
        pytest.param(range(40), 8.0, (0.0, 0), id='from the start'),
        pytest.param(range(12, 40), 8.0, (1.5, 12), id='on the grid'),
        pytest.param(range(13, 40), 8.0, (2.0, 16), id='between two grid times: the later one'),
        pytest.param([13, 14, 24], 8.0, (3.0, 24), id='gone at the next grid time, back later'),
        pytest.param([13, 14], 8.0, None, id='at no grid time'),
        pytest.param([], 8.0, None, id='never'),
        pytest.param(range(14, 40), 29.97, (0.5, 14), id='the frame that is shown at 0.5 s'),
        pytest.param(range(15, 40), 29.97, (1.0, 29), id='it comes after 0.5 s'),
        pytest.param(range(3, 9), 1.0, (3.0, 3), id='one frame a second'),
        pytest.param([3, 60], 8.0, None, id='past the last frame'),
        pytest.param(range(7, 40), 10.0, (1.0, 10), id='ten a second'),
    ],
)
def test_first_appearance_is_on_the_grid(frames, fps, appearance):
    assert first_appearance(track(frames), fps, 40) == appearance


def test_an_empty_mask_is_no_appearance():
    empty = {0: mask_of(np.zeros((HEIGHT, WIDTH), bool)), 4: mask_of(square(4, 1))}
    assert first_appearance(MaskTrack(1, 'x', empty), 8.0, 40) == (0.5, 4)


BLOCKS = Expression('The Red Blocks', (1, 2, 3))


def blocks():
    return video({1: range(40), 2: range(13, 40), 3: range(40), 4: range(9)}, expressions=(BLOCKS,))


def test_a_record_has_the_columns_and_words_of_videopoint():
    record = pointing_record(blocks(), BLOCKS, seed=4)
    points = record.pop('points')
    assert [len(at_once) for at_once in points] == [2, 1]
    assert points[0] == sorted(points[0], key=lambda point: (point['x'], point['y']))
    assert record == {
        'video_id': 'clip',
        'video_source': 'made',
        'video_duration': 5.0,
        'category': 'object',
        'label': 'the red blocks',
        'question': 'How many "the red blocks" are there in the video?',
        'count': 3,
        'two_fps_timestamps': [0.0, 2.0],
        'raw_timestamps': [0.0, 2.0],
        'raw_frames': [0, 16],
        'clip_start': 0.0,
        'clip_end': 5.0,
        'annotator_unsure': False,
        'width': WIDTH,
        'height': HEIGHT,
    }


@pytest.mark.parametrize('seed', range(10))
def test_records_are_read_back_with_points_in_the_masks(seed, tmp_path):
    made = blocks()
    write_lines(tmp_path / 'made.jsonl', [pointing_record(made, BLOCKS, seed)])
    (example,) = read('videopoint', tmp_path)
    assert (example.label, example.truth.count) == ('the red blocks', 3)
    hit = set()
    for (t, x, y), *more in (one.points for one in example.truth.objects):
        assert not more
        for one in made.tracks[:3]:
            mask = one.masks.get(round(t * made.fps))
            if mask and all(mask.contains(cut(x), cut(y)) for cut in (round, math.floor)):
                hit.add(one.id)
    assert hit == {1, 2, 3}


def test_same_seed_same_record_whatever_else_is_converted():
    other = Expression('block three', (3,))
    again = pointing_record(blocks(), BLOCKS, 1)
    pointing_record(blocks(), other, 1)
    assert pointing_record(blocks(), BLOCKS, 1) == again
    assert pointing_record(blocks(), BLOCKS, 2)['points'] != again['points']


def test_objects_that_no_grid_time_shows_are_not_counted():
    made = video({1: range(40), 2: [13, 14]})
    assert pointing_record(made, Expression('blocks', (1, 2)))['count'] == 1
    with pytest.raises(BadRecord, match=r"made\.json:3: clip: 'block': no object is shown on the"):
        pointing_record(made, Expression('block', (2,)))


def test_an_expression_of_nothing_has_no_points(tmp_path):
    record = pointing_record(blocks(), Expression('blue blocks', ()))
    assert (record['count'], record['points'], record['two_fps_timestamps']) == (0, [], [])
    write_lines(tmp_path / 'made.jsonl', [record])
    (example,) = read('videopoint', tmp_path)
    assert example.truth.objects == ()


@pytest.mark.parametrize('seed', range(8))
def test_a_long_video_gets_a_clip_that_shows_all_points(seed, tmp_path):
    made = video({1: range(300, 800), 2: range(640, 800)}, fps=8.0, frames=801)
    record = pointing_record(made, Expression('blocks', (1, 2)), seed)
    start, end = record['clip_start'], record['clip_end']
    assert end - start == 63.0
    assert 0 <= start <= 37.5 <= 80.0 <= end <= 801 / 8
    assert (start * 2).is_integer()
    assert record['two_fps_timestamps'] == [37.5, 80.0]  # of the video, as the loader takes them
    write_lines(tmp_path / 'made.jsonl', [record])
    (example,) = read('videopoint', tmp_path)
    assert [one.points[0][0] for one in example.truth.objects] == [37.5 - start, 80.0 - start]


def test_points_further_apart_than_a_clip_are_an_error():
    made = video({1: range(9), 2: range(640, 800)}, fps=8.0, frames=801)
    with pytest.raises(BadRecord, match=r'points are 80\.0 s apart, over 63\.0 s'):
        pointing_record(made, Expression('blocks', (1, 2)))


def test_an_object_that_is_not_there_is_an_error():
    with pytest.raises(BadRecord, match="'blocks' means object 9, which is not there"):
        pointing_record(blocks(), Expression('blocks', (1, 9)))


def test_upsampled_records_are_all_read(tmp_path):
    made = video({number: range(40) for number in range(7)})
    record = pointing_record(made, Expression('blocks', tuple(range(7))))
    write_lines(tmp_path / 'made.jsonl', upsampled([record]))
    found = list(read('videopoint', tmp_path))
    assert [one.truth.count for one in found] == [7, 7]
    assert found[0].truth == found[1].truth
