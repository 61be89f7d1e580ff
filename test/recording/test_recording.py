# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('mcap', reason='needs mcap: see requirements/dev.txt')

from bags import JPEG, MSG, jpeg_message, raw_message, write_bag
from clips import SECOND, stamp
from rosbags.rosbag2 import Reader, StoragePlugin
from rosbags.typesys import Stores, get_typestore

from molmo_ground_ros.clip import ClipBuffer
from molmo_ground_ros.errors import BadSpan, BagError, ImageError, NoFrames, TopicNotFound
from molmo_ground_ros.recording import (
    LossKind,
    SeveralCameras,
    metadata,
    open_cameras,
    open_recording,
)
from molmo_ground_ros.types import Clip
from tools import fuzz_bags

TYPES = get_typestore(Stores.ROS2_JAZZY)


def kinds(recording) -> set[LossKind]:
    return {loss.kind for loss in recording.loss}


def storage_file(folder: Path) -> Path:
    (file,) = (path for path in folder.iterdir() if path.name != 'metadata.yaml')
    return file


def same(one: Clip, other: Clip) -> bool:
    return [f.stamp_ns for f in one.frames] == [f.stamp_ns for f in other.frames] and all(
        np.array_equal(a.image, b.image) for a, b in zip(one.frames, other.frames, strict=True)
    )


def corrupt(seconds: float):
    """A JPEG without its end."""
    message = jpeg_message(seconds)
    return MSG['sensor_msgs/msg/CompressedImage'](message.header, 'jpeg', JPEG[:-40])


@pytest.mark.parametrize('name', fuzz_bags.SAMPLES)
@pytest.mark.parametrize('whole_folder', [True, False], ids=['folder', 'file'])
def test_sound_recording_reads_as_rosbags_does(samples, name, whole_folder) -> None:
    folder = samples[name]
    path = folder if whole_folder else storage_file(folder)
    # rosbags needs metadata.yaml for a folder.
    with Reader(folder if (folder / 'metadata.yaml').exists() else storage_file(folder)) as reader:
        links = [link for link in reader.connections if link.topic == fuzz_bags.TOPIC]
        wanted = [
            TYPES.deserialize_cdr(data, link.msgtype) for link, _, data in reader.messages(links)
        ]
    with open_recording(path) as recording:
        found = list(recording.pictures())
        assert [one.image.data.tobytes() for one in found] == [m.data.tobytes() for m in wanted]
        assert [one.stamp_ns for one in found] == recording.stamps.tolist()
        assert [one.stamp_ns for one in found] == [
            m.header.stamp.sec * SECOND + m.header.stamp.nanosec for m in wanted
        ]
        assert found[0].frame_id == 'optical'
        assert kinds(recording) <= {LossKind.NO_METADATA}
        assert set(recording.cameras) == {fuzz_bags.TOPIC, fuzz_bags.RAW_TOPIC}


def test_clip_is_what_a_buffer_would_have_cut(samples) -> None:
    with open_recording(samples['mcap_crc_lz4']) as recording:
        buffer = ClipBuffer(recording.topic, horizon_ns=63 * SECOND, keep_period_ns=0)
        for picture in recording.pictures():
            buffer.push(picture.stamp_ns, picture.image, picture.frame_id)
        assert same(recording.clip(*recording.span), buffer.cut())
        start_ns, end_ns = recording.span[0] + SECOND // 3, recording.span[1] - SECOND // 7
        assert same(recording.clip(start_ns, end_ns), buffer.cut(start_ns, end_ns))


