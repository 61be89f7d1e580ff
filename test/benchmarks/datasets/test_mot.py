# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes of MOTChallenge."""

import pytest
from support.dataset_records import (
    annotated,
    read_all,
)

from molmo_ground_ros.benchmarks.datasets.examples import Expression


def mot(folder, lines, info='frameRate=25\nseqLength=4\nimWidth=640\nimHeight=480'):
    (folder / 'gt').mkdir(parents=True)
    (folder / 'gt' / 'gt.txt').write_text('\n'.join(lines) + '\n')
    (folder / 'seqinfo.ini').write_text(f'[Sequence]\nname=x\nimDir=img1\n{info}\nimExt=.jpg\n')


def test_boxes_of_motchallenge_count_from_one(tmp_path):
    lines = [
        '1,5,101,51.5,20,40,1,1,0.9',
        '3,5,103,52,20,40,1,1,0.9',
        '2,6,11,11,5,5,0,1,1',
        '2,7,11,11,5,5,1,3,1',
        '4,8,1,1,5,5,-1,-1,-1,-1',
    ]
    mot(tmp_path / 'train' / 'MOT17-02', lines)

    (sequence,), faults = annotated('mot', tmp_path)

    assert not faults
    assert (sequence.name, sequence.frames, sequence.fps) == ('MOT17-02', 4, 25.0)
    assert (sequence.width, sequence.height) == (640, 480)
    assert [(track.id, track.label) for track in sequence.tracks] == [
        (5, 'pedestrian'),
        (7, 'car'),
        (8, 'pedestrian'),
    ]
    assert sequence.tracks[0].boxes == {0: (100, 50.5, 20, 40), 2: (102, 51, 20, 40)}
    assert sequence.expressions[0] == Expression('pedestrian', (5, 8))

    examples, _ = read_all('mot', tmp_path)

    assert examples[0].truth.objects[0].points == {0: (110.0, 70.5), 2: (112.0, 71.0)}
    assert examples[0].truth.objects[0].masks == {}


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        pytest.param('1,5,a,2,3,4', 'no line of numbers', id='letters'),
        pytest.param('1,5,2,3', 'fewer than 6', id='short'),
        pytest.param('9,5,2,3,4,5', 'frame = 9', id='frame off the video'),
        pytest.param('0,5,2,3,4,5', 'frame = 0', id='frame before the video'),
        pytest.param('1,5,nan,3,4,5', 'not finite', id='NaN'),
        pytest.param('1,5,2,3,0,5', 'is empty', id='empty box'),
        pytest.param('1,5,2,3,-4,5', 'box = -4.0', id='negative'),
        pytest.param('1,5.5,2,3,4,5', 'is not whole', id='id'),
        pytest.param('2,1,2,3,4,5', 'twice on frame 2', id='twice'),
        pytest.param('1,5,700,3,4,5', 'is off the image of 640 x 480', id='off the image'),
    ],
)
def test_a_broken_line_is_named_and_the_others_are_read(tmp_path, line, message):
    mot(tmp_path, ['2,1,1,1,5,5', line])

    (sequence,), (fault,) = annotated('mot', tmp_path)

    assert [track.id for track in sequence.tracks] == [1]
    assert (fault.file, fault.row) == (str(tmp_path / 'gt' / 'gt.txt'), 2)
    assert message in fault.why


@pytest.mark.parametrize(
    'info', ['', 'frameRate=0\nseqLength=4\nimWidth=1\nimHeight=1', 'seqLength=x', '[', '\x00']
)
def test_a_sequence_without_its_size_is_named(tmp_path, info):
    mot(tmp_path, ['1,1,1,1,5,5'], info)

    videos, (fault,) = annotated('mot', tmp_path)

    assert not videos
    assert fault.file == str(tmp_path / 'seqinfo.ini')


def test_a_line_that_is_cut_off_and_a_file_without_lines_are_named(tmp_path):
    mot(tmp_path / 'a', ['1,1,1,1,5,5,1,1,1', '2,1,1,1,5,5,1'])
    mot(tmp_path / 'b', [])

    sequences, faults = annotated('mot', tmp_path)

    assert [len(sequence.tracks) for sequence in sequences] == [1, 0]
    assert [(fault.row, fault.why.split(': ')[-1]) for fault in faults] == [
        (2, 'has fewer than 9 numbers'),
        (0, 'has no line'),
    ]
