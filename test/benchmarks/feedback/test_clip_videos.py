# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The clips of training data: which image each frame shows, and the video of them."""

from __future__ import annotations

import numpy as np
import pytest

from molmo_ground_ros.benchmarks.datasets.examples import Media
from molmo_ground_ros.benchmarks.datasets.media import MediaFolder
from molmo_ground_ros.benchmarks.feedback.clip_videos import clip_entry, cut_of, write_clip
from molmo_ground_ros.errors import BadArgument, BadField, NoFrames

S = 10**9
ENTRY = {
    'clip': 'a',
    'camera': '/image',
    'start_ns': 100 * S,
    'n_frames': 4,
    'stamps': [{'frame': 1, 'stamp_ns': 100 * S + 700_000_000}],
}


def test_a_labelled_frame_shows_its_own_image_and_others_the_nearest():
    stamps = [100 * S + round(at * S) for at in (0.1, 0.5, 0.7, 0.9, 1.2, 1.5)]
    cut = cut_of(clip_entry(ENTRY), stamps)
    assert [(stamp - 100 * S) / S for stamp in cut.stamps] == [0.1, 0.7, 0.9, 1.5]
    assert cut.repeated == 0


def test_frames_without_an_image_of_their_own_are_counted():
    cut = cut_of(clip_entry(ENTRY), [100 * S, 100 * S + 700_000_000])
    assert cut.repeated == 1


def test_a_recording_without_the_labelled_image_is_another_recording():
    with pytest.raises(NoFrames, match="'/image': none has the stamp 100700000000, as a needs"):
        cut_of(clip_entry(ENTRY), [100 * S])


@pytest.mark.parametrize(
    ('changed', 'field'),
    [
        ({'clip': '../a'}, 'clip'),
        ({'n_frames': 10**6}, 'n_frames'),
        ({'start_ns': 'now'}, 'start_ns'),
        ({'camera': None}, 'camera'),
        ({'stamps': [{'frame': 9, 'stamp_ns': 0}]}, 'stamps[0].frame'),
    ],
)
def test_a_damaged_entry_is_named_with_its_column(changed, field):
    with pytest.raises(BadField) as caught:
        clip_entry(ENTRY | changed)
    assert caught.value.field == field


@pytest.mark.parametrize('size', [(48, 64), (31, 45)], ids=['even sides', 'odd sides'])
def test_a_video_has_each_image_for_half_a_second(size, tmp_path):
    images = [np.full((*size, 3), 40 * k, np.uint8) for k in range(5)]
    assert write_clip(tmp_path / 'a.mp4', images) == 5
    read = list(MediaFolder(tmp_path).images(Media('a')))
    assert [image.shape for image in read] == [(*size, 3)] * 5
    assert [round(float(image.mean()) / 40) for image in read] == list(range(5))


def test_an_image_of_another_size_leaves_the_older_video(tmp_path):
    (tmp_path / 'a.mp4').write_text('older')
    images = [np.zeros((48, 64, 3), np.uint8), np.zeros((48, 32, 3), np.uint8)]
    with pytest.raises(BadArgument, match='is of another size than the first'):
        write_clip(tmp_path / 'a.mp4', images)
    assert (tmp_path / 'a.mp4').read_text() == 'older'
