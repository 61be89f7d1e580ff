# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from molmo_ground_ros.backends.checkpoint import read_processor
from molmo_ground_ros.backends.pixels import PixelConfig, frame_patches, pooling_indices, resize
from molmo_ground_ros.errors import ImageError

torch = pytest.importorskip('torch', reason="needs pip install '.[transformers]'")
pytest.importorskip('transformers', reason="needs pip install '.[transformers]'")

# Another compiler may fuse multiply and add in another order, which moves a value that lies within
# 1e-4 of a half by one level. On these the kernel's arithmetic is the one restated.
EXACT_ON = ('AVX2', 'AVX512')

SIZES = [(640, 480), (1280, 720), (853, 4), (1, 1), (480, 640), (100, 80), (378, 378), (379, 377)]


def picture(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope='module')
def released(make_checkpoint):
    return make_checkpoint(size=378, nested=False)


@pytest.fixture(scope='module')
def variants(make_checkpoint):
    """Other settings a processor file may hold."""
    return {
        'imagenet mean': make_checkpoint(
            image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]
        ),
        'not normalised': make_checkpoint(do_normalize=False),
        'not rescaled': make_checkpoint(do_rescale=False),
        'raw': make_checkpoint(do_rescale=False, do_normalize=False),
        'padded pooling': make_checkpoint(size=112),
        'uneven pooling': make_checkpoint(size=112, pooling_size=[2, 3]),
    }


def case(folder: Path, image: np.ndarray, **options) -> dict:
    return {
        'folder': str(folder),
        'frames': np.stack([image, image[::-1]]),
        'seconds': [0.0, 0.5],
        'question': '?',
        **options,
    }


@pytest.fixture(scope='module')
def processed(run_reference, released, variants):
    """Reference output by picture size, by thread count and by variant."""
    image = picture(200, 150)
    keys = [*SIZES, 'one thread', *variants]
    cases = [case(released, picture(*size)) for size in SIZES]
    cases += [case(released, picture(640, 480), threads=1)]
    cases += [case(folder, image) for folder in variants.values()]
    return dict(zip(keys, run_reference(cases), strict=True))


def assert_same(ours: np.ndarray, theirs: np.ndarray, config: PixelConfig) -> None:
    if torch.backends.cpu.get_cpu_capability() in EXACT_ON:
        np.testing.assert_array_equal(ours, theirs)
        return
    level = np.abs(ours - theirs) * 127.5  # with mean and std 0.5
    assert level.max() < 1.01
    assert np.count_nonzero(level) <= 1e-4 * level.size


@pytest.mark.parametrize('size', SIZES, ids=str)
def test_patches_equal_the_processors(size, processed, released):
    config, _ = read_processor('tiny', released)
    image = picture(*size)
    for ours, theirs in zip((image, image[::-1]), processed[size]['pixels'], strict=True):
        assert_same(frame_patches(ours, config), theirs, config)


@pytest.mark.parametrize(
    'variant',
    ['imagenet mean', 'not normalised', 'not rescaled', 'raw', 'padded pooling', 'uneven pooling'],
)
def test_other_settings_equal_the_processors(variant, processed, variants):
    config, _ = read_processor('tiny', variants[variant])
    image, patches = picture(200, 150), processed[variant]
    for ours, theirs in zip((image, image[::-1]), patches['pixels'], strict=True):
        assert_same(frame_patches(ours, config), theirs.astype(np.float32), config)
    index = pooling_indices(config)
    second = np.where(index < 0, index, index + config.side**2)
    np.testing.assert_array_equal(np.concatenate([index, second]), patches['pooling'])
    assert patches['grid'].tolist() == [2, *config.grid]


def test_parity_the_processor_itself_differs_with_one_thread(processed):
    """parity: torch resizes by another kernel then; at most one level, in few bytes."""
    level = np.abs(processed['one thread']['pixels'] - processed[640, 480]['pixels']) * 127.5
    assert level.max() < 1.01
    assert np.count_nonzero(level) < 1e-4 * level.size


def test_resize_keeps_the_range_and_the_flat():
    assert resize(np.full((3, 5, 3), 255, np.uint8), 28).min() == 255
    assert resize(np.zeros((3, 5, 3), np.uint8), 28).max() == 0


def test_the_frame_itself_is_not_written_to():
    image = picture(84, 84)
    before = image.copy()
    frame_patches(image, PixelConfig(size=84))
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    'image',
    [
        pytest.param(np.zeros((4, 4), np.uint8), id='no channels'),
        pytest.param(np.zeros((4, 4, 4), np.uint8), id='four channels'),
        pytest.param(np.zeros((0, 4, 3), np.uint8), id='no rows'),
        pytest.param(np.zeros((4, 4, 3), np.float32), id='float'),
    ],
)
def test_what_is_not_a_frame_is_an_error_that_says_so(image):
    with pytest.raises(ImageError, match=r'found \('):
        frame_patches(image, PixelConfig())
