# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Molmo2-VideoTrack and -VideoTrackEval: what a row means, and which is none."""

import math

import numpy as np
import pytest
from support.dataset_records import (
    read_all,
    rle,
    square,
    track,
    trackeval,
    write_lines,
    write_parquet,
)

from molmo_ground_ros.benchmarks.datasets.examples import Media, TrackedObject, TrackTruth
from molmo_ground_ros.types import Task


@pytest.mark.parametrize('write', [write_parquet, write_lines])
def test_tracks_of_evaluation_are_pixels_and_masks_by_frame_of_the_clip(tmp_path, write):
    suffix = '.parquet' if write is write_parquet else '.jsonl'
    write(tmp_path / 'data' / f'test-00000-of-00001{suffix}', [trackeval()])

    (example,), faults = read_all('allenai/Molmo2-VideoTrackEval', tmp_path)

    assert not faults
    assert (example.id, example.task, example.label) == ('t1', Task.TRACK, 'the two goats')
    assert example.category == 'animal'
    assert example.media == Media('v_long_0_3', 'APTv2', fps=2.0)
    assert example.duration_s == 2.0
    assert isinstance(example.truth, TrackTruth)
    first, second = example.truth.objects
    assert (example.truth.fps, example.truth.frames, example.truth.query_fps) == (2.0, 4, 1.0)
    assert (first.id, second.id) == (1, 2)
    assert first.points == {k: (8.0 + k, 10.0) for k in range(4)}
    assert second.points == {2: (40.0, 20.0), 3: (41.0, 20.5)}
    assert list(first.masks) == [0, 1, 2, 3]
    assert list(second.masks) == [2, 3]
    assert np.array_equal(second.masks[3].array(), square(37, 16))


def test_question_is_the_wording_that_evaluation_draws_for_the_row(tmp_path):
    # make_random_state(index, 0).randint(0, 10) of the reference is 9, 9, 8, 1, 7, 0 (numpy 2.4.6).
    records = [trackeval(f't{k}') for k in range(6)]
    records[2]['w'] = None  # a broken row keeps its number
    write_lines(tmp_path / 'test.jsonl', records)

    examples, _ = read_all('videotrackeval', tmp_path)

    asked = {example.id: example.query for example in examples}
    assert asked['t3'] == 'Track the two goats at 1 FPS'
    assert asked['t5'] == 'Track the two goats in 1 FPS.'
    assert asked['t0'] == asked['t1']
    assert asked['t0'].endswith('given as <track coords="t id x y">label</tracks>.')
    assert asked['t4'].endswith('sampling at 1 FPS. Return coordinates at each sampled frame.')


def test_tracks_of_training_have_no_masks(tmp_path):
    write_lines(tmp_path / 'train.jsonl', [track(video_dataset='own')])

    (example,), faults = read_all('videotrack', tmp_path)

    assert not faults
    assert example.category == 'own'
    assert [tracked.masks for tracked in example.truth.objects] == [{}, {}]


def test_a_clip_without_objects_is_as_long_as_it_says(tmp_path):
    write_lines(tmp_path / 'a.jsonl', [trackeval(mask_id=[], points=[], masks=[], end_frame=9)])

    (example,), faults = read_all('videotrackeval', tmp_path)

    assert not faults
    assert example.truth == TrackTruth((), 2.0, 10)


def test_a_null_mask_and_a_mask_of_nulls_are_none(tmp_path):
    masks = trackeval()['masks']
    masks[0]['masks'][1] = {'size': None, 'counts': None}
    write_lines(tmp_path / 'a.jsonl', [trackeval(masks=masks)])

    (example,), faults = read_all('videotrackeval', tmp_path)

    assert not faults
    assert list(example.truth.objects[0].masks) == [0, 2, 3]


def test_an_object_that_no_point_tells_of_is_there_without_points(tmp_path):
    write_lines(tmp_path / 'a.jsonl', [track(points=track()['points'][:1])])

    (example,), _ = read_all('videotrack', tmp_path)

    assert example.truth.objects[1] == TrackedObject(2)


