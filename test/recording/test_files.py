# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('mcap', reason='needs mcap: see requirements/dev.txt')

from rosbags.rosbag2 import StoragePlugin
from support.bags import jpeg_message, raw_message, write_bag
from support.clips import stamp
from support.recorded import TENTHS, kinds, storage_file

from molmo_ground_ros.errors import (
    MissingPackage,
    TopicNotFound,
)
from molmo_ground_ros.recording import (
    RAW,
    LossKind,
    open_recording,
)
from tools.fuzz_recordings import bags


@pytest.mark.parametrize('storage', list(StoragePlugin))
def test_folder_and_its_file_read_the_same(tmp_path: Path, storage: StoragePlugin) -> None:
    folder = write_bag(tmp_path / 'a', {'/image': map(raw_message, TENTHS)}, storage)
    (file,) = [path for path in folder.iterdir() if path.suffix in {'.mcap', '.db3'}]
    clips = []
    for path in (folder, file):
        with open_recording(path) as recording:
            assert {name: one.kind for name, one in recording.cameras.items()} == {'/image': RAW}
            clips.append(recording.clip_of_seconds())
    for clip in clips:
        assert [frame.stamp_ns for frame in clip.frames] == [stamp(s / 2) for s in range(7)]
        assert clip.frames[0].frame_id == 'optical'
        assert clip.camera == '/image'


def test_split_bag_with_a_file_missing_tells_which_and_how_much(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / 'a', {'/image': [jpeg_message(i / 10) for i in range(30)]})
    rest = write_bag(tmp_path / 'b', {'/image': [jpeg_message(i / 10) for i in range(30, 40)]})
    (rest / 'b.mcap').rename(folder / 'a_10.mcap')
    text = (folder / 'metadata.yaml').read_text()
    assert 'message_count: 30' in text
    names = '  - a.mcap\n  - a_2.mcap\n  - a_10.mcap'
    text = text.replace('message_count: 30', 'message_count: 60').replace('  - a.mcap', names)
    (folder / 'metadata.yaml').write_text(text)
    with open_recording(folder) as recording:
        assert len(recording.stamps) == 40
        told = {loss.kind: loss for loss in recording.loss}
    assert set(told) == {LossKind.MISSING_FILE, LossKind.FEWER_MESSAGES}
    assert told[LossKind.MISSING_FILE].detail == 'a_2.mcap'
    assert told[LossKind.FEWER_MESSAGES].messages == 20
    assert 'a_2.mcap' in str(told[LossKind.MISSING_FILE])


def test_file_without_a_suffix_is_known_by_its_first_bytes(samples, tmp_path: Path) -> None:
    for name in ('mcap', 'sqlite'):
        (tmp_path / name).write_bytes(storage_file(samples[name]).read_bytes())
        with open_recording(tmp_path / name) as recording:
            assert len(recording.stamps) == bags.PICTURES


@pytest.mark.parametrize('name', ['mcap_file_zstd', 'sqlite_file_zstd'])
def test_what_was_unpacked_is_deleted(samples, tmp_path: Path, monkeypatch, name: str) -> None:
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    with open_recording(samples[name]) as recording:
        assert len(list(tmp_path.iterdir())) == 1
        assert len(recording.clip(*recording.span).frames) == 6
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TopicNotFound):
        open_recording(samples[name], '/absent')
    assert list(tmp_path.iterdir()) == []


def test_packed_file_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    from backports import zstd

    noise = np.random.default_rng(0).integers(0, 256, (800, 16 * 12 * 3), np.uint8)
    messages = [raw_message(i / 10) for i in range(800)]
    for message, pixels in zip(messages, noise, strict=True):
        message.data = pixels
    data = storage_file(write_bag(tmp_path / 'a', {'/image': messages})).read_bytes()
    packed = zstd.compress(data)
    path = tmp_path / 'b.mcap.zstd'
    path.write_bytes(packed[: len(packed) // 2])
    with open_recording(path) as recording:
        assert 200 <= len(recording.stamps) <= 400
        assert LossKind.BAD_COMPRESSION in kinds(recording)
    path.write_bytes(zstd.compress(data[:1000]) + zstd.compress(data[1000:]))
    with open_recording(path) as recording:
        assert len(recording.stamps) == 800
        assert recording.loss == ()


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, 'backports', None)
    (tmp_path / 'a.mcap.zstd').write_bytes(b'')
    with pytest.raises(MissingPackage, match=r'molmo_ground_ros\[bag\]'):
        open_recording(tmp_path / 'a.mcap.zstd')


@pytest.mark.parametrize(('name', 'lost'), [('rosbag1', 0), ('video_mp4', 0), ('mcap_crc', 1)])
def test_only_a_folder_of_rosbag2_lacks_metadata(name, lost, samples) -> None:
    with open_recording(samples[name], '' if name == 'video_mp4' else bags.TOPIC) as recording:
        assert [loss.kind for loss in recording.loss] == [LossKind.NO_METADATA] * lost
