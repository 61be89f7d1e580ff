# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Masks of DAVIS and YouTube-VOS, with words for their objects."""

import numpy as np
import pytest
from support.dataset_records import (
    HEIGHT,
    WIDTH,
    annotated,
    read_all,
    square,
    write_json,
)
from support.pngs import write_png

from molmo_ground_ros.benchmarks.datasets.examples import Expression


def numbers(*squares):
    """Numbers of objects: object k + 1 is the k-th square (left, top)."""
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for k, (left, top) in enumerate(squares, start=1):
        pixels[square(left, top)] = k
    return pixels


def davis(folder):
    """Two videos of three frames; in `bear` the second object comes later, and some is void."""
    masks, image = folder / 'Annotations' / '480p', folder / 'JPEGImages' / '480p'
    frames = [numbers((4, 6)), numbers((5, 6), (30, 20)), numbers((6, 6), (31, 20))]
    frames[1][0] = 255
    for k, pixels in enumerate(frames):
        write_png(masks / 'bear' / f'{k:05d}.png', pixels)
        write_png(masks / 'dog' / f'{k:05d}.png', numbers((4, 6)))
        (image / 'bear').mkdir(parents=True, exist_ok=True)
        (image / 'bear' / f'{k:05d}.jpg').touch()
    words_of = {
        '0': {'exp': 'a brown bear', 'obj_id': '1'},
        '1': {'exp': 'both bears', 'obj_id': [1, 2]},
    }
    write_json(
        folder / 'meta_expressions' / 'valid' / 'meta_expressions.json',
        {'videos': {'bear': {'expressions': words_of, 'frames': ['00000', '00001', '00002']}}},
    )
    return masks


def test_masks_in_a_palette_are_objects_with_words(tmp_path):
    davis(tmp_path)

    (bear, dog), faults = annotated('davis', tmp_path)

    assert not faults
    assert (bear.name, bear.frames, bear.fps, bear.width) == ('bear', 3, 6.0, WIDTH)
    assert [track.id for track in bear.tracks] == [1, 2]
    assert list(bear.tracks[1].masks) == [1, 2]
    assert np.array_equal(bear.tracks[0].masks[2].array(), square(6, 6))
    assert bear.expressions == (
        Expression('a brown bear', (1,)),
        Expression('both bears', (1, 2)),
    )
    assert dog.expressions == ()

    examples, (fault,) = read_all('davis', tmp_path)

    assert fault.why == 'dog: there are no words for its objects'
    assert [(one.id, one.label) for one in examples] == [
        ('bear_0', 'a brown bear'),
        ('bear_1', 'both bears'),
    ]
    assert [tracked.id for tracked in examples[1].truth.objects] == [1, 2]


def test_masks_every_fifth_frame_are_numbered_by_the_pictures(tmp_path):
    for k in (0, 5, 10):
        write_png(tmp_path / 'train' / 'Annotations' / 'v' / f'{k:05d}.png', numbers((4, 6)))
    write_json(
        tmp_path / 'train' / 'meta.json',
        {'videos': {'v': {'objects': {'1': {'category': 'goat', 'frames': ['00000']}}}}},
    )

    (video,), faults = annotated('youtube-vos', tmp_path)

    assert not faults
    assert list(video.tracks[0].masks) == [0, 1, 2]
    assert video.tracks[0].label == 'goat'
    assert video.expressions == (Expression('goat', (1,)),)

    for k in range(11):
        picture = tmp_path / 'train' / 'JPEGImages' / 'v' / f'{k:05d}.jpg'
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.touch()

    (video,), _ = annotated('youtube-vos', tmp_path)

    assert (video.frames, list(video.tracks[0].masks)) == (11, [0, 5, 10])


@pytest.mark.parametrize(
    ('masks', 'missing', 'first'),
    [
        pytest.param([0, 5, 10], 0, '', id='every fifth'),
        pytest.param([0, 1, 2, 4, 5, 6, 7, 8, 9, 10], 1, '00003', id='one of all'),
        pytest.param([0, 1, 2, 3, 4, 5, 6, 7, 8], 2, '00009', id='the last two'),
        pytest.param([5, 10], 1, '00000', id='the first'),
        pytest.param([0], 10, '00001', id='only the first, as in the sets of a challenge'),
    ],
)
def test_masks_that_are_missing_are_named(tmp_path, masks, missing, first):
    for k in range(11):
        picture = tmp_path / 'train' / 'JPEGImages' / 'v' / f'{k:05d}.jpg'
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.touch()
    for k in masks:
        write_png(tmp_path / 'train' / 'Annotations' / 'v' / f'{k:05d}.png', numbers((4, 6)))

    (video,), faults = annotated('mose', tmp_path)

    assert list(video.tracks[0].masks) == masks
    why = f'{missing} masks are missing, the first is of picture {first}'
    assert [fault.why.split(': ')[0] for fault in faults] == ([why] if missing else [])


def test_grey_masks_of_0_and_255_are_one_object(tmp_path):
    write_png(tmp_path / 'Annotations' / 'v' / '0.png', 255 * (numbers((4, 6)) > 0), palette=False)

    (video,), (fault,) = annotated('davis', tmp_path)

    assert [track.id for track in video.tracks] == [1]
    assert 'no words' in fault.why


@pytest.mark.parametrize(
    ('harm', 'message'),
    [
        pytest.param(
            lambda masks: write_png(masks / '00001.png', numbers()[:-1]), 'size', id='size'
        ),
        pytest.param(lambda masks: (masks / '00001.png').write_bytes(b''), 'no PNG', id='empty'),
        pytest.param(
            lambda masks: write_png(masks / '00009.png', numbers()), 'no picture', id='extra'
        ),
        pytest.param(
            lambda masks: [one.unlink() for one in masks.glob('*.png')], 'empty video', id='none'
        ),
    ],
)
def test_a_broken_mask_costs_its_video(tmp_path, harm, message):
    masks = davis(tmp_path)
    harm(masks / 'bear')

    videos, (fault,) = annotated('davis', tmp_path)

    assert [one.name for one in videos] == ['dog']
    assert fault.file == str(masks / 'bear')
    assert message in fault.why


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        pytest.param(
            {'videos': {'bear': {'expressions': {'0': {'exp': 'x'}}}}}, 'obj_id', id='no id'
        ),
        pytest.param(
            {'videos': {'bear': {'expressions': {'0': {'exp': 'x', 'obj_id': '7'}}}}},
            'none of the objects',
            id='unknown object',
        ),
        pytest.param({'videos': {'cat': {}}}, 'no masks in Annotations', id='unknown video'),
        pytest.param({'clips': {}}, 'videos = ', id='another shape'),
        pytest.param({'videos': {'bear': 3}}, 'is no record', id='no record'),
    ],
)
def test_broken_words_are_named(tmp_path, words, message):
    davis(tmp_path)
    write_json(tmp_path / 'meta_expressions' / 'valid' / 'meta_expressions.json', words)

    videos, faults = annotated('davis', tmp_path)

    assert 'dog' in [one.name for one in videos]
    assert message in ' '.join(fault.why for fault in faults)
