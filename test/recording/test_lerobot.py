# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""LeRobot data sets of v3.0 and v2.1 as recordings, sound and bad ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('av', reason="needs PyAV: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('pyarrow', reason="needs pyarrow: pip install 'molmo_ground_ros[lerobot]'")

import pyarrow as pa
import pyarrow.parquet as pq

from molmo_ground_ros.errors import BadSetting, BagError
from molmo_ground_ros.frames import image
from molmo_ground_ros.recording import open_cameras
from molmo_ground_ros.recording.lerobot.choice import chosen_topics
from molmo_ground_ros.recording.lerobot.videos import nearest_times
from tools.fuzz_recordings.lerobot import (
    EPISODES,
    FRAMES,
    IMAGE_KEY,
    VIDEO_KEY,
    WRITERS,
    picture,
    write_v3,
    write_v21,
)

V3_EPISODES = 'meta/episodes/chunk-000/file-000.parquet'
V3_DATA = 'data/chunk-000/file-000.parquet'
V3_VIDEO = f'videos/{VIDEO_KEY}/chunk-000/file-000.mp4'


@pytest.fixture(scope='module')
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp('lerobot')
    return {name: write(folder / name) for name, write in WRITERS.items()}


@pytest.fixture
def v3(sound, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(sound['lerobot_v3'], tmp_path / 'v3'))


@pytest.mark.parametrize('name', WRITERS)
@pytest.mark.parametrize('key', [VIDEO_KEY, IMAGE_KEY])
def test_every_frame_of_every_episode_has_its_stamp_and_pixels(name, key, sound) -> None:
    cameras = open_cameras(sound[name], chosen_topics(sound[name], cameras=[key]))
    assert list(cameras) == [f'episode_{episode:06d}/{key}' for episode in range(EPISODES)]
    with next(iter(cameras.values())) as first:
        for episode, recording in enumerate(cameras.values()):
            seconds = np.arange(FRAMES, dtype=np.float32) / np.float32(10)
            expected = np.rint(seconds.astype(np.float64) * 1e9).astype(int)
            assert np.abs(recording.stamps - expected).max() < 100  # ns
            for frame, message in enumerate(recording.messages()):
                away = image.decode(message.image).astype(int) - picture(episode, frame)
                assert np.abs(away).max() <= (0 if key == IMAGE_KEY else 4), (episode, frame)
        assert first.loss == ()


def test_frames_may_be_read_in_any_order(sound) -> None:
    cameras = open_cameras(sound['lerobot_v3'])
    order = np.random.default_rng(0).permutation(FRAMES)
    with next(iter(cameras.values())):
        for frame in order.tolist():
            for name, recording in cameras.items():
                message = recording.message(int(recording.stamps[frame]))
                episode = int(name[8:14])
                away = image.decode(message.image)[0, 0].astype(int) - picture(episode, frame)[0, 0]
                assert np.abs(away).max() <= 4


@pytest.mark.parametrize(
    ('episodes', 'cameras', 'topics'),
    [
        ('1', ['top'], [f'episode_000001/{VIDEO_KEY}']),
        ('0, 2', ['wrist'], [f'episode_00000{n}/{IMAGE_KEY}' for n in (0, 2)]),
        ('1-9', [VIDEO_KEY], [f'episode_00000{n}/{VIDEO_KEY}' for n in (1, 2)]),
        ('2,2', [], [f'episode_000002/{key}' for key in (VIDEO_KEY, IMAGE_KEY)]),
    ],
)
def test_episodes_and_cameras_are_chosen(episodes, cameras, topics, sound) -> None:
    assert chosen_topics(sound['lerobot_v3'], episodes, cameras) == topics


@pytest.mark.parametrize(
    ('episodes', 'cameras', 'words'),
    [
        ('3', [], 'there are those from 0 to 2'),
        ('one', [], "write numbers and ranges, as '0,3-5'"),
        ('2-1', [], 'there are those from 0 to 2'),
        ('', ['front'], f"it has the cameras '{VIDEO_KEY}', '{IMAGE_KEY}'"),
    ],
)
def test_choice_that_is_not_there_is_refused(episodes, cameras, words, sound) -> None:
    with pytest.raises(BadSetting, match=words):
        chosen_topics(sound['lerobot_v3'], episodes, cameras)


