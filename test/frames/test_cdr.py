# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import struct

import numpy as np
import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")

from rosbags.typesys import Stores, get_typestore
from support.bags import MSG, TYPES

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames import cdr
from molmo_ground_ros.frames.cdr import COMPRESSED, RAW
from molmo_ground_ros.types import CompressedImage, RawImage

TIME = MSG['builtin_interfaces/msg/Time']
HEADER = MSG['std_msgs/msg/Header']
STAMP_NS = 1_700_000_000_123_456_789


def message(kind: str, frame_id: str = 'optical', store=TYPES):
    header = HEADER(TIME(STAMP_NS // 10**9, STAMP_NS % 10**9), frame_id)
    if kind == RAW:
        return MSG[RAW](header, 2, 3, 'bgr8', 1, 9, np.arange(18, dtype=np.uint8))
    return MSG[COMPRESSED](header, 'bgr8; jpeg', np.frombuffer(b'\xff\xd8\xff\xd9', np.uint8))


@pytest.mark.parametrize('frame_id', ['', 'a', 'ab', 'abc', 'abcd', 'kamera_ü'])
@pytest.mark.parametrize('little', [True, False], ids=['little', 'big'])
@pytest.mark.parametrize('store', [Stores.ROS2_FOXY, Stores.ROS2_JAZZY], ids=['foxy', 'jazzy'])
def test_messages_are_read_as_rosbags_writes_them(frame_id, little, store) -> None:
    types = get_typestore(store)
    raw = message(RAW, frame_id)
    data = bytes(types.serialize_cdr(raw, RAW, little_endian=little))
    assert cdr.stamp_of(data[: cdr.STAMP_BYTES]) == STAMP_NS
    found = cdr.image_message(data, RAW)
    assert (found.stamp_ns, found.frame_id) == (STAMP_NS, frame_id)
    assert isinstance(found.image, RawImage)
    image = found.image
    assert (image.width, image.height, image.step, image.encoding) == (3, 2, 9, 'bgr8')
    assert image.is_bigendian is True
    assert bytes(image.data) == bytes(range(18))
    data = bytes(
        types.serialize_cdr(message(COMPRESSED, frame_id), COMPRESSED, little_endian=little)
    )
    found = cdr.image_message(data, COMPRESSED)
    assert found.image == CompressedImage('bgr8; jpeg', found.image.data)
    assert bytes(found.image.data) == b'\xff\xd8\xff\xd9'


@pytest.mark.parametrize('kind', [RAW, COMPRESSED])
def test_every_cut_message_is_an_image_error(kind: str) -> None:
    data = bytes(TYPES.serialize_cdr(message(kind), kind))
    whole = cdr.image_message(data, kind).image
    end = data.index(bytes(whole.data)) + whole.nbytes  # padding may follow
    for cut in range(end):
        with pytest.raises(ImageError):
            cdr.image_message(data[:cut], kind)


@pytest.mark.parametrize(
    ('head', 'stamp_ns'),
    [
        pytest.param(b'\0\1\0\0' + bytes(8), 0, id='not set'),
        pytest.param(b'\0\0\0\0' + b'\0\0\0\1\0\0\0\2', 1_000_000_002, id='big-endian'),
        pytest.param(b'\0\1\0\0' + b'\1\0\0\0\2\0\0\0', 1_000_000_002, id='little-endian'),
        pytest.param(b'\0\7\0\0' + b'\1\0\0\0\2\0\0\0', 1_000_000_002, id='CDR 2'),
        pytest.param(b'\0\1\0\0' + b'\xff' * 4 + bytes(4), None, id='negative'),
        pytest.param(
            b'\0\1\0\0' + bytes(4) + b'\0\xca\x9a\x3b', 1_000_000_000, id='a second of ns'
        ),
        pytest.param(b'\0\1\0\0\1\0\0\0' + b'\xff' * 4, 5_294_967_295, id='most ns'),
        pytest.param(b'\0\3\0\0' + bytes(8), None, id='other encapsulation'),
        pytest.param(b'\1\1\0\0' + bytes(8), None, id='no encapsulation'),
        pytest.param(b'\0\1\0\0' + bytes(7), None, id='short'),
        pytest.param(b'', None, id='empty'),
    ],
)
def test_stamp_is_read_or_refused(head: bytes, stamp_ns: int | None) -> None:
    assert cdr.stamp_of(head) == stamp_ns


@pytest.mark.parametrize('kind', [RAW, COMPRESSED])
@pytest.mark.parametrize(
    ('raw', 'text'),
    [
        pytest.param(b'', '', id='length 0, as some writers count no end'),
        pytest.param(b'cam', 'cam', id='no end'),
        pytest.param(b'\xff\xfecam\0', '\ufffd\ufffdcam', id='no UTF-8'),
        pytest.param(b'c\0m\0', 'c\ufffdm', id='an end inside'),
        pytest.param(b'x' * 5000 + b'\0', 'x' * 5000, id='long'),
    ],
)
def test_frame_id_of_any_bytes_costs_no_picture(kind, raw, text) -> None:
    data = bytes(TYPES.serialize_cdr(message(kind, ''), kind))
    at = cdr.STAMP_BYTES
    head = data[:at] + struct.pack('<I', len(raw)) + raw + bytes(-len(raw) % 4)
    found = cdr.image_message(head + data[at + 8 :], kind)
    assert found.frame_id == text
    assert found.image.nbytes == cdr.image_message(data, kind).image.nbytes


def test_type_is_told_by_a_message_itself() -> None:
    for kind in (RAW, COMPRESSED):
        assert cdr.kind_of(bytes(TYPES.serialize_cdr(message(kind), kind))) == kind
    path = MSG['std_msgs/msg/String']('a text that is no picture at all, but long')
    assert cdr.kind_of(bytes(TYPES.serialize_cdr(path, 'std_msgs/msg/String'))) == ''
    assert cdr.kind_of(b'') == ''
    h264 = message(COMPRESSED)
    h264.data = np.zeros(8, np.uint8)
    assert cdr.kind_of(bytes(TYPES.serialize_cdr(h264, COMPRESSED))) == ''
