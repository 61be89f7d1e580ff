# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""BURST: masks, and questions for counts."""

import pytest
from support.dataset_records import HEIGHT, WIDTH, annotated, read_all, rle, write_json

CATEGORIES = [{'id': 3, 'name': 'goat'}, {'id': 4, 'name': 'dog'}, {'id': 5, 'name': 'cup'}]


def sequence(**changed):
    """Two goats, of which one is never shown, and a dog; six images, two of them annotated."""
    mask = {'rle': rle()['counts'], 'is_gt': True}
    return {
        'id': 1,
        'dataset': 'HACS',
        'seq_name': 'farm',
        'width': WIDTH,
        'height': HEIGHT,
        'fps': 30,
        'all_image_paths': [f'{k}.jpg' for k in range(6)],
        'annotated_image_paths': ['0.jpg', '5.jpg'],
        'track_category_ids': {'1': 3, '2': 3, '7': 4},
        'segmentations': [{'1': mask, '7': mask}, {'1': mask}],
        'not_exhaustive_category_ids': [],
    } | changed


def write(folder, *sequences):
    content = {'sequences': list(sequences), 'categories': CATEGORIES, 'split': 'test'}
    return write_json(folder / 'test' / 'all_classes.json', content)


def test_masks_lie_on_the_frames_that_are_annotated(tmp_path):
    write(tmp_path, sequence())

    (video,), faults = annotated('burst', tmp_path)

    assert not faults
    assert (video.name, video.frames, video.fps) == ('HACS/farm', 6, 30.0)
    assert {track.id: list(track.masks) for track in video.tracks} == {1: [0, 5], 2: [], 7: [0]}


def test_each_class_of_a_sequence_is_counted_as_far_as_masks_show_it(tmp_path):
    write(tmp_path, sequence())

    examples, faults = read_all('burst-videocount', tmp_path)

    assert not faults
    assert [(one.id, one.truth.count) for one in examples] == [
        ('HACS/farm_goat', 1),
        ('HACS/farm_dog', 1),
    ]
    assert examples[0].query == 'How many "goat" are there in the video?'


def test_classes_that_are_not_all_annotated_and_long_videos_are_not_counted(tmp_path):
    names = [f'{k}.jpg' for k in range(64)]
    path = write(
        tmp_path,
        sequence(not_exhaustive_category_ids=[3]),
        sequence(seq_name='long', fps=1, all_image_paths=names),
    )

    examples, (fault,) = read_all('burst-videocount', tmp_path)

    assert [one.label for one in examples] == ['dog']
    assert (fault.file, fault.row) == (str(path), 2)
    assert '64 s long, over 63 s' in fault.why


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        ({'track_category_ids': {'1': 99}}, 'none of categories'),
        ({'annotated_image_paths': ['0.jpg', 'x.jpg']}, 'not in all_image_paths'),
        ({'segmentations': [{}]}, 'differ in length'),
        ({'segmentations': [{'x': {'rle': rle()['counts']}}, {}]}, 'no number of a track'),
        ({'segmentations': [{'1': {'rle': '~'}}, {}]}, 'no runs'),
        ({'all_image_paths': []}, 'empty video'),
    ],
)
def test_a_broken_sequence_is_named_and_the_others_are_read(tmp_path, changed, message):
    path = write(tmp_path, sequence(**changed), sequence(seq_name='sound'))

    (video,), (fault,) = annotated('burst', tmp_path)

    assert video.name == 'HACS/sound'
    assert (fault.file, fault.row) == (str(path), 1)
    assert message in fault.why
