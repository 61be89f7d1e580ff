# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Frames as files in memory, and which of them the other process has."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from molmo_ground_ros.backends.own_process import shared_frames
from molmo_ground_ros.backends.own_process.shared_frames import SentFrames, map_image, memory_file

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
BYTES = PIXELS.nbytes


def fixed(value: int = 0) -> NDArray[np.uint8]:
    image = np.full_like(PIXELS, value)
    image.flags.writeable = False
    return image


@pytest.mark.parametrize(
    'image', [PIXELS, PIXELS[:, ::-1], PIXELS[1:3]], ids=['all', 'flip', 'cut']
)
def test_mapped_image_has_the_same_pixels_and_cannot_be_written_to(
    image: NDArray[np.uint8],
) -> None:
    file = memory_file(image)
    with pytest.raises(PermissionError):
        os.pwrite(file, b'x', 0)
    with pytest.raises(PermissionError):
        os.truncate(file, 1)
    mapped = map_image(file, image.shape)
    with pytest.raises(OSError, match='Bad file descriptor'):
        os.fstat(file)
    assert np.array_equal(mapped, image)
    assert not mapped.flags.writeable


def test_file_in_memory_is_closed_where_it_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = Path('/proc/self/fd')
    before = len(list(files.iterdir()))

    def full(*_: object) -> int:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'write', full)
    with pytest.raises(OSError, match='No space'):
        memory_file(PIXELS)
    assert len(list(files.iterdir())) == before


def test_image_is_known_as_long_as_it_exists() -> None:
    sent = SentFrames(10 * BYTES)
    first, second = fixed(), fixed()
    assert sent.number_of(first) is None
    numbers = sent.add(first), sent.add(second)
    assert (sent.number_of(first), sent.number_of(second)) == numbers
    assert sent.dropped(set()) == []
    del first
    gc.collect()
    assert sent.dropped(set()) == [numbers[0]]
    assert sent.dropped(set()) == []
    assert sent.number_of(second) == numbers[1]


def test_image_that_can_be_written_to_is_sent_for_every_call() -> None:
    sent = SentFrames(10 * BYTES)
    image = np.zeros_like(PIXELS)
    number = sent.add(image)
    assert sent.number_of(image) is None
    assert sent.dropped({number}) == []
    assert sent.dropped(set()) == [number]
    assert sent.dropped(set()) == []


def test_least_recently_used_go_first_over_the_limit_and_never_those_needed() -> None:
    sent = SentFrames(2 * BYTES)
    images = [fixed(value) for value in range(4)]
    numbers = [sent.add(image) for image in images]
    assert sent.number_of(images[0]) == numbers[0]
    assert sent.dropped(set(numbers)) == []
    assert sent.dropped({numbers[3]}) == [numbers[1], numbers[2]]
    assert [sent.number_of(image) for image in images] == [numbers[0], None, None, numbers[3]]


def test_no_more_than_a_number_of_images_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_frames, 'MOST_FRAMES', 2)
    sent = SentFrames(10 * BYTES)
    images = [fixed(value) for value in range(3)]
    numbers = [sent.add(image) for image in images]
    assert sent.dropped(set()) == [numbers[0]]


def test_array_in_the_place_of_one_that_is_no_more_is_another_image() -> None:
    sent = SentFrames(3 * BYTES)
    numbers = set()
    for value in range(50):
        # CPython tends to give the same place, and so the same identity, again.
        image = fixed(value)
        assert sent.number_of(image) is None
        numbers.add(sent.add(image))
        del image
    gc.collect()
    assert set(sent.dropped(set())) == numbers
    kept = [fixed(value) for value in range(3)]
    for image in kept:
        sent.add(image)
    assert sent.dropped(set()) == []
