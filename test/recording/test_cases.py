# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings as people have them: each file in `cases/` was made after a public report of a bug."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from molmo_ground_ros.frames import image
from molmo_ground_ros.recording import LossKind, Recording, open_cameras, open_recording
from molmo_ground_ros.types import CompressedImage

CASES = Path(__file__).with_name('cases')
START_S = 1_700_000_000
RED = (200, 40, 20)


def colours(recording: Recording) -> list[tuple[int, ...]]:
    """The mean colour of every picture."""
    decoded = (image.decode(message.image) for message in recording.messages())
    return [tuple(pixels.reshape(-1, 3).mean(0).round().astype(int)) for pixels in decoded]


def check(name: str, topic: str, seconds: list[float], colour: tuple[int, ...]) -> Recording:
    """Every picture of the only camera has its stamp and colour."""
    recording = open_recording(CASES / name)
    assert recording.topic == topic
    assert [stamp_ns / 1e9 for stamp_ns in recording.stamps.tolist()] == pytest.approx(seconds)
    assert len(recording.clip(*recording.windows()[0]).frames) > 0
    assert np.abs(np.array(colours(recording)) - colour).max() <= 3
    return recording


TENTHS = [START_S, START_S + 0.1, START_S + 0.2]


@pytest.mark.parametrize(
    ('name', 'topic', 'seconds', 'colour'),
    [
        ('jpeg-label-rgb8.mcap', '/cam/image/compressed', TENTHS, RED),
        ('bayer-jpeg.mcap', '/cam/image/compressed', [START_S], RED),
        ('nanosec-over-1e9.mcap', '/cam/image/compressed', [1, 2, 3], RED),
        ('frame-id-of-length-0.mcap', '/cam/image/compressed', TENTHS, RED),
        ('step-4-rgba8.mcap', '/cam/image_raw', TENTHS, RED),
        ('nv21-step-2w.mcap', '/cam/image_raw', TENTHS, (254, 0, 0)),
    ],
)
def test_every_picture_is_read_without_a_loss(name, topic, seconds, colour) -> None:
    assert check(name, topic, seconds, colour).loss == ()


def kinds_of_loss(recording: Recording) -> list[LossKind]:
    return [loss.kind for loss in recording.loss]


def test_stamps_that_were_never_set_are_log_times_and_told() -> None:
    recording = check('all-stamps-zero.mcap', '/cam/image/compressed', TENTHS, RED)
    assert kinds_of_loss(recording) == [LossKind.LOG_STAMP]
    assert recording.loss[0].messages == 3


def test_camera_called_depthai_is_no_depth_camera() -> None:
    check('depthai-topic.mcap', '/depthai/rgb/image_raw/compressed', TENTHS, RED)


def test_damaged_schema_of_a_database_costs_no_picture() -> None:
    name = 'one-byte-of-schema-damaged.db3'
    with open_recording(CASES / name) as recording:
        assert [stamp_ns / 1e9 for stamp_ns in recording.stamps.tolist()] == pytest.approx(TENTHS)
        assert len(colours(recording)) == 3
        assert kinds_of_loss(recording) == [LossKind.BAD_PAGES]


def test_topic_with_messages_of_two_types_gives_both() -> None:
    with open_recording(CASES / 'one-topic-two-types.mcap') as recording:
        expected = [RED, (128, 128, 128)] * 3
        assert np.abs(np.array(colours(recording)) - expected).max() <= 3
        assert (np.diff(recording.stamps) == 50_000_000).all()
        assert recording.loss == ()


def test_pictures_under_the_types_of_video_are_read_as_what_they_are() -> None:
    recordings = open_cameras(CASES / 'one-camera-of-three-readable.mcap')
    assert list(recordings) == ['/rear', '/front', '/left']
    for recording in recordings.values():
        assert len(recording.clip(*recording.windows()[0]).frames) == 2
        assert np.abs(np.array(colours(recording)) - RED).max() <= 3
        assert recording.loss == ()


@pytest.mark.parametrize(
    ('name', 'count', 'period_s'),
    [('interlaced-red.mp4', 10, 0.1), ('av1-red.mp4', 5, 0.2)],
)
def test_video_is_red(name, count, period_s) -> None:
    seconds = [number * period_s for number in range(count)]
    assert check(name, 'video', seconds, (253, 0, 0)).loss == ()


def test_lead_in_of_a_trimmed_video_is_neither_shown_nor_damage() -> None:
    with open_recording(CASES / 'trimmed-without-encoding.mp4') as recording:
        assert recording.stamps.tolist() == [n * 100_000_000 for n in range(30)]
        assert recording.windows() == [(0, 2_900_000_000)]
        assert len(colours(recording)) == 30
        assert recording.loss == ()


def test_ros1_label_on_messages_of_ros2_costs_no_picture() -> None:
    check('ros1msg.mcap', '/cam/image/compressed', [START_S], RED)


@pytest.mark.parametrize('name', ['no-eoi.jpg', 'junk-before-dqt.jpg'])
def test_jpeg_that_a_decoder_can_read_is_read(name) -> None:
    pixels = image.decode(CompressedImage('jpeg', (CASES / name).read_bytes()))
    assert np.abs(pixels.astype(int) - RED).max() <= 3


def test_hole_in_a_chunk_head_costs_that_chunk_alone() -> None:
    with open_recording(CASES / 'zero-hole-in-chunk-head.mcap') as recording:
        assert np.abs(np.array(colours(recording)) - RED).max() <= 3
        # All but one of three chunks of two: a picture behind the hole is readable as well.
        assert len(recording.stamps) == 5
        assert LossKind.BAD_RECORD in {loss.kind for loss in recording.loss}


def test_damaged_h265_hangs_no_thread() -> None:
    """In a process of its own: what waits inside FFmpeg cannot be interrupted."""
    program = (
        'import sys; from molmo_ground_ros.recording import open_recording\n'
        'with open_recording(sys.argv[1]) as recording: print(len(list(recording.messages())))'
    )
    command = [sys.executable, '-c', program, str(CASES / 'h265-that-hangs-threads.mov')]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    assert int(done.stdout) > 0
