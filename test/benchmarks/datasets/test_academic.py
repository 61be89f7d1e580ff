# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Academic points and tracks."""

import json
import math

import pytest
from support.dataset_records import academic_points as points
from support.dataset_records import academic_tracks as tracks
from support.dataset_records import read_all, rle, write_lines, write_parquet

from molmo_ground_ros.benchmarks.datasets.examples import Media, PointTruth
from molmo_ground_ros.types import Task


def test_points_are_of_the_clip_in_the_order_of_time(tmp_path):
    write_parquet(tmp_path / 'data' / 'val-00000-of-00001.parquet', [points()])

    (example,), faults = read_all('academic-points', tmp_path)

    assert not faults
    assert (example.id, example.label) == ('lvvis/00012_polar bear', 'polar bear')
    assert example.query == 'How many "polar bear" are there in the video?'
    assert example.task is Task.COUNT
    assert isinstance(example.truth, PointTruth)
    assert [tubelet.points for tubelet in example.truth.objects] == [
        ((0.5, 3.0, 7.0),),
        ((0.5, 9.0, 5.0),),
        ((3.0, 50.0, 50.0),),
    ]
    assert example.truth.count == 3
    assert example.media == Media('00012', 'lvvis', 1.0, 60.0)
    assert (example.duration_s, example.width) == (59.0, 100)


def test_videos_of_burst_lie_in_folders(tmp_path):
    write_lines(tmp_path / 'a.jsonl', [points(subset='burst', dataset='YFCC100M')])

    (example,), _ = read_all('academic-points', tmp_path)

    assert example.media.name == 'YFCC100M/00012'


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        pytest.param({'timestamps': [4.0]}, 'differ in length', id='lengths'),
        pytest.param({'timestamps': [4.0, 0.5]}, 'is not in the clip', id='before its clip'),
        pytest.param({'clip_end_time': 1.0}, 'is an empty clip', id='empty clip'),
        pytest.param({'video_duration': -1.0}, 'video_duration', id='negative time'),
        pytest.param({'subset': 'burst'}, 'dataset = None', id='no folder'),
    ],
)
def test_broken_points_are_named(tmp_path, changed, message):
    write_lines(tmp_path / 'a.jsonl', [points(**changed), points()])

    examples, (fault,) = read_all('academic-points', tmp_path)

    assert len(examples) == 1
    assert (fault.row, message in fault.why) == (1, True)


def test_tracks_keep_points_of_hidden_objects_and_leave_out_ids_that_are_not_asked_for(tmp_path):
    write_parquet(tmp_path / 'track' / 'valid_u-00000-of-00001.parquet', [tracks()])

    (example,), faults = read_all('academic-tracks', tmp_path)

    assert not faults
    first, second = example.truth.objects
    assert first.points == {0: (8.0, 10.0), 6: (9.0, 10.0)}
    assert second.points == {0: (5.0, 5.0), 6: (40.0, 20.0), 12: (41.0, 20.0)}  # hidden at 0
    assert (example.truth.frames, example.truth.fps, example.truth.query_fps) == (14, 6.0, 1.0)
    assert example.media == Media('abc', fps=6.0)
    assert example.duration_s == pytest.approx(14 / 6)
    assert first.masks == {}


@pytest.mark.parametrize('keys', [('0', '1'), ('a', 'b')], ids=['by number', 'by id'])
def test_masks_that_the_reference_prepared_are_found(tmp_path, keys):
    ids = list(keys)
    record = tracks(mask_id=ids, frame_trajectories=[])
    write_lines(tmp_path / 'valid.jsonl', [record])
    masks = tmp_path / 'valid_u' / 'MasksRLE' / 'abc' / '3.json'
    masks.parent.mkdir(parents=True)
    masks.write_text(json.dumps({keys[0]: [rle(), None, rle()], keys[1]: []}))

    (example,), faults = read_all('academic-tracks', tmp_path / 'valid.jsonl')
    assert not faults
    assert list(example.truth.objects[0].masks) == [0, 2]

    masks.write_text('[]')
    examples, (fault,) = read_all('academic-tracks', tmp_path / 'valid.jsonl')
    assert not examples
    assert fault.file == str(masks)


def test_masks_of_mevis_are_numbered(tmp_path):
    write_lines(tmp_path / 'a.jsonl', [tracks(mask_id=['x', 'y'], frame_trajectories=[])])
    masks = tmp_path / 'MasksRLE' / 'abc' / '3.json'
    masks.parent.mkdir(parents=True)
    masks.write_text(json.dumps({'0': [rle()], '1': [None, rle()]}))

    (example,), faults = read_all('academic-tracks', tmp_path / 'a.jsonl')

    assert not faults
    assert [list(tracked.masks) for tracked in example.truth.objects] == [[0], [1]]


def test_other_tasks_are_passed_over_and_each_rate_counts_its_own_rows(tmp_path):
    records = [
        tracks('g', task='ground'),
        tracks('a', sampling_fps=2),
        tracks('a'),
        tracks('b'),
        tracks('c'),
        tracks('d'),
    ]
    write_lines(tmp_path / 'a.jsonl', records)

    examples, faults = read_all('academic-tracks', tmp_path)

    assert not faults
    assert [example.id for example in examples] == ['a_2fps', 'a', 'b', 'c', 'd']
    assert examples[4].query == 'Track two bears at 1 FPS'  # the fourth of its rate


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        pytest.param({'n_frames': 0}, 'n_frames = 0', id='empty video'),
        pytest.param({'n_frames': 12}, 'frame = 12: is not in 0 to 11', id='frame off its clip'),
        pytest.param({'fps': 5, 'sampling_fps': 2}, 'do not divide', id='rates'),
        pytest.param({'sampling_fps': 0}, 'sampling_fps = 0', id='no rate'),
        pytest.param({'mask_id': ['5']}, 'is not in mask_id', id='no known id'),
        pytest.param({'mask_id': ['0', '0']}, 'names an object twice', id='object twice'),
        pytest.param(
            {'frame_trajectories': [{'frame': 0, 'time': -1.0, 'points': []}]},
            'time = -1.0',
            id='negative time',
        ),
        pytest.param(
            {
                'frame_trajectories': [
                    {'frame': 0, 'time': 0.0, 'points': [{'id': 0, 'point': [math.nan, 1.0]}]}
                ]
            },
            'is not finite',
            id='NaN',
        ),
    ],
)
def test_broken_tracks_are_named(tmp_path, changed, message):
    write_lines(tmp_path / 'a.jsonl', [tracks(**changed), tracks('b')])

    examples, (fault,) = read_all('academic-tracks', tmp_path)

    assert [example.id for example in examples] == ['b']
    assert (fault.row, message in fault.why) == (1, True)
