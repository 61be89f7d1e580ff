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
