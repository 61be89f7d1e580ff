# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import gc
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('av', reason="needs PyAV: pip install 'molmo_ground_ros[bag]'")

from molmo_ground_ros.errors import BagError, ImageError, NoFrames
from molmo_ground_ros.frames import image
from molmo_ground_ros.recording import LossKind, open_recording
from molmo_ground_ros.recording.open_files import OpenFiles
from molmo_ground_ros.recording.video import TOPIC, VideoSource

RATE_HZ = 10
COUNT = 900
EPOCH_NS = 1_700_000_000_000_000_000
TENTH_NS = 100_000_000


def grey(number: int) -> int:
    return 20 + number * 37 % 200  # neighbours are 37 apart, or more


@pytest.fixture(
    scope='module',
    params=[
        pytest.param(('.avi', 'MJPG'), id='pictures by themselves'),
        pytest.param(('.mp4', 'mp4v'), id='pictures that build on others'),
    ],
)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 s at 10 Hz; each picture has a blue of its own among its neighbours."""
    suffix, codec = request.param
    path = tmp_path_factory.mktemp('video') / f'run{suffix}'
    size = (64, 48)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), RATE_HZ, size)
    for number in range(COUNT):
        writer.write(np.full((48, 64, 3), (grey(number), 0, 0), np.uint8))
    writer.release()
    return path


def blue(pixels: np.ndarray) -> float:
    return float(pixels[..., 2].mean())


def test_stamps_are_the_epoch_and_the_times_in_the_file(video: Path) -> None:
    with open_recording(video, epoch_ns=EPOCH_NS) as recording:
        assert recording.topic == TOPIC
        assert recording.stamps.tolist() == [EPOCH_NS + n * TENTH_NS for n in range(COUNT)]
        assert recording.loss == () and recording.is_video
        assert recording.windows()[0] == (EPOCH_NS, EPOCH_NS + 63_000_000_000)
    with open_recording(video) as recording:
        assert recording.span == (0, (COUNT - 1) * TENTH_NS)  # 0 is a time, not a missing stamp


def test_clip_shows_the_pictures_of_its_stamps(video: Path) -> None:
    with open_recording(video) as recording:
        for start_s, end_s in ((0, 4), (60.2, 63), (20, 22.3)):  # forward, a seek, and back
            clip = recording.clip(round(start_s * 1e9), round(end_s * 1e9))
            for frame in clip.frames:
                assert frame.image.shape == (48, 64, 3)
                assert blue(frame.image) == pytest.approx(grey(frame.stamp_ns // TENTH_NS), abs=12)


def test_any_picture_is_found_in_any_order(video: Path) -> None:
    with open_recording(video) as recording:
        for number in (800, 5, 899, 0, 450, 449, 451):
            picture = recording.message(number * TENTH_NS)
            assert blue(image.decode(picture.image)) == pytest.approx(grey(number), abs=12)
        with pytest.raises(NoFrames, match='stamp 5'):
            recording.message(5)


def test_time_that_no_picture_has_is_an_error(video: Path) -> None:
    source = VideoSource(video, str(video), 0, OpenFiles())
    with pytest.raises(ImageError, match=r'no picture of 0\.050 s'):
        source.message(TENTH_NS // 2, '')
    with pytest.raises(ImageError, match=r'no picture of 900\.000 s'):
        source.message(900 * 10**9, '')
    source.close()


def test_video_that_is_cut_off_is_read_as_far_as_it_goes(video: Path, tmp_path: Path) -> None:
    path = tmp_path / f'cut{video.suffix}'
    data = video.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    if video.suffix == '.mp4':  # its index stood at the end
        with pytest.raises(BagError, match='finds no video'):
            open_recording(path)
        return
    with open_recording(path) as recording:
        assert COUNT // 3 < len(recording.stamps) < COUNT * 2 // 3
        clip = recording.clip(0, 5_000_000_000)
        assert len(clip.frames) == 11
        last_ns = recording.span[1]
        assert recording.clip(last_ns - 1_000_000_000, last_ns).frames


def test_video_and_bag_may_be_one_recording(video: Path, tmp_path: Path) -> None:
    other = tmp_path / f'later{video.suffix}'
    other.write_bytes(video.read_bytes())
    with open_recording([video, other]) as recording:
        assert len(recording.stamps) == COUNT
        assert [loss.kind for loss in recording.loss] == [LossKind.DUPLICATE]


def test_threads_of_a_decoder_end_with_its_recording(video: Path) -> None:
    def threads() -> int:
        return len(list(Path('/proc/self/task').iterdir()))

    counts = list[int]()
    gc.disable()
    try:
        for _ in range(5):
            with open_recording(video) as recording:
                assert len(recording.clip(0, 1_000_000_000).frames) == 3
            counts.append(threads())
    finally:
        gc.enable()
    assert counts[-1] <= counts[0]


def test_times_before_the_epoch_are_no_stamps(video: Path) -> None:
    with open_recording(video, epoch_ns=-5 * TENTH_NS) as recording:
        assert recording.span == (0, (COUNT - 6) * TENTH_NS)
        assert [(loss.kind, loss.messages) for loss in recording.loss] == [
            (LossKind.BAD_MESSAGE, 5)
        ]


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'run.mp4'
    for data in (b'', b'no video at all' * 99):
        path.write_bytes(data)
        with pytest.raises(BagError, match=r'run\.mp4.*FFmpeg finds no video'):
            open_recording(path)