def points(first, second=(None, None, None, None)):
    return [{'object_id': '7', 'points': first}, {'object_id': '3', 'points': list(second)}]


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        pytest.param({'fps': 0}, 'fps = 0: is no rate', id='no rate'),
        pytest.param({'fps': math.nan}, 'fps = nan', id='rate NaN'),
        pytest.param({'fps': 0.5}, 'fps = 0.5: is below 1', id='slower than asked'),
        pytest.param({'w': -64}, 'w = -64', id='negative size'),
        pytest.param(
            {'w': 65}, "another size than the record's 65 x 48", id='mask of another size'
        ),
        pytest.param({'exp': None}, 'exp = None', id='nothing asked'),
        pytest.param({'mask_id': ['7', '7']}, 'names an object twice', id='object twice'),
        pytest.param({'mask_id': ['7']}, "object_id = '3': is not in mask_id", id='unknown object'),
        pytest.param({'points': points([[1.0, 2.0]] * 3)}, 'differ in length', id='lengths'),
        pytest.param(
            {'points': points([[1.0, math.inf]] + [None] * 3)}, 'points of 7[0][1]', id='inf'
        ),
        pytest.param({'points': points([[1.0]] + [None] * 3)}, 'is no x and y', id='x alone'),
        pytest.param({'points': points([[1.0, 1e7]] + [None] * 3)}, '10000000.0', id='far off'),
        pytest.param({'points': points(None)}, 'points = None: is no list', id='no list'),
        pytest.param(
            {'points': points([], []), 'masks': [{'object_id': n, 'masks': []} for n in '73']},
            'is an empty video',
            id='empty video',
        ),
        pytest.param(
            {'masks': [{'object_id': '7', 'masks': [None] * 4}]}, 'mask_id, masks', id='masks'
        ),
        pytest.param({'masks': None}, 'masks = None', id='null masks'),
    ],
)
def test_a_broken_record_is_named_and_the_others_are_read(tmp_path, changed, message):
    records = [trackeval('a'), trackeval('b', **changed), trackeval('c')]
    path = write_lines(tmp_path / 'test.jsonl', records)

    examples, (fault,) = read_all('videotrackeval', tmp_path)

    assert [example.id for example in examples] == ['a', 'c']
    assert (fault.file, fault.row) == (str(path), 2)
    assert message in fault.why


def test_an_id_that_was_there_is_named(tmp_path):
    write_lines(tmp_path / 'a.jsonl', [trackeval('x'), trackeval('y'), trackeval('x', exp='z')])

    examples, (fault,) = read_all('videotrackeval', tmp_path)

    assert [example.id for example in examples] == ['x', 'y']
    assert (fault.row, fault.why) == (3, "id = 'x': was there before")


@pytest.mark.parametrize(
    'column', [c for c in trackeval() if c not in ('video', 'start_frame', 'end_frame')]
)
def test_a_missing_column_is_named(tmp_path, column):
    record = trackeval()
    del record[column]
    write_lines(tmp_path / 'test.jsonl', [record])

    examples, (fault,) = read_all('videotrackeval', tmp_path)

    assert not examples
    assert f'{column} = ' in fault.why and 'is missing' in fault.why


@pytest.mark.parametrize(
    ('stated', 'message'),
    [
        pytest.param({'start_frame': -3}, 'start_frame = -3: is not in 0', id='negative'),
        pytest.param({'start_frame': 9, 'end_frame': 8}, 'end_frame = 8: is before', id='reversed'),
        pytest.param({'end_frame': None}, 'end_frame = None', id='half of it'),
    ],
)
def test_a_clip_that_cannot_be_is_named(tmp_path, stated, message):
    write_lines(tmp_path / 'test.jsonl', [{**trackeval(), **stated}])

    examples, (fault,) = read_all('videotrackeval', tmp_path)

    assert not examples
    assert message in fault.why


def test_a_clip_need_not_state_its_frames(tmp_path):
    write_lines(tmp_path / 'test.jsonl', [{**trackeval(), 'start_frame': None, 'end_frame': None}])

    examples, faults = read_all('videotrackeval', tmp_path)

    assert (len(examples), faults) == (1, [])


def test_masks_of_other_kinds_are_read(tmp_path):
    record = trackeval()
    runs = np.diff([0, *np.flatnonzero(np.diff(square(4, 6).T.ravel())) + 1, 64 * 48])
    record['masks'][0]['masks'][0] = {'size': [48, 64], 'counts': runs.tolist()}
    write_lines(tmp_path / 'test.jsonl', [record])

    (example,), faults = read_all('videotrackeval', tmp_path)

    assert not faults
    assert example.truth.objects[0].masks[0].rle() == rle()