def test_windows_share_one_grid_and_the_frames_of_their_overlap(tmp_path: Path) -> None:
    messages = (jpeg_message(i / 10) for i in range(1500))
    with open_recording(write_bag(tmp_path / 'a', {'/image': messages})) as recording:
        windows = recording.windows()
        clips = [recording.clip(*window) for window in windows]
        assert [len(clip.frames) for clip in clips] == [127, 127, 127]
        assert windows[0][0] == recording.span[0]
        assert windows[-1][1] == recording.span[1]
        for clip in clips:
            on_grid = {(f.stamp_ns - recording.anchor_ns) % (SECOND // 2) for f in clip.frames[:-1]}
            assert on_grid == {0}
        overlap = {f.stamp_ns: f for f in clips[0].frames if f.stamp_ns >= windows[1][0]}
        again = [f for f in clips[1].frames if f.stamp_ns in overlap]
        assert len(again) == 11
        assert all(frame is overlap[frame.stamp_ns] for frame in again)


def test_only_sampled_pictures_are_decoded(tmp_path: Path) -> None:
    messages = ((jpeg_message if i % 5 == 0 else corrupt)(i / 10) for i in range(51))
    with open_recording(write_bag(tmp_path / 'a', {'/image': messages})) as recording:
        assert len(recording.clip(*recording.span).frames) == 11
        assert recording.loss == ()


def test_corrupt_picture_gives_its_place_to_its_neighbour_and_is_told(tmp_path: Path) -> None:
    messages = ((corrupt if i in (5, 6) else jpeg_message)(i / 10) for i in range(31))
    with open_recording(write_bag(tmp_path / 'a', {'/image': messages})) as recording:
        for _ in range(2):  # it is counted once, however many windows show it
            clip = recording.clip(*recording.span)
            shown = [round((f.stamp_ns - stamp(0)) / SECOND, 1) for f in clip.frames]
            assert shown == [0.0, 0.4, 1.0, 1.5, 2.0, 2.5, 3.0]
            (loss,) = recording.loss
            assert (loss.kind, loss.topic, loss.messages) == (LossKind.UNDECODABLE, '/image', 1)
        for _ in range(2):
            with pytest.raises(NoFrames, match='none of 1 could be decoded'):
                recording.clip(stamp(0.55), stamp(0.65))


def test_clip_does_not_depend_on_those_before_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    bad = set(rng.integers(0, 400, 120).tolist())
    messages = [(corrupt if i in bad else jpeg_message)(i / 9.7) for i in range(400)]
    folder = write_bag(tmp_path / 'a', {'/image': messages})
    with open_recording(folder) as recording:
        windows = recording.windows(length_ns=7 * SECOND, overlap_ns=2 * SECOND)
        forward = [recording.clip(*window) for window in windows]
    for window, clip in reversed(list(zip(windows, forward, strict=True))):
        with open_recording(folder) as recording:
            alone = recording.clip(*window)
        assert same(alone, clip)
        assert alone.seconds == clip.seconds
        assert alone.frames_expected == clip.frames_expected


def test_pictures_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / 'a', {'/image': [jpeg_message(i) for i in range(4)]})
    file = storage_file(folder)
    data = bytearray(file.read_bytes())
    second = data.index(b'jpeg', data.index(b'jpeg') + 4)
    data[second - 4] = 0xFF
    file.write_bytes(data)
    with open_recording(folder) as recording:
        assert [one.stamp_ns for one in recording.pictures()] == [stamp(0), stamp(2), stamp(3)]
        with pytest.raises(ImageError, match='the format is no text'):
            recording.picture(stamp(1))
        (loss,) = recording.loss
        assert loss.kind is LossKind.UNDECODABLE and loss.messages == 1


def test_cameras_are_listed_and_one_is_chosen(tmp_path: Path) -> None:
    topics = {
        '/left': [jpeg_message(0)],
        '/right': [jpeg_message(0), jpeg_message(1)],
        '/depth': [raw_message(0)],
    }
    folder = write_bag(tmp_path / 'a', topics)
    with pytest.raises(SeveralCameras, match='name one: /left, /right') as several:
        open_recording(folder)
    assert several.value.known == ('/left', '/right')
    with pytest.raises(TopicNotFound, match="'/top'"):
        open_recording(folder, '/top')
    with open_recording(folder, '/depth') as recording:
        assert recording.cameras['/right'].pictures == 2
        assert recording.cameras['/right'].span_ns == (stamp(0), stamp(1))
        assert [name for name, one in recording.cameras.items() if one.is_depth] == ['/depth']
    recordings = open_cameras(folder)
    assert {name: len(one.stamps) for name, one in recordings.items()} == {'/left': 1, '/right': 2}
    for one in recordings.values():
        one.close()
    with pytest.raises(TopicNotFound, match="'/top'"):
        open_cameras(folder, ['/left', '/top'])
    with pytest.raises(BagError, match='no image topic'):
        open_cameras(write_bag(tmp_path / 'b', {'/depth': [raw_message(0)]}))


@pytest.mark.parametrize('order', [('a', 'b'), ('b', 'a')])
def test_overlapping_bags_are_one_recording_with_each_picture_once(tmp_path: Path, order) -> None:
    spans = {'a': (0, 21), 'b': (10, 31)}
    storages = {'a': StoragePlugin.MCAP, 'b': StoragePlugin.SQLITE3}
    for name, span in spans.items():
        messages = [jpeg_message(i / 10) for i in range(*span)]
        write_bag(tmp_path / name, {'/image': messages}, storages[name])
    with open_recording([tmp_path / name for name in order]) as recording:
        assert recording.stamps.tolist() == [stamp(i / 10) for i in range(31)]
        assert len(recording.clip(*recording.span).frames) == 7
        (loss,) = recording.loss
        assert (loss.kind, loss.messages) == (LossKind.DUPLICATE, 11)
        assert loss.path.startswith(str(tmp_path / order[1]))
        assert loss.harmless


def test_topic_may_change_its_type_between_bags(tmp_path: Path) -> None:
    write_bag(tmp_path / 'a', {'/image': [raw_message(0), raw_message(0.5)]})
    write_bag(tmp_path / 'b', {'/image': [jpeg_message(1), jpeg_message(1.5)]})
    with open_recording([tmp_path / 'a', tmp_path / 'b']) as recording:
        assert len(recording.clip(*recording.span).frames) == 4
        assert recording.loss == ()


def test_pause_between_bags_is_in_no_window(tmp_path: Path) -> None:
    day = 24 * 3600
    for name, first in (('a', 0), ('b', day)):
        messages = [jpeg_message(first + i / 2) for i in range(5)]
        write_bag(tmp_path / name, {'/image': messages})
    with open_recording([tmp_path / 'b', tmp_path / 'a']) as recording:
        assert recording.windows() == [(stamp(0), stamp(2)), (stamp(day), stamp(day + 2))]
        assert recording.windows(stamp(1.2), stamp(3)) == [(stamp(1.5), stamp(2))]
        assert recording.windows(stamp(100), stamp(200)) == []
        with pytest.raises(BadSpan, match='ends before it starts'):
            recording.windows(stamp(3), stamp(2))
        with pytest.raises(NoFrames, match='none from'):
            recording.clip(stamp(100), stamp(120))


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


COUNT = """rosbag2_bagfile_information:
  relative_file_paths:
    - bag.mcap
  topics_with_message_count:
    - topic_metadata:
        name: /image
        type: sensor_msgs/msg/Image
      message_count: few
"""


@pytest.mark.parametrize(
    'text',
    [
        pytest.param(b'', id='empty'),
        pytest.param(b': [', id='no YAML'),
        pytest.param(b'rosbag2_bagfile_information: 3', id='other content'),
        pytest.param(b'x' * ((1 << 24) + 1), id='too large'),
        pytest.param(b'rosbag2_bagfile_information:\n  version: 9\n', id='no files'),
        pytest.param(COUNT.encode(), id='count that is no number'),
        pytest.param(b'\xff\xfe\x00', id='no text'),
    ],
)
def test_metadata_that_cannot_be_understood_is_told(samples, tmp_path: Path, text: bytes) -> None:
    folder = tmp_path / 'bag'
    folder.mkdir()
    (folder / 'bag.mcap').write_bytes(storage_file(samples['mcap']).read_bytes())
    (folder / 'metadata.yaml').write_bytes(text)
    with open_recording(folder) as recording:
        assert len(recording.stamps) == fuzz_bags.PICTURES
        assert kinds(recording) == {LossKind.BAD_METADATA}


def test_metadata_of_the_recorder_in_ros_is_read(tmp_path: Path) -> None:
    text = """rosbag2_bagfile_information:
  version: 9
  storage_identifier: mcap
  relative_file_paths:
    - "run_0.mcap"
    - other/run_1.mcap
  topics_with_message_count:
    - topic_metadata:
        name: /points
        type: sensor_msgs/msg/PointCloud2
        serialization_format: cdr
        offered_qos_profiles:
          - history: keep_last
            depth: 1
      message_count: 7
    - topic_metadata:
        name: /image
        type: sensor_msgs/msg/Image
        type_description_hash: RIHS01_d31d
        offered_qos_profiles:
          - history: keep_last
            depth: 1
      message_count: 12
  files:
    - path: run_0.mcap
      message_count: 19
"""
    (tmp_path / 'metadata.yaml').write_text(text)
    stated = metadata.read(tmp_path)
    assert stated == metadata.Stated(('run_0.mcap', 'run_1.mcap'), {'/image': 12})


def test_unreadable_file_among_several_is_told(samples, tmp_path: Path) -> None:
    broken = tmp_path / 'broken.mcap'
    broken.write_bytes(b'neither of the two')
    with open_recording([broken, samples['mcap']]) as recording:
        assert len(recording.stamps) == fuzz_bags.PICTURES
        assert LossKind.UNREADABLE in kinds(recording)
    with pytest.raises(BagError, match=r'broken\.mcap'):
        open_recording(broken)
    with pytest.raises(BagError, match='no file or folder is named'):
        open_recording([])
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(BagError, match='neither a file nor a folder'):
        open_recording(tmp_path / 'pipe')
    with pytest.raises(BagError, match='no such file'):
        open_recording([samples['mcap'], tmp_path / 'absent'])


@pytest.mark.parametrize('name', ['mcap', 'mcap_crc_lz4'])
def test_disk_that_fails_is_told_and_a_full_one_is_an_error(samples, monkeypatch, name) -> None:
    def fail(number: int):
        def read(*_: object) -> bytes:
            raise OSError(number, os.strerror(number))

        return read

    with open_recording([samples[name], samples['sqlite']]) as recording:
        monkeypatch.setattr(os, 'pread', fail(errno.EIO))
        with pytest.raises(ImageError, match='Input/output error'):
            recording.picture(recording.span[0])
    with open_recording([samples[name], samples['sqlite']]) as recording:
        assert LossKind.UNREADABLE in kinds(recording)
        assert len(recording.clip(*recording.span).frames) == 6
    with pytest.raises(BagError, match=r'cannot be read.*Input/output error'):
        open_recording(samples[name])
    monkeypatch.setattr(os, 'pread', fail(errno.ENOSPC))
    with pytest.raises(OSError, match='No space left'):
        open_recording(samples[name])


def test_file_without_a_suffix_is_known_by_its_first_bytes(samples, tmp_path: Path) -> None:
    for name in ('mcap', 'sqlite'):
        (tmp_path / name).write_bytes(storage_file(samples[name]).read_bytes())
        with open_recording(tmp_path / name) as recording:
            assert len(recording.stamps) == fuzz_bags.PICTURES


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
