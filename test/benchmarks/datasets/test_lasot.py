# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes of LaSOT."""

import cv2
import numpy as np
from support.dataset_records import (
    annotated,
)

from molmo_ground_ros.benchmarks.datasets.examples import Expression


def lasot(folder, boxes='1,2,3,4\n2,2,3,4\n3,2,3,4\n0,0,0,0\n', **files):
    """A video of 40 x 30 pixels."""
    (folder / 'img').mkdir(parents=True)
    (folder / 'groundtruth.txt').write_text(boxes)
    frames = len(boxes.splitlines())
    visible = ','.join('0' * frames)
    words = {'full_occlusion': visible, 'out_of_view': visible, 'nlp': 'an airplane'} | files
    for name, content in words.items():
        (folder / f'{name}.txt').write_text(content)
    for k in range(frames):
        image = np.zeros((30, 40, 3), np.uint8)
        cv2.imwrite(str(folder / 'img' / f'{k + 1:08d}.jpg'), image)


def test_boxes_of_lasot_are_hidden_where_it_says_so(tmp_path):
    folder = tmp_path / 'airplane' / 'airplane-13'
    lasot(folder, full_occlusion='0,1,0,0', out_of_view='0,0,0,1\n', nlp='white airplane\nlanding')

    (video,), faults = annotated('lasot', tmp_path)

    assert not faults
    assert (video.name, video.frames, video.fps) == ('airplane-13', 4, 30.0)
    assert (video.width, video.height) == (40, 30)
    assert video.tracks[0].boxes == {0: (1, 2, 3, 4), 2: (3, 2, 3, 4)}
    assert video.tracks[0].label == 'airplane'
    assert video.expressions == (Expression('white airplane landing', (1,)),)


def test_a_broken_box_is_named_and_a_list_of_another_length_costs_the_video(tmp_path):
    lasot(tmp_path / 'a-1', '1,2,3,4\nx\n1,2,3,-4\n')
    lasot(tmp_path / 'b-1', full_occlusion='0,1')
    lasot(tmp_path / 'c-1', '')

    (video,), faults = annotated('lasot', tmp_path)

    assert (video.name, video.width, list(video.tracks[0].boxes)) == ('a-1', 40, [0])
    assert [fault.row for fault in faults] == [2, 3, 0, 0]
    assert 'differ in length' in faults[2].why
    assert 'empty video' in faults[3].why


def test_a_box_off_the_image_is_named_as_swapped_columns_make_it(tmp_path):
    lasot(tmp_path / 'a-1', '30,2,9,4\n2,35,3,4\n39,29,30,30\n')

    (video,), (fault,) = annotated('lasot', tmp_path)

    assert list(video.tracks[0].boxes) == [0, 2]
    assert (fault.file, fault.row) == (str(tmp_path / 'a-1' / 'groundtruth.txt'), 2)
    assert 'is off the image of 40 x 30' in fault.why


def test_a_video_without_truth_is_named_beside_those_with_it(tmp_path):
    for name in ('a-1', 'a-2'):
        lasot(tmp_path / 'a' / name)
    (tmp_path / 'a' / 'a-2' / 'groundtruth.txt').unlink()

    (video,), (fault,) = annotated('lasot', tmp_path)

    assert video.name == 'a-1'
    assert (fault.file, fault.why) == (str(tmp_path / 'a' / 'a-2'), 'holds no groundtruth.txt')


def test_a_0_in_absent_label_hides_the_object_of_tnllt(tmp_path):
    folder = tmp_path / 'Block_01'
    lasot(folder, absent_label='1\n0\n1\n1\n', language='a block')
    (folder / 'img').rename(folder / 'imgs')

    (video,), faults = annotated('tnllt', tmp_path)

    assert not faults
    assert list(video.tracks[0].boxes) == [0, 2]


def test_vasttrack_has_its_pictures_in_either_folder(tmp_path):
    for name, folder in (('a-1', 'img'), ('a-2', 'imgs')):
        lasot(tmp_path / 'a' / name)
        (tmp_path / 'a' / name / 'groundtruth.txt').rename(
            tmp_path / 'a' / name / 'Groundtruth.txt'
        )
        (tmp_path / 'a' / name / 'img').rename(tmp_path / 'a' / name / folder)

    videos, faults = annotated('vasttrack', tmp_path)

    assert not faults
    assert [video.frames for video in videos] == [4, 4]


def test_got10k_without_the_class_of_an_object_is_named(tmp_path):
    lasot(tmp_path, absence='0\n0\n0\n0\n')
    (tmp_path / 'absence.txt').rename(tmp_path / 'absence.label')
    (tmp_path / 'meta_info.ini').write_text('[METAINFO]\nanno_fps: 10Hz\n')
    for path in (tmp_path / 'img').iterdir():
        path.rename(tmp_path / path.name)

    (tmp_path / 'img').rmdir()

    videos, (fault,) = annotated('got10k', tmp_path)

    assert not videos
    assert 'meta_info.ini' in fault.why and 'has no object_class' in fault.why
