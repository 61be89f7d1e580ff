# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""J&F of masks that lie in a folder."""

from dataclasses import replace

import numpy as np
import pytest
from support.evaluations import mask, point_example, track_example
from support.pngs import write_png

from molmo_ground_ros.benchmarks.datasets.examples import Media
from molmo_ground_ros.benchmarks.scoring.predictions import AnswerState, Predictions
from molmo_ground_ros.benchmarks.scoring.ready_masks import ready_mask_result
from molmo_ground_ros.benchmarks.scoring.score import Rules, example_result


def union(example, frame):
    """(H, W) the pixels of all objects of an example on a frame."""
    pixels = np.zeros((example.height, example.width), bool)
    for tracked in example.truth.objects:
        if frame in tracked.masks:
            pixels |= tracked.masks[frame].array()
    return pixels


def write_masks(folder, example, of=union):
    for k in range(example.truth.frames):
        pixels = np.where(of(example, k), 255, 0).astype(np.uint8)
        write_png(folder / f'{k:05d}.png', pixels, palette=False)


@pytest.mark.parametrize('place', ['video of e/0', 'Annotations/video of e/0', 'video of e_0'])
def test_masks_equal_to_the_truth_score_1(tmp_path, place):
    example = replace(track_example('video of e_0'), media=Media('video of e'))
    write_masks(tmp_path / place, example)

    result = example_result(example, Predictions('m', {}, masks=str(tmp_path)).to('x'), Rules())

    assert result.state is AnswerState.ANSWERED
    assert result.scores == {'j': 1.0, 'f': 1.0, 'j_and_f': 1.0}


def test_masks_elsewhere_score_0(tmp_path):
    example = track_example('e')
    write_masks(tmp_path / 'e', example, lambda one, frame: mask(50, 2).array())

    assert ready_mask_result(example, str(tmp_path)).scores['j'] == 0.0


@pytest.mark.parametrize(
    ('harm', 'message'),
    [
        pytest.param(lambda folder: [p.unlink() for p in folder.glob('*')], 'are neither', id='no'),
        pytest.param(
            lambda folder: (folder / '00001.png').write_bytes(b'x'), 'no PNG', id='broken'
        ),
        pytest.param(lambda folder: (folder / '00007.png').unlink(), 'are neither', id='fewer'),
        pytest.param(
            lambda folder: write_png(folder / '00001.png', np.zeros((3, 3), np.uint8)),
            'is not of',
            id='another size',
        ),
    ],
)
def test_masks_that_are_missing_or_broken_score_0_and_are_named(tmp_path, harm, message):
    example = track_example('e')
    write_masks(tmp_path / 'e', example)
    harm(tmp_path / 'e')

    result = ready_mask_result(example, str(tmp_path))

    assert result.state is AnswerState.UNANSWERED
    assert result.scores == {'j': 0.0, 'f': 0.0, 'j_and_f': 0.0}
    assert message in result.why


def test_a_folder_that_is_missing_is_named_and_points_are_not_scored(tmp_path):
    assert 'is no folder' in ready_mask_result(track_example('e'), str(tmp_path)).why
    result = ready_mask_result(point_example(), str(tmp_path))
    assert (result.scores, result.state) == ({}, AnswerState.ANSWERED)
