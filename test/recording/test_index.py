# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import errno
import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('mcap', reason='needs mcap: see requirements/dev.txt')

from mcap.writer import Writer
from rosbags.rosbag2 import StoragePlugin
from support.bags import MSG, jpeg_message, raw_message, write_bag
from support.clips import stamp
from support.recorded import kinds

from molmo_ground_ros.errors import (
    BagError,
    ImageError,
    TopicNotFound,
)
from molmo_ground_ros.recording import (
    COMPRESSED,
    RAW,
    LossKind,
    SeveralCameras,
    open_cameras,
    open_recording,
)
from molmo_ground_ros.types import CompressedImage, RawImage
from tools.fuzz_recordings import bags


def test_cameras_are_listed_and_one_is_chosen(tmp_path: Path) -> None:
    topics = {
        '/left': [jpeg_message(0)],
        '/right': [jpeg_message(0), jpeg_message(1)],
        '/depth': [raw_message(0)],
    }
    folder = write_bag(tmp_path / 'a', topics)
    with pytest.raises(SeveralCameras, match='name one: /left, /right') as several:
        open_recording(folder)
    assert several.value.topics == ('/left', '/right')
    with pytest.raises(TopicNotFound, match="'/top'"):
        open_recording(folder, '/top')
    with open_recording(folder, '/depth') as recording:
        assert recording.cameras['/right'].messages == 2
        assert recording.cameras['/right'].span_ns == (stamp(0), stamp(1))
        assert [name for name, one in recording.cameras.items() if one.is_depth] == ['/depth']
    recordings = open_cameras(folder)
    assert {name: len(one.stamps) for name, one in recordings.items()} == {'/left': 1, '/right': 2}
    for one in recordings.values():
        one.close()
    with pytest.raises(TopicNotFound, match="'/top'"):
        open_cameras(folder, ['/left', '/top'])
    with pytest.raises(BagError, match='no image topic'):
        open_cameras(write_bag(tmp_path / 'b', {'/depth': [depth(0)]}))


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


def test_unreadable_file_among_several_is_told(samples, tmp_path: Path) -> None:
    broken = tmp_path / 'broken.mcap'
    broken.write_bytes(b'neither of the two')
    with open_recording([broken, samples['mcap']]) as recording:
        assert len(recording.stamps) == bags.PICTURES
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
            recording.message(recording.span[1])  # the first chunk was unpacked already
    with open_recording([samples[name], samples['sqlite']]) as recording:
        assert LossKind.UNREADABLE in kinds(recording)
        assert len(recording.clip(*recording.span).frames) == 6
    with pytest.raises(BagError, match=r'cannot be read.*Input/output error'):
        open_recording(samples[name])
    monkeypatch.setattr(os, 'pread', fail(errno.ENOSPC))
    with pytest.raises(OSError, match='No space left'):
        open_recording(samples[name])


def test_both_image_types_are_read_undecoded(tmp_path: Path) -> None:
    topics = {'/raw': [raw_message(0)], '/jpeg': [jpeg_message(0)]}
    recordings = open_cameras(write_bag(tmp_path / 'a', topics))
    with recordings['/raw'] as raw, recordings['/jpeg'] as jpeg:
        assert {name: camera.kind for name, camera in raw.cameras.items()} == {
            '/raw': RAW,
            '/jpeg': COMPRESSED,
        }
        (message,) = raw.messages()
        assert isinstance(message.image, RawImage)
        assert (message.image.width, message.image.height) == (16, 12)
        (compressed,) = jpeg.messages()
        assert isinstance(compressed.image, CompressedImage)
        assert compressed.stamp_ns == stamp(0)


def test_only_camera_is_chosen_beside_its_depth(tmp_path: Path) -> None:
    topics = {'/cam/depth/image': [raw_message(0)], '/cam/image': [raw_message(0)]}
    folder = write_bag(tmp_path / 'a', topics)
    for topic, chosen in (('', '/cam/image'), ('/cam/depth/image', '/cam/depth/image')):
        with open_recording(folder, topic) as recording:
            assert recording.topic == chosen


def test_unknown_topic_and_several_cameras_list_the_known_ones(tmp_path: Path) -> None:
    topics = {'/left': [raw_message(0)], '/right': [raw_message(0)]}
    folder = write_bag(tmp_path / 'a', topics)
    with pytest.raises(TopicNotFound, match="'/top'; the known ones: '/left', '/right'"):
        open_recording(folder, '/top')
    with pytest.raises(BagError, match='/left, /right'):
        open_recording(folder)


