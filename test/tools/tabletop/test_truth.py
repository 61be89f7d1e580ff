# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An episode's file gives back what was written."""

from dataclasses import fields
from pathlib import Path

import numpy as np

from tools.tabletop.truth import CELLS, Event, Thing, Truth, load, save


def _truth(frames: int, things: int) -> Truth:
    return Truth(
        seed=7,
        view=1,
        hand_held=True,
        duration_s=2.5,
        things=tuple(Thing('cylinder', 'orange', 'medium') for _ in range(things)),
        events=(Event('grasp', 0, -1, 0.2, 0.4, 0.9), Event('change_colour', 1, -1, 1.0, 1.0, 1.0)),
        time_s=np.arange(frames, dtype=np.float32) / 2,
        on_grid=np.ones(frames, bool),
        point=np.full((frames, things, 2), np.nan, np.float32),
        visible=np.full((frames, things), 0.3, np.float32),
        position_m=np.zeros((frames, things, 3), np.float32),
        supported_by=np.full((frames, things), -1, np.int8),
        upright=np.ones((frames, things), bool),
        held=np.full(frames, -1, np.int8),
        lifted=np.full(frames, -1, np.int8),
        gripper_point=np.full((frames, 2), 0.5, np.float32),
        gripper_opening_m=np.full(frames, 0.04, np.float32),
        colour=np.zeros((frames, things), np.uint8),
        kind=np.zeros((frames, things), np.uint8),
        cells=np.full((frames, CELLS, CELLS), 255, np.uint8),
    )


def test_a_file_gives_back_its_truth_and_frames(tmp_path: Path) -> None:
    truth, frames = _truth(3, 2), np.arange(3 * 4 * 4 * 3, dtype=np.uint8).reshape(3, 4, 4, 3)
    save(tmp_path / 'a.npz', frames, truth)
    pictures, again = load(tmp_path / 'a.npz')
    np.testing.assert_array_equal(pictures, frames)
    assert [path.name for path in tmp_path.iterdir()] == ['a.npz']
    for field in fields(Truth):
        before, after = getattr(truth, field.name), getattr(again, field.name)
        if isinstance(before, np.ndarray):
            np.testing.assert_array_equal(after, before)
            assert after.dtype == before.dtype
        else:
            assert after == before
            assert type(after) is type(before)


def test_an_episode_without_events_can_be_stored(tmp_path: Path) -> None:
    truth = _truth(1, 1)
    quiet = Truth(**{f.name: getattr(truth, f.name) for f in fields(Truth)} | {'events': ()})
    save(tmp_path / 'a.npz', np.zeros((1, 2, 2, 3), np.uint8), quiet)
    assert load(tmp_path / 'a.npz', frames=False)[1].events == ()
