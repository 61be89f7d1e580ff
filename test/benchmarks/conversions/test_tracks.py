# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest
from support.annotated import HEIGHT, WIDTH, boxed, square, video, write_lines

from molmo_ground_ros.benchmarks.conversions.tracks import tracking_record
from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.examples import Expression
from molmo_ground_ros.errors import BadRecord

TWO = Expression('the blocks', (4, 2))


def blocks(**changes):
    seen = {2: [5, 6, 9], 4: range(3, 12), 7: range(12)}
    return video(seen, frames=12, expressions=(TWO,), **changes)


def test_a_record_has_the_columns_of_videotrack_and_only_the_objects_meant():
    record = tracking_record(blocks(), TWO, 6)
    points = record.pop('points')
    assert record == {
        'id': 'clip_6',
        'video': 'clip',
        'clip': 'clip',
        'fps': 8,
        'start_frame': 0,
        'end_frame': 11,
        'video_dataset': 'made',
        'exp': 'the blocks',
        'w': WIDTH,
        'h': HEIGHT,
        'mask_id': ['4', '2'],
    }
    assert [one['object_id'] for one in points] == ['4', '2']
    assert [k for k, point in enumerate(points[0]['points']) if point] == list(range(3, 12))
    assert [k for k, point in enumerate(points[1]['points']) if point] == [5, 6, 9]
    assert points[1]['points'][7] is None  # hidden
    assert len(points[1]['points']) == 12


def test_points_are_in_the_middle_of_their_squares():
    path = tracking_record(blocks(), Expression('two', (2,)))['points'][0]['points']
    for k in (5, 6, 9):
        x, y = path[k]
        assert square(k, 2)[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5].all()


def test_records_are_read_back_with_points_in_the_masks(tmp_path):
    made = blocks()
    write_lines(tmp_path / 'made.jsonl', [tracking_record(made, TWO, masks=True)])
    (example,) = read('videotrackeval', tmp_path)
    assert (example.label, example.truth.fps, example.truth.frames) == ('the blocks', 8.0, 12)
    for found, number in zip(example.truth.objects, (4, 2), strict=True):
        source = next(track for track in made.tracks if track.id == number)
        assert found.masks == source.masks
        assert set(found.points) == set(source.masks)
        for k, (x, y) in found.points.items():
            assert found.masks[k].contains(round(x), round(y))


def test_the_training_form_is_read_back_as_well(tmp_path):
    record = tracking_record(blocks(), TWO)
    assert 'masks' not in record
    write_lines(tmp_path / 'made.jsonl', [record])
    (example,) = read('videotrack', tmp_path)
    assert [sorted(one.points) for one in example.truth.objects] == [list(range(3, 12)), [5, 6, 9]]


@pytest.mark.parametrize(('fps', 'rate'), [(29.97, 30), (23.976, 24), (6.0, 6), (1.0, 1)])
def test_rates_are_whole(fps, rate):
    assert tracking_record(blocks(fps=fps), TWO)['fps'] == rate


@pytest.mark.parametrize('fps', [12.5, 0.4])
def test_a_rate_that_is_not_whole_is_an_error(fps):
    with pytest.raises(BadRecord, match=rf'made\.json:3: clip: {fps} frames a second'):
        tracking_record(blocks(fps=fps), TWO)


def test_what_cannot_be_followed_is_an_error():
    with pytest.raises(BadRecord, match='means object 9'):
        tracking_record(blocks(), Expression('x', (2, 9)))
    with pytest.raises(BadRecord, match='none of its objects is seen'):
        tracking_record(replace(blocks(), frames=3), Expression('x', (2,)))
    with pytest.raises(BadRecord, match='object 4 has boxes'):
        tracking_record(boxed(blocks()), TWO)


def test_a_picture_is_no_video():
    with pytest.raises(BadRecord, match='is a picture, and no video'):
        tracking_record(replace(blocks(), frames=1), TWO)
