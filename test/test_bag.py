# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")

from bags import jpeg_message, raw_message, write_bag
from clips import stamp
from rosbags.rosbag2 import StoragePlugin

from molmo_ground_ros.bag import COMPRESSED, RAW, Bag, read_clip
from molmo_ground_ros.errors import (
    BadSpan,
    BagError,
    MissingPackage,
    NoFrames,
    TopicNotFound,
)
from molmo_ground_ros.types import CompressedImage, RawImage

TENTHS = [i / 10 for i in range(31)]


@pytest.mark.parametrize('storage', list(StoragePlugin))
def test_folder_and_its_file_read_the_same(tmp_path: Path, storage: StoragePlugin) -> None:
    folder = write_bag(tmp_path / 'a', {'/image': map(raw_message, TENTHS)}, storage)
    (file,) = [path for path in folder.iterdir() if path.suffix in {'.mcap', '.db3'}]
    clips = []
    for path in (folder, file):
        with Bag(path) as bag:
            assert bag.image_topics() == {'/image': RAW}
            clips.append(read_clip(bag, ''))
    for clip in clips:
        assert [frame.stamp_ns for frame in clip.frames] == [stamp(s / 2) for s in range(7)]
        assert clip.frames[0].frame_id == 'optical'
        assert clip.camera == '/image'


def test_both_image_types_are_read_undecoded(tmp_path: Path) -> None:
    topics = {'/raw': [raw_message(0)], '/jpeg': [jpeg_message(0)]}
    with Bag(write_bag(tmp_path / 'a', topics)) as bag:
        assert bag.image_topics() == {'/raw': RAW, '/jpeg': COMPRESSED}
        (picture,) = bag.pictures('/raw')
        assert isinstance(picture.image, RawImage)
        assert (picture.image.width, picture.image.height) == (16, 12)
        (compressed,) = bag.pictures('/jpeg')
        assert isinstance(compressed.image, CompressedImage)
        assert compressed.stamp_ns == stamp(0)


def test_only_camera_is_found_beside_its_depth(tmp_path: Path) -> None:
    topics = {'/cam/depth/image': [raw_message(0)], '/cam/image': [raw_message(0)]}
    with Bag(write_bag(tmp_path / 'a', topics)) as bag:
        assert bag.choose() == '/cam/image'
        assert bag.choose('/cam/depth/image') == '/cam/depth/image'


def test_unknown_topic_and_several_cameras_list_the_known_ones(tmp_path: Path) -> None:
    topics = {'/left': [raw_message(0)], '/right': [raw_message(0)]}
    with Bag(write_bag(tmp_path / 'a', topics)) as bag:
        with pytest.raises(TopicNotFound, match="'/top'; the known ones: '/left', '/right'"):
            read_clip(bag, '/top')
        with pytest.raises(BagError, match='/left, /right'):
            read_clip(bag, '')


def test_part_of_a_recording_is_cut_by_seconds_from_its_start(tmp_path: Path) -> None:
    with Bag(write_bag(tmp_path / 'a', {'/image': map(jpeg_message, TENTHS)})) as bag:
        clip = read_clip(bag, '/image', 1.0, 2.0)
    assert [frame.stamp_ns for frame in clip.frames] == [stamp(1.0), stamp(1.5), stamp(2.0)]


@pytest.mark.parametrize(
    ('start', 'end'), [(-1.0, None), (2.0, 1.0), (1.0, 1.0), (float('nan'), 2.0)]
)
def test_bad_span_is_refused(tmp_path: Path, start: float, end: float | None) -> None:
    with (
        Bag(write_bag(tmp_path / 'a', {'/image': [raw_message(0)]})) as bag,
        pytest.raises(BagError, match=f'from {start} s'),
    ):
        read_clip(bag, '', start, end)


def test_span_longer_than_the_model_was_trained_on_is_refused(tmp_path: Path) -> None:
    messages = map(jpeg_message, range(70))
    with Bag(write_bag(tmp_path / 'a', {'/image': messages})) as bag:
        with pytest.raises(BadSpan, match=r'63 s; give --start and --end'):
            read_clip(bag, '')
        assert len(read_clip(bag, '', 5.0, 68.0).frames) == 64


def test_nothing_in_the_span_is_no_frames(tmp_path: Path) -> None:
    with (
        Bag(write_bag(tmp_path / 'a', {'/image': [raw_message(0)]})) as bag,
        pytest.raises(NoFrames, match='/image'),
    ):
        read_clip(bag, '', 10.0, 20.0)


def test_topic_without_pictures_is_no_frames(tmp_path: Path) -> None:
    folder = tmp_path / 'a'
    from bags import TYPES
    from rosbags.rosbag2 import Writer

    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.add_connection('/image', RAW, typestore=TYPES)
    with Bag(folder) as bag, pytest.raises(NoFrames, match='/image'):
        read_clip(bag, '/image')


def test_recording_without_cameras_says_so(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / 'a', {'/depth': [raw_message(0)]})
    with Bag(folder) as bag, pytest.raises(BagError, match='holds no image topic'):
        bag.choose()


def broken(path: Path, kind: str) -> Path:
    """A thing at `path` that is not a recording."""
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
    with pytest.raises(BagError) as caught, Bag(path) as bag:
        read_clip(bag, '')
    assert str(path) in str(caught.value)


def test_damaged_message_is_left_out(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / 'a', {'/image': map(jpeg_message, TENTHS)})
    (file,) = folder.glob('*.mcap')
    data = bytearray(file.read_bytes())
    start = data.index(b'jpeg')
    data[start - 4 : start] = b'\xff\xff\xff\xff'  # the length of the format text of one message
    file.write_bytes(data)
    with Bag(folder) as bag:
        assert [one.stamp_ns for one in bag.pictures('/image')] == [stamp(s) for s in TENTHS[1:]]


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, 'backports', None)
    (tmp_path / 'a.mcap.zstd').write_bytes(b'')
    with pytest.raises(MissingPackage, match=r'molmo_ground_ros\[bag\]'):
        Bag(tmp_path / 'a.mcap.zstd')
