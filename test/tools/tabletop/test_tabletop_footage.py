# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Clips to measure on, and the files to learn from."""

from pathlib import Path

import cv2
import numpy as np

from tools.tabletop.footage import FIRST_SEED, film
from tools.tabletop.render import Stage
from tools.tabletop.shards import (
    AT_FINGERS,
    NEAR_S,
    SIDE,
    TRUTH_ALONE,
    TRUTH_SIDE,
    episode,
    path_of,
    stills,
    truth_only,
    write_shards,
)
from tools.tabletop.simulate import main
from tools.tabletop.truth import CELL_GRIPPER, load


def test_points_of_a_filmed_clip_lie_in_its_masks(camera: Stage) -> None:
    for number in range(4):
        clip = film(3, number, camera, (4.0, 8.0))
        assert clip.truth.seed == FIRST_SEED + 300_000 + number
        assert len(clip.jpegs) == len(clip.truth.time_s) == len(clip.labels)
        spots = [*np.moveaxis(clip.truth.point, 1, 0), clip.truth.gripper_point]
        for thing, places in zip(
            [*range(len(clip.truth.things)), CELL_GRIPPER], spots, strict=True
        ):
            for frame in np.flatnonzero(~np.isnan(places[:, 0])):
                x, y = places[frame]
                assert clip.mask(int(frame), thing)[int(y * 480), int(x * 640)]


def test_a_clip_has_the_asked_length_and_ends_off_the_grid_half_the_time(
    camera: Stage,
) -> None:
    clips = [film(4, number, camera, (2.0, 4.0)) for number in range(12)]
    lasting = [float(clip.truth.time_s[-1] - clip.truth.time_s[0]) for clip in clips]
    assert min(lasting) >= 1.0
    assert max(lasting) <= 4.0
    assert 2 <= sum(not clip.truth.on_grid[-1] for clip in clips) <= 10
    for clip in clips:
        steps = np.diff(clip.truth.time_s[:-1])
        np.testing.assert_allclose(steps, 0.5, atol=1e-4)


def test_a_seed_and_a_number_always_give_the_same_clip(camera: Stage) -> None:
    first, again, other = (film(s, 1, camera, (2.0, 3.0)) for s in (5, 5, 6))
    assert first.jpegs == again.jpegs
    assert first.jpegs != other.jpegs


def test_a_jpeg_is_a_picture_of_the_cameras_size(camera: Stage) -> None:
    clip = film(7, 0, camera, (2.0, 3.0))
    image = cv2.imdecode(np.frombuffer(clip.jpegs[0], np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == clip.labels[0].shape + (3,)


def test_episodes_are_written_once_and_go_on(tmp_path: Path, stage: Stage) -> None:
    list(write_shards(tmp_path, range(50, 51), processes=1))
    before = path_of(tmp_path, 50).stat().st_mtime_ns
    frames, truth = load(path_of(tmp_path, 50))
    assert list(write_shards(tmp_path, range(50, 51), processes=1)) == []
    assert path_of(tmp_path, 50).stat().st_mtime_ns == before
    assert frames.shape == (len(truth.time_s), SIDE, SIDE, 3)
    again, _ = episode(50, stage)
    np.testing.assert_array_equal(frames, again)
    assert (np.diff(truth.time_s) > 0).all()
    assert 0.05 < (~truth.on_grid).mean() < 0.2


def test_a_truth_can_be_written_without_its_pictures(tmp_path: Path, stage: Stage) -> None:
    list(write_shards(tmp_path, range(50, 51), processes=1, frames=TRUTH_ALONE))
    frames, truth = load(path_of(tmp_path, 50))
    assert len(frames) == 0
    _, whole = episode(50, stage)
    np.testing.assert_array_equal(truth.time_s, whole.time_s)
    # What is almost hidden may be seen in one and not in the other. Where a thing's middle is
    # hidden its point is a pixel of its mask, and pixels of the smaller picture are larger.
    seen, whole_seen = truth.clear(), whole.clear()
    clear = seen & whole_seen
    assert clear.sum() > 0.9 * max(seen.sum(), whole_seen.sum())
    np.testing.assert_allclose(truth.point[clear], whole.point[clear], atol=2 / TRUTH_SIDE)


def test_half_of_the_stills_show_the_fingers_at_a_thing(stage: Stage) -> None:
    near = []
    for seed in range(50, 56):
        pictures, truth = stills(seed, stage, 6)
        assert len(pictures) == len(truth.time_s) == 6
        assert (np.diff(truth.time_s) > 0).all()
        moments = [event.moment_s for event in truth.events if event.kind in AT_FINGERS]
        assert len(moments) >= 2
        apart = np.abs(truth.time_s[:, None] - np.array(moments)).min(1)
        near.append((apart <= NEAR_S + 1e-3).sum())
    assert min(near) >= 3
    assert np.mean(near) < 6


def test_the_command_writes_episodes(tmp_path: Path) -> None:
    assert main(['shards', str(tmp_path), '--first', '60', '--count', '2', '--processes', '2']) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ['60.npz', '61.npz']


def test_a_truth_without_frames_is_nearly_the_one_with_them(stage: Stage) -> None:
    small = Stage(TRUTH_SIDE, TRUTH_SIDE, oversize=1)
    try:
        for seed in (50, 51):
            quick, full = truth_only(seed, small), episode(seed, stage)[1]
            assert quick.events == full.events
            np.testing.assert_array_equal(quick.time_s, full.time_s)
            np.testing.assert_array_equal(quick.position_m, full.position_m)
            assert np.abs(quick.visible - full.visible).mean() < 0.05
            assert (quick.cells == full.cells).mean() > 0.97
            both = ~np.isnan(quick.point) & ~np.isnan(full.point)
            assert np.abs(quick.point[both] - full.point[both]).mean() < 0.004
    finally:
        small.close()
