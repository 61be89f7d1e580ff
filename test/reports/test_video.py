# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from support.disk import room_for
from support.findings import (
    CAMERA,
    COUNT,
    HEIGHT,
    NASTY,
    WIDTH,
    Decoded,
    analysis,
    at,
    grasps,
    paths,
)

from molmo_ground_ros.errors import NoFrames
from molmo_ground_ros.reports.colours import colour
from molmo_ground_ros.reports.video import FRAMES_A_SECOND, write_video

SAMPLED = [at(half / 2) for half in range(41)]


@pytest.fixture(scope='module')
def decoded():
    with Decoded() as pictures:
        yield pictures


def read(path):
    """(H, W, 3) RGB pictures of a video, and its frames a second."""
    video = cv2.VideoCapture(str(path))
    assert video.isOpened()
    rate = video.get(cv2.CAP_PROP_FPS)
    frames = []
    while (got := video.read())[0]:
        frames.append(got[1][..., ::-1])
    video.release()
    return frames, rate


def away(frame, picture):
    """Mean difference of the two in the picture's lower half, where little is drawn."""
    half = slice(HEIGHT // 2, HEIGHT)
    return np.abs(frame[half].astype(int) - picture[half]).mean()


def inked(frame, x, y, number, reach=20):
    """How many pixels around a place have the colour of an id, or nearly."""
    x, y = round(x), round(y)
    part = frame[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach].astype(int)
    return int((np.abs(part - colour(number)).max(axis=-1) < 60).sum())


@pytest.fixture(scope='module')
def written(decoded, tmp_path_factory):
    path = tmp_path_factory.mktemp('video') / 'out.mp4'
    decoded.asked.clear()
    write_video(analysis(grasps(), paths()), decoded, {CAMERA: SAMPLED}, path)
    return path


def test_video_has_a_frame_for_each_sampled_stamp(written, decoded):
    frames, rate = read(written)
    assert len(frames) == len(SAMPLED) == 41
    assert rate == FRAMES_A_SECOND
    assert frames[0].shape[1] == WIDTH
    assert frames[0].shape[0] > HEIGHT  # and the clock below
    for number in (0, 20, 40):
        own, other = (decoded(CAMERA, SAMPLED[place]).image for place in (number, number - 15))
        assert away(frames[number], own) < 4
        assert away(frames[number], other) > away(frames[number], own) + 1


def test_each_frame_is_decoded_once(decoded, tmp_path):
    decoded.asked.clear()
    write_video(analysis(grasps()), decoded, {CAMERA: SAMPLED[:6]}, tmp_path / 'out.mp4')
    assert decoded.asked[1:] == [(CAMERA, stamp) for stamp in SAMPLED[:6]]
    assert decoded.asked[0] == (CAMERA, SAMPLED[0])  # for its size


def test_event_is_drawn_on_its_frame_and_a_while_longer(decoded, tmp_path):
    event = grasps().events[1]
    shown = event.sighting.point
    seconds = (4, 5, 5.9, 6.4, 8, 9)
    stamps = [at(second) for second in seconds]
    assert stamps[2] == shown.stamp_ns
    write_video(analysis(grasps()), decoded, {CAMERA: stamps}, tmp_path / 'out.mp4')
    frames, _ = read(tmp_path / 'out.mp4')
    seen = [inked(frame, shown.x, shown.y, event.id) for frame in frames]
    assert seen[2] > 60 > seen[3] > 10  # then with a thin ring
    assert max(*seen[:2], *seen[4:]) < 5


def test_object_is_drawn_with_its_trail(written):
    frames, _ = read(written)
    track = paths().tracks[0]
    now, before = track.points[30].point, track.points[23].point
    assert now.stamp_ns == SAMPLED[30]
    assert inked(frames[30], now.x, now.y, track.id, reach=8) > 30
    assert inked(frames[30], before.x, before.y, track.id, reach=4) > 4
    gone = track.points[15].point
    assert inked(frames[30], gone.x, gone.y, track.id, reach=4) == 0


def test_clock_runs(written):
    frames, _ = read(written)
    strips = [frame[HEIGHT:, :90] for frame in frames]
    changes = [np.abs(a.astype(int) - b).max() for a, b in pairwise(strips)]
    assert min(changes) > 60


def test_cameras_stand_side_by_side(decoded, tmp_path):
    both = {CAMERA: SAMPLED[:4], 'left': SAMPLED[2:6]}

    def pictures(camera, stamp_ns):
        return decoded(CAMERA, stamp_ns)

    made = analysis(grasps(), replace(paths(), camera='left'), cameras=(CAMERA, 'left'))
    write_video(made, pictures, both, tmp_path / 'out.mp4')
    frames, _ = read(tmp_path / 'out.mp4')
    assert len(frames) == 6  # one for each stamp, whichever cameras have it
    assert frames[0].shape[1] == 960
    assert frames[0][100, 700:].max() < 60  # nothing of it yet
    assert frames[2][100, 700:].max() > 120


def test_picture_that_cannot_be_decoded_is_grey(tmp_path):
    with Decoded(broken=SAMPLED[0]) as pictures:
        write_video(analysis(grasps()), pictures, {CAMERA: SAMPLED[:3]}, tmp_path / 'out.mp4')
    frames, _ = read(tmp_path / 'out.mp4')
    assert len(frames) == 3
    assert np.abs(frames[0][50:150].astype(int) - 96).max() < 12
    assert np.ptp(frames[1][50:150]) > 60


def test_any_question_can_be_written(decoded, tmp_path):
    made = analysis(grasps(replace(COUNT, text=NASTY)))
    write_video(made, decoded, {CAMERA: SAMPLED[:2]}, tmp_path / 'out.mp4')
    assert len(read(tmp_path / 'out.mp4')[0]) == 2


def test_video_without_frames_is_refused(decoded, tmp_path):
    with pytest.raises(NoFrames, match='a video needs one'):
        write_video(analysis(grasps()), decoded, {CAMERA: []}, tmp_path / 'out.mp4')
    assert list(tmp_path.iterdir()) == []


def test_same_analysis_gives_the_same_bytes(written, decoded, tmp_path):
    write_video(analysis(grasps(), paths()), decoded, {CAMERA: SAMPLED}, tmp_path / 'again.mp4')
    assert (tmp_path / 'again.mp4').read_bytes() == written.read_bytes()


def test_disk_that_fills_leaves_the_older_video(decoded, tmp_path):
    path = tmp_path / 'out.mp4'
    path.write_text('older')
    with room_for(20_000), pytest.raises(OSError, match='is the disk full'):
        write_video(analysis(grasps()), decoded, {CAMERA: SAMPLED}, path)
    assert path.read_text() == 'older'
    assert list(tmp_path.iterdir()) == [path]
