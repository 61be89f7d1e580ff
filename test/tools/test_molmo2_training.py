# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the script for Ai2's training code makes of our records. Its loaders are run by hand."""

import pytest

from molmo_ground_ros.benchmarks.datasets.academic import track
from molmo_ground_ros.benchmarks.datasets.row_reader import DatasetRow
from tools.molmo2_training import instruction, prepare

RECORD = {
    'id': 'clip_0',
    'video': 'clip',
    'clip': 'clip',
    'fps': 2,
    'start_frame': 0,
    'end_frame': 4,
    'video_dataset': 'own',
    'exp': 'red cup',
    'w': 64,
    'h': 48,
    'mask_id': ['7', '9'],
    'points': [
        {'object_id': '7', 'points': [[1.5, 2.0], [2.5, 2.0], None, None, [4.0, 2.0]]},
        {'object_id': '9', 'points': [None, [9.0, 9.0], None, None, [8.0, 9.0]]},
    ],
}


@pytest.mark.parametrize(
    ('asked_fps', 'frames'), [(1, [(0, ['7']), (4, ['7', '9'])]), (2, None)], ids=['1 fps', '2 fps']
)
def test_a_row_has_the_points_at_its_rate(asked_fps, frames):
    row = instruction(RECORD, asked_fps)
    shown = [
        (frame['frame'], [point['id'] for point in frame['points']])
        for frame in row['frame_trajectories']
    ]
    assert shown == (frames or [(0, ['7']), (1, ['7', '9']), (4, ['7', '9'])])
    assert [frame['time'] for frame in row['frame_trajectories']] == [k / 2 for k, _ in shown]


def test_our_reader_of_ai2s_instructions_takes_a_row():
    row = instruction(RECORD, 2) | {'n_frames': 5}  # which Ai2's loader does not read
    example = track(DatasetRow('a.jsonl', 1, row), 0, None)
    assert example.label == 'red cup'
    assert [sorted(tracked.points) for tracked in example.truth.objects] == [[0, 1, 4], [1, 4]]


def test_a_folder_without_data_is_named(tmp_path):
    with pytest.raises(SystemExit, match='holds neither videopoint'):
        prepare([str(tmp_path)], tmp_path / 'home')


def test_a_clip_without_its_video_is_named(tmp_path):
    (tmp_path / 'videopoint.jsonl').write_text('{"video_id": "a", "clip_start": 0, "clip_end": 1}')
    with pytest.raises(SystemExit, match=r'videos/a\.mp4 is missing'):
        prepare([str(tmp_path)], tmp_path / 'home')
