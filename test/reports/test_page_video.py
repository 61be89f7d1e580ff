# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import sys

import av
import numpy as np
import pytest
from support import long_run
from support.findings import CAMERA, Decoded, at, grasps

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.reports import page_video
from molmo_ground_ros.reports.page_video import choose, page_videos
from molmo_ground_ros.types import Frame

SECOND = 1_000_000_000
SAMPLED = [at(half / 2) for half in range(20)]
EVENTS = {CAMERA: [event.sighting.point.stamp_ns for event in grasps().events]}


def images(mp4):
    """(H, W, 3) RGB images of a video, and their times in seconds."""
    with av.open(io.BytesIO(mp4)) as container:
        frames = list(container.decode(video=0))
    return [frame.to_ndarray(format='rgb24') for frame in frames], [frame.time for frame in frames]


def halves(*seconds):
    return [round(second * 2) * SECOND // 2 for second in seconds]


TEN = halves(*(half / 2 for half in range(20)))  # 0 to 9.5 s


@pytest.mark.parametrize(
    ('events', 'most', 'expected'),
    [
        pytest.param([5], 20, TEN, id='room for all'),
        pytest.param([5], 5, halves(4, 4.5, 5, 5.5, 6), id='around an event'),
        pytest.param([2, 8], 6, halves(1.5, 2, 2.5, 7.5, 8, 8.5), id='around two'),
        pytest.param([2, 2.5], 4, halves(1.5, 2, 2.5, 3), id='what two share counts once'),
        pytest.param([0, 9.5], 2, halves(0, 9.5), id='the events alone'),
        pytest.param([1, 2, 3, 4], 2, halves(1, 3), id='more events than room'),
        pytest.param([], 4, halves(0, 2.5, 5, 7.5), id='no events: evenly spaced'),
    ],
)
def test_frames_nearest_to_the_events_are_chosen(events, most, expected):
    assert list(choose(halves(*events), TEN, most)) == expected


def test_frame_of_the_video_is_the_image_of_its_stamp():
    with Decoded() as pictures:
        (video,) = page_videos(EVENTS, pictures, {CAMERA: SAMPLED})
        truths = [pictures(CAMERA, stamp).image for stamp in SAMPLED]
    frames, times = images(video.mp4)
    assert video.stamps == tuple(SAMPLED) and video.note == ''
    assert times == [k / page_video.FRAMES_A_SECOND for k in range(len(SAMPLED))]
    small = [image[::8, ::8].astype(int) for image in (*frames, *truths)]
    shown, real = np.array(small[: len(frames)]), np.array(small[len(frames) :])
    away = np.abs(shown[:, None] - real[None]).mean(axis=(2, 3, 4))
    assert away.argmin(axis=1).tolist() == list(range(len(SAMPLED)))
    assert away.diagonal().max() < 4


def test_same_analysis_gives_the_same_video():
    with Decoded() as pictures:
        one, two = (list(page_videos(EVENTS, pictures, {CAMERA: SAMPLED})) for _ in range(2))
    assert one == two


def test_image_that_cannot_be_decoded_is_grey_and_keeps_its_place():
    def read_frame(camera, stamp):
        if stamp in SAMPLED[:2]:
            raise ImageError('cut off')
        return Frame(stamp, np.full((30, 41, 3), 200, np.uint8), '')

    (video,) = page_videos(EVENTS, read_frame, {CAMERA: SAMPLED[:4]})
    frames, _ = images(video.mp4)
    assert len(frames) == 4 and frames[0].shape == (30, 40, 3)
    assert [round(float(np.median(frame)), -1) for frame in frames] == [100, 100, 200, 200]


def test_video_of_noise_stays_below_its_bytes():
    noise = np.random.default_rng(0)

    def read_frame(camera, stamp):
        return Frame(stamp, noise.integers(0, 256, (480, 640, 3), np.uint8), '')

    stamps = {CAMERA: SAMPLED}
    (video,) = page_videos(EVENTS, read_frame, stamps, 200_000)
    assert 0 < len(video.mp4) <= 200_000
    (video,) = page_videos(EVENTS, read_frame, stamps, 300 * len(SAMPLED) - 1)
    assert video.mp4 == b'' and 'below 25 MB' in video.note


def test_cameras_share_the_frames_and_each_says_what_it_leaves_out(monkeypatch):
    monkeypatch.setattr(page_video, 'MOST_FRAMES', 60)
    stamps = {'/other': long_run.STAMPS[:5], long_run.CAMERA: long_run.STAMPS}

    def read_frame(camera, stamp):
        return long_run.read_frame(long_run.CAMERA, stamp)

    first, second = page_videos({'/other': [], long_run.CAMERA: []}, read_frame, stamps)
    assert len(first.stamps) == 5 and first.note == ''
    assert len(second.stamps) == 55
    assert second.note == '55 of 4441 frames'
    around = {long_run.CAMERA: long_run.STAMPS[5:900:100]}
    (third,) = page_videos(around, read_frame, stamps)
    assert third.note == f'{len(third.stamps)} of 4441 frames, around 9 events'
    assert set(around[long_run.CAMERA]) <= set(third.stamps)


def test_camera_without_stamps_and_machine_without_pyav_have_no_video(monkeypatch):
    (video,) = page_videos(EVENTS, long_run.read_frame, {})
    assert (video.mp4, video.note) == (b'', 'there is no video of it')
    monkeypatch.setitem(sys.modules, 'av', None)
    with Decoded() as pictures:
        (video,) = page_videos(EVENTS, pictures, {CAMERA: SAMPLED})
    assert video.mp4 == b'' and 'PyAV' in video.note
