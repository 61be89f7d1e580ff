# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Loading the frames of one window."""

from __future__ import annotations

import numpy as np
import pytest

from molmo_ground_ros.errors import ImageError, NoFrames
from molmo_ground_ros.frames.sampled_clip import sampled_clip
from molmo_ground_ros.types import Frame

MS = 1_000_000
STAMPS = [i * 100 * MS for i in range(21)]  # ten a second, for two seconds


class Loader:
    """Gives black frames, and notes which were asked for."""

    def __init__(self, damaged=()):
        self.damaged = set(damaged)
        self.stamps = []

    def __call__(self, stamp_ns):
        self.stamps.append(stamp_ns)
        if stamp_ns in self.damaged:
            raise ImageError(f'damaged at {stamp_ns // MS}')
        return Frame(stamp_ns, np.zeros((2, 2, 3), np.uint8))


def clip_of(load, failed):
    return sampled_clip('front', STAMPS, load, (0, STAMPS[-1]), 0, failed)


def test_only_the_sampled_frames_are_loaded_each_once():
    load, failed = Loader(), {}
    clip = clip_of(load, failed)
    assert load.stamps == [0, 500 * MS, 1000 * MS, 1500 * MS, 2000 * MS]
    assert [frame.stamp_ns for frame in clip.frames] == load.stamps
    assert clip.seconds == (0.0, 0.5, 1.0, 1.5, 2.0)
    assert (clip.camera, clip.frames_expected, failed) == ('front', 5, {})


def test_a_neighbour_takes_the_place_of_a_damaged_image():
    load, failed = Loader([1000 * MS]), {}
    clip = clip_of(load, failed)
    assert [frame.stamp_ns // MS for frame in clip.frames] == [0, 500, 900, 1500, 2000]
    assert clip.seconds == (0.0, 0.5, 1.0, 1.5, 2.0)
    assert list(failed) == [1000 * MS]
    assert load.stamps.count(1500 * MS) == 1


def test_a_time_without_a_usable_image_is_left_out():
    failed = {}
    damaged = [stamp for stamp in STAMPS if 750 * MS < stamp < 1250 * MS]
    clip = clip_of(Loader(damaged), failed)
    assert clip.seconds == (0.0, 0.5, 1.5, 2.0)
    assert sorted(failed) == damaged
    assert clip.frames_expected == 5


def test_no_usable_image_names_the_last_error():
    with pytest.raises(NoFrames, match='none of 21 could be decoded; the last one: damaged at'):
        clip_of(Loader(STAMPS), {})


def test_images_cannot_be_written_to():
    clip = clip_of(Loader(), {})
    assert not any(frame.image.flags.writeable for frame in clip.frames)
