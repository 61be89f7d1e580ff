# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Topics whose messages are packets of video, as real encoders make them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('av', reason="needs PyAV: pip install 'molmo_ground_ros[bag]'")

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from support.films import number_of
from support.packets import COUNT, ENCODERS, GOP, Packet, packets

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames import image
from molmo_ground_ros.frames.video_packets import PacketDecoder, is_keyframe
from molmo_ground_ros.recording import COMPRESSED, LossKind, open_recording

PERIOD_NS = 100_000_000
START_NS = 1_700_000_000_000_000_000
VIDEO = 'foxglove_msgs/msg/CompressedVideo'
FFMPEG = 'ffmpeg_image_transport_msgs/msg/FFMPEGPacket'
TYPES = get_typestore(Stores.ROS2_JAZZY)
TYPES.register(get_types_from_msg(
    'builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format', VIDEO,
))  # fmt: skip
TYPES.register(get_types_from_msg(
    'std_msgs/Header header\nint32 width\nint32 height\nstring encoding\nuint64 pts\nuint8 flags\n'
    'bool is_bigendian\nuint8[] data', FFMPEG,
))  # fmt: skip


def message(kind: str, number: int, data: bytes, form: str) -> Any:
    types = TYPES.types
    stamp_ns = START_NS + number * PERIOD_NS
    time = types['builtin_interfaces/msg/Time'](stamp_ns // 10**9, stamp_ns % 10**9)
    header = types['std_msgs/msg/Header'](time, 'optical')
    raw = np.frombuffer(data, np.uint8)
    if kind == VIDEO:
        return types[VIDEO](time, 'optical', raw, form)
    if kind == FFMPEG:
        return types[FFMPEG](header, 64, 64, form, number, 0, False, raw)
    return types[COMPRESSED](header, form, raw)


def write(
    path: Path, made: Iterable[Packet], kind: str, form: str, storage=StoragePlugin.MCAP
) -> Path:
    with Writer(path, version=9, storage_plugin=storage) as writer:
        link = writer.add_connection('/cam', kind, typestore=TYPES)
        for order, (number, data) in enumerate(made):
            cdr = TYPES.serialize_cdr(message(kind, number, data, form), kind)
            writer.write(link, START_NS + order * PERIOD_NS, cdr)
    return path


def shown(recording, number: int) -> int:
    """The number that the image of a stamp shows."""
    found = recording.message(START_NS + number * PERIOD_NS)
    assert found.frame_id == 'optical'
    return number_of(image.decode(found.image))


@pytest.mark.parametrize('name', ENCODERS)
@pytest.mark.parametrize(
    ('kind', 'form'),
    [
        pytest.param(VIDEO, '{}', id='CompressedVideo'),
        pytest.param(FFMPEG, '{};yuv420p;bgr8;bgr8', id='FFMPEGPacket'),
        pytest.param(COMPRESSED, '{}', id='CompressedImage'),
    ],
)
def test_any_image_is_decoded_from_the_keyframe_before_it(name, kind, form, tmp_path: Path) -> None:
    path = write(tmp_path / 'a', packets(name), kind, form.format(name.split()[0]))
    with open_recording(path) as recording:
        assert len(recording.stamps) == COUNT and recording.is_video
        for number in (0, 7, 8, 40, 3, 44, 20, 20, 14, 15):
            assert shown(recording, number) == number
        clip = recording.clip(START_NS + 20 * PERIOD_NS, START_NS + 40 * PERIOD_NS)
        numbers = [(frame.stamp_ns - START_NS) // PERIOD_NS for frame in clip.frames]
        assert numbers == [20, 25, 30, 35, 40]
        assert [number_of(frame.image) for frame in clip.frames] == numbers
        assert {loss.kind for loss in recording.loss} <= {LossKind.OUT_OF_ORDER}


def test_sqlite_holds_packets_as_well(tmp_path: Path) -> None:
    path = write(tmp_path / 'a', packets('h264'), VIDEO, 'h264', StoragePlugin.SQLITE3)
    with open_recording(path) as recording:
        assert [shown(recording, number) for number in (30, 2, 31)] == [30, 2, 31]


def test_images_before_the_first_keyframe_are_told_and_the_others_shown(tmp_path: Path) -> None:
    path = write(tmp_path / 'a', packets('h264')[5:], VIDEO, 'h264')
    with open_recording(path) as recording:
        with pytest.raises(ImageError, match='no keyframe of its h264 video comes before it'):
            shown(recording, 5)
        assert shown(recording, GOP + 2) == GOP + 2
        clip = recording.clip(*recording.windows()[0])
        assert all(frame.stamp_ns >= START_NS + GOP * PERIOD_NS for frame in clip.frames)
        assert LossKind.UNDECODABLE in {loss.kind for loss in recording.loss}


def test_damaged_packet_costs_its_own_group_alone(tmp_path: Path) -> None:
    made = packets('h264')
    made[GOP + 3] = (GOP + 3, b'neither video nor anything')
    with open_recording(write(tmp_path / 'a', made, VIDEO, 'h264')) as recording:
        for number in (GOP - 1, GOP + 2, 2 * GOP, COUNT - 1):
            assert shown(recording, number) == number


def test_missing_packet_of_h264_costs_what_builds_on_it_alone(tmp_path: Path) -> None:
    made = packets('h264')
    del made[GOP + 3]
    with open_recording(write(tmp_path / 'a', made, VIDEO, 'h264')) as recording:
        for number in (GOP + 2, 2 * GOP, COUNT - 1):
            assert shown(recording, number) == number
        for number in (GOP + 4, 2 * GOP - 1):
            with pytest.raises(ImageError, match='one before it is missing'):
                shown(recording, number)


@pytest.mark.parametrize('name', ENCODERS)
def test_keyframes_are_told_by_the_packets_themselves(name) -> None:
    codec = ENCODERS[name][2]
    keys = [number for number, data in packets(name) if is_keyframe(codec, data)]
    assert keys == [0, GOP, 2 * GOP]


@pytest.mark.parametrize('codec', ['h264', 'hevc', 'vp9', 'vp8', 'libdav1d'])
@pytest.mark.parametrize('data', [b'', b'\0', b'\0\0\1', b'\xff' * 40, bytes(40)])
def test_no_bytes_make_the_search_for_keyframes_raise(codec, data) -> None:
    assert is_keyframe(codec, data) in (True, False)


@pytest.mark.parametrize('name', ENCODERS)
def test_images_in_their_order_decode_each_packet_once(name, tmp_path: Path, monkeypatch) -> None:
    decoded = list[int]()
    decode = PacketDecoder.decode

    def counted(self, data, stamp_ns, *, is_needed):
        decoded.append(stamp_ns)
        return decode(self, data, stamp_ns, is_needed=is_needed)

    monkeypatch.setattr(PacketDecoder, 'decode', counted)
    path = write(tmp_path / 'a', packets(name), VIDEO, name.split()[0])
    with open_recording(path) as recording:
        assert [shown(recording, number) for number in range(COUNT)] == list(range(COUNT))
    assert len(decoded) <= COUNT + 2 * GOP


def test_image_that_never_comes_is_not_waited_for_to_the_end(tmp_path: Path) -> None:
    made = packets('h265', 8 * GOP, 4 * GOP)
    del made[2]
    path = write(tmp_path / 'a', made, VIDEO, 'h265')
    with open_recording(path) as recording:
        with pytest.raises(ImageError, match=r'no picture of .* comes out of the video'):
            shown(recording, 3)
        assert recording._video._next < 2 * GOP