def change_info(root: Path, **changes: object) -> None:
    path = root / 'meta/info.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change_episodes(root: Path, **changes: object) -> None:
    path = root / V3_EPISODES
    rows = [{**row, **changes} for row in pq.read_table(path).to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows), path)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    'info is no JSON': (lambda root: (root / 'meta/info.json').write_text('{'), 'info.json.*JSON'),
    'info is a list': (lambda root: (root / 'meta/info.json').write_text('[]'), 'no features'),
    'version of another layout': (
        lambda root: change_info(root, codebase_version='v1.6'), "version 'v1.6' is not read",
    ),
    'no rate': (lambda root: change_info(root, fps=None), 'info.json.*fps is no number'),
    'rate of 0': (lambda root: change_info(root, fps=0), 'fps is 0'),
    'path that leads out': (
        lambda root: change_info(root, data_path='../{chunk_index}'), "'../0' leads out",
    ),
    'path with an unknown field': (
        lambda root: change_info(root, data_path='data/{moon}'), "unknown field 'moon'",
    ),
    'episodes that are no Parquet': (
        lambda root: (root / V3_EPISODES).write_bytes(b'PAR1' * 9), 'file-000.parquet.*cannot be',
    ),
    'no episodes': (lambda root: (root / V3_EPISODES).unlink(), 'states no episode'),
    'negative place': (
        lambda root: change_episodes(root, **{'data/file_index': -1}), 'data/file_index is -1',
    ),
    'no start in the video': (
        lambda root: change_episodes(root, **{f'videos/{VIDEO_KEY}/from_timestamp': None}),
        'from_timestamp is no number',
    ),
    'no data file': (lambda root: (root / V3_DATA).unlink(), 'the data file is missing'),
    'data that are no Parquet': (
        lambda root: (root / V3_DATA).write_bytes(b'x' * 99), 'data.*file-000.parquet.*cannot be',
    ),
    'data without times': (
        lambda root: pq.write_table(pa.table({'episode_index': [0]}), root / V3_DATA),
        "no column 'timestamp'",
    ),
}  # fmt: skip


@pytest.mark.parametrize('name', BAD)
def test_bad_data_set_is_an_error_that_names_the_file(name, v3) -> None:
    spoil, words = BAD[name]
    spoil(v3)
    with pytest.raises(BagError, match=words) as caught:
        open_cameras(v3)
    assert str(v3) in str(caught.value)


def test_missing_video_costs_its_camera_alone(v3) -> None:
    (v3 / V3_VIDEO).unlink()
    cameras = open_cameras(v3, chosen_topics(v3, cameras=['wrist']))
    with next(iter(cameras.values())) as first:
        assert [len(recording.stamps) for recording in cameras.values()] == [FRAMES] * EPISODES
        assert first.loss == ()
    with pytest.raises(BagError, match=r'file-000\.mp4.*the video is missing'):
        open_cameras(v3, chosen_topics(v3, cameras=['top']))


def test_frames_that_the_video_lacks_are_a_loss(v3) -> None:
    shutil.copy(write_v3(v3.parent / 'shorter', episodes=2) / V3_VIDEO, v3 / V3_VIDEO)
    cameras = open_cameras(v3, chosen_topics(v3, cameras=['top']))
    with next(iter(cameras.values())) as first:
        assert [len(recording.stamps) for recording in cameras.values()] == [FRAMES, FRAMES, 0]
        (loss,) = first.loss
        assert (loss.topic, loss.messages) == (f'episode_000002/{VIDEO_KEY}', FRAMES)


def test_depth_is_no_camera_to_ask(v3) -> None:
    features = json.loads((v3 / 'meta/info.json').read_text())['features']
    features[VIDEO_KEY]['info'] = {'video.is_depth_map': True}
    change_info(v3, features=features)
    assert {topic.partition('/')[2] for topic in chosen_topics(v3)} == {IMAGE_KEY}


def test_thirty_videos_do_not_stay_open(tmp_path: Path) -> None:
    count = 30
    root = write_v21(tmp_path / 'many', episodes=count)
    cameras = open_cameras(root, chosen_topics(root, cameras=['top']))
    with next(iter(cameras.values())):
        for recording in cameras.values():
            recording.message(int(recording.stamps[3]))
        opened = {link.resolve() for link in Path('/proc/self/fd').iterdir() if link.exists()}
        held = [path for path in opened if path.is_relative_to(root)]
        assert 0 < len(held) <= 8


def test_nearest_time_is_taken_within_half_a_period() -> None:
    times, targets = np.array([0, 100, 200]), np.array([-49, 0, 49, 51, 149, 249, 250, 900])
    nearest, is_there = nearest_times(times, targets, 100)
    assert nearest.tolist() == [0, 0, 0, 100, 100, 200, 200, 200]
    assert is_there.tolist() == [True, True, True, True, True, True, False, False]
    assert not nearest_times(np.zeros(0, int), targets, 100)[1].any()
