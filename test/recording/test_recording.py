# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('mcap', reason='needs mcap: see requirements/dev.txt')

from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from support.bags import JPEG, MSG, jpeg_message, raw_message, write_bag
from support.clips import SECOND, empty_buffer, stamp
from support.recorded import TENTHS, kinds, storage_file

from molmo_ground_ros.errors import (
    BadSpan,
    ImageError,
    NoFrames,
)
from molmo_ground_ros.recording import (
    RAW,
    LossKind,
    open_recording,
)
from molmo_ground_ros.recording.recording import BadClipSpan
from molmo_ground_ros.types import Clip
from tools.fuzz_recordings import bags

TYPES = get_typestore(Stores.ROS2_JAZZY)


def same(one: Clip, other: Clip) -> bool:
    return [f.stamp_ns for f in one.frames] == [f.stamp_ns for f in other.frames] and all(
        np.array_equal(a.image, b.image) for a, b in zip(one.frames, other.frames, strict=True)
    )


def corrupt(seconds: float):
    """A JPEG without its end."""
    message = jpeg_message(seconds)
    return MSG['sensor_msgs/msg/CompressedImage'](message.header, 'jpeg', JPEG[:-40])


@pytest.mark.parametrize(
    'name',
    [name for name in bags.WRITERS if name.startswith(('mcap', 'sqlite'))],
)
@pytest.mark.parametrize('whole_folder', [True, False], ids=['folder', 'file'])
def test_sound_recording_reads_as_rosbags_does(samples, name, whole_folder) -> None:
    folder = samples[name]
    path = folder if whole_folder else storage_file(folder)
    # rosbags needs metadata.yaml for a folder.
    with Reader(folder if (folder / 'metadata.yaml').exists() else storage_file(folder)) as reader:
        links = [link for link in reader.connections if link.topic == bags.TOPIC]
        wanted = [
            TYPES.deserialize_cdr(data, link.msgtype) for link, _, data in reader.messages(links)
        ]
    with open_recording(path) as recording:
        found = list(recording.messages())
        assert [one.image.data.tobytes() for one in found] == [m.data.tobytes() for m in wanted]
        assert not recording.is_video
        assert [one.stamp_ns for one in found] == recording.stamps.tolist()
        assert [one.stamp_ns for one in found] == [
            m.header.stamp.sec * SECOND + m.header.stamp.nanosec for m in wanted
        ]
        assert found[0].frame_id == 'optical'
        assert kinds(recording) <= {LossKind.NO_METADATA}
        assert set(recording.cameras) == {bags.TOPIC, bags.RAW_TOPIC}


def test_clip_is_what_a_buffer_would_have_cut(samples) -> None:
    with open_recording(samples['mcap_crc_lz4']) as recording:
        buffer = empty_buffer(recording.topic, horizon_ns=63 * SECOND, keep_period_ns=0)
        for message in recording.messages():
            buffer.push(message.stamp_ns, message.image, message.frame_id)
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
        assert [one.stamp_ns for one in recording.messages()] == [stamp(0), stamp(2), stamp(3)]
        with pytest.raises(ImageError, match=r'needs \d+ from byte'):
            recording.message(stamp(1))
        (loss,) = recording.loss
        assert loss.kind is LossKind.UNDECODABLE and loss.messages == 1


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


def test_damaged_message_is_left_out(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / 'a', {'/image': map(jpeg_message, TENTHS)})
    (file,) = folder.glob('*.mcap')
    data = bytearray(file.read_bytes())
    start = data.index(b'jpeg')
    data[start - 4 : start] = b'\xff\xff\xff\xff'  # the length of the format text of one message
    file.write_bytes(data)
    with open_recording(folder) as recording:
        stamps = [message.stamp_ns for message in recording.messages()]
        assert stamps == [stamp(s) for s in TENTHS[1:]]


def test_part_of_a_recording_is_cut_by_seconds_from_its_start(tmp_path: Path) -> None:
    with open_recording(write_bag(tmp_path / 'a', {'/image': map(jpeg_message, TENTHS)})) as bag:
        clip = bag.clip_of_seconds(1.0, 2.0)
    assert [frame.stamp_ns for frame in clip.frames] == [stamp(1.0), stamp(1.5), stamp(2.0)]


@pytest.mark.parametrize(
    ('start', 'end'), [(-1.0, None), (2.0, 1.0), (1.0, 1.0), (float('nan'), 2.0)]
)
def test_seconds_that_are_no_span_are_refused(tmp_path: Path, start, end) -> None:
    with (
        open_recording(write_bag(tmp_path / 'a', {'/image': [raw_message(0)]})) as recording,
        pytest.raises(BadClipSpan, match=f'from {start} s') as caught,
    ):
        recording.clip_of_seconds(start, end)
    assert str(tmp_path / 'a') in str(caught.value)
    assert caught.value.end_s == end


def test_span_longer_than_the_model_was_trained_on_is_refused(tmp_path: Path) -> None:
    messages = map(jpeg_message, range(70))
    with open_recording(write_bag(tmp_path / 'a', {'/image': messages})) as recording:
        with pytest.raises(BadSpan, match=r'63 s; give --start and --end'):
            recording.clip_of_seconds()
        assert len(recording.clip_of_seconds(5.0, 68.0).frames) == 64


def test_nothing_in_the_span_is_no_frames(tmp_path: Path) -> None:
    with (
        open_recording(write_bag(tmp_path / 'a', {'/image': [raw_message(0)]})) as recording,
        pytest.raises(NoFrames, match='/image'),
    ):
        recording.clip_of_seconds(10.0, 20.0)


def test_topic_without_messages_is_no_frames(tmp_path: Path) -> None:
    folder = tmp_path / 'a'
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.add_connection('/image', RAW, typestore=TYPES)
    with open_recording(folder) as recording, pytest.raises(NoFrames, match='/image'):
        recording.clip_of_seconds()