def test_recording_without_cameras_says_what_it_holds(tmp_path: Path) -> None:
    picture = depth(0)
    point = MSG['geometry_msgs/msg/Point'](0.0, 0.0, 0.0)
    stamped = MSG['geometry_msgs/msg/PointStamped'](picture.header, point)
    topics = {'/cam/depth': [picture], '/goal': [stamped, stamped]}
    folder = write_bag(tmp_path / 'a', topics)
    with pytest.raises(BagError) as caught:
        open_recording(folder)
    assert str(caught.value).endswith(
        'it holds no image topic; it holds /cam/depth (depth), '
        '/goal (geometry_msgs/msg/PointStamped, cdr, 2 messages)'
    )


def depth(seconds: float) -> Any:
    """A picture of depth in millimetres."""
    message = raw_message(seconds)
    message.encoding, message.step = '16UC1', 32
    return message


@pytest.mark.parametrize(
    ('topics', 'chosen'),
    [
        pytest.param({'/depth/color': raw_message, '/depth/raw': depth}, '/depth/color', id='both'),
        pytest.param({'/stereo/raw': depth, '/left': raw_message}, '/left', id='by content'),
        pytest.param({'/depth': raw_message}, '/depth', id='colour under the name of depth'),
        pytest.param(
            {'/depthai/rgb': raw_message, '/a/depth': raw_message}, '/depthai/rgb', id='ai'
        ),
    ],
)
def test_colour_is_told_from_depth_by_name_and_content(topics, chosen, tmp_path: Path) -> None:
    bag = {topic: [make(0)] for topic, make in topics.items()}
    with open_recording(write_bag(tmp_path / 'a', bag)) as recording:
        assert recording.topic == chosen


def test_pictures_of_a_type_that_is_not_read_are_named(tmp_path: Path) -> None:
    disparity = MSG['stereo_msgs/msg/DisparityImage']
    roi = MSG['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    picture = raw_message(0)
    message = disparity(picture.header, picture, 1.0, 1.0, roi, 0.0, 1.0, 0.1)
    folder = write_bag(tmp_path / 'a', {'/disparity': [message]})
    named = r'/disparity \(stereo_msgs/msg/DisparityImage, cdr, 1 messages\)'
    with pytest.raises(BagError, match=f'of types that are not read here: {named}'):
        open_recording(folder)
    both = write_bag(tmp_path / 'b', {'/disparity': [message], '/image': [picture]})
    with open_recording(both) as recording:
        assert [loss.kind for loss in recording.loss] == [LossKind.UNREAD_TOPIC]


def broken(path: Path, kind: str) -> Path:
    """Something at `path` that is not a recording."""
    if kind == 'folder without metadata':
        path.mkdir()
    elif kind == 'metadata that is no YAML':
        path.mkdir()
        (path / 'metadata.yaml').write_text(': [')
    elif kind == 'text file':
        path = path.with_suffix('.txt')
        path.write_text('hello')
    elif kind != 'missing':
        path = path.with_suffix(kind)
        path.write_bytes(b'neither of the two')
    return path


@pytest.mark.parametrize(
    'kind',
    [
        'missing',
        'folder without metadata',
        'metadata that is no YAML',
        'text file',
        '.mcap',
        '.db3',
    ],
)
def test_what_is_no_recording_is_named(tmp_path: Path, kind: str) -> None:
    path = broken(tmp_path / 'a', kind)
    with pytest.raises(BagError) as caught:
        open_recording(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize('suffix', ['.mcap', '.db3', '.bag'])
def test_empty_last_part_is_no_loss(samples, suffix: str, tmp_path: Path) -> None:
    name = {'.mcap': 'mcap_crc', '.db3': 'sqlite', '.bag': 'rosbag1'}[suffix]
    part = next(path for path in samples[name].iterdir() if path.suffix == suffix)
    (tmp_path / f'run_0{suffix}').write_bytes(part.read_bytes())
    (tmp_path / f'run_1{suffix}').write_bytes(b'')
    if suffix == '.mcap':
        with (tmp_path / 'run_2.mcap').open('wb') as file:
            writer = Writer(file)
            writer.start()
            writer.finish()
    with open_recording(tmp_path) as recording:
        assert len(recording.stamps) == bags.PICTURES
        # ROS 1 has no metadata.yaml to miss.
        missing = set() if suffix == '.bag' else {LossKind.NO_METADATA}
        assert {loss.kind for loss in recording.loss} == {LossKind.NOT_CLOSED, *missing}
        assert all(loss.harmless for loss in recording.loss)
        (empty,) = [loss for loss in recording.loss if loss.kind is LossKind.NOT_CLOSED]
        assert empty.path.endswith(f'run_1{suffix}')


@pytest.mark.parametrize('suffix', ['.mcap', '.db3', '.bag'])
def test_file_without_a_byte_alone_is_refused_as_empty(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f'run{suffix}'
    path.write_bytes(b'')
    with pytest.raises(BagError, match='it is empty'):
        open_recording(path)
