# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small sound MCAP files whose pictures are of Foxglove's types, of ROS 1, or packets of video."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from mcap.writer import CompressionType, Writer

from molmo_ground_ros.recording import COMPRESSED
from tools.fuzz_recordings.bags import CHUNK_BYTES, PERIOD_NS, PICTURES, TOPIC, ZERO_NS

Messages = Iterator[tuple[int, bytes]]  # (stamp, message)
_FFMPEG = 'ffmpeg_image_transport_msgs/msg/FFMPEGPacket'
_SECOND_NS = 1_000_000_000


def _pixels(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)


def _jpegs() -> Messages:
    for number in range(PICTURES):
        jpeg = cv2.imencode('.jpg', _pixels(number), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
        yield ZERO_NS + number * PERIOD_NS, jpeg.tobytes()


def _packets() -> Messages:
    context: Any = av.CodecContext.create('libx264', 'w')
    context.width, context.height, context.pix_fmt, context.gop_size = 64, 48, 'yuv420p', 8
    context.time_base, context.options = Fraction(1, 10), {'tune': 'zerolatency'}
    for number in range(PICTURES):
        frame = av.VideoFrame.from_ndarray(_pixels(number), format='rgb24')
        for packet in context.encode(frame):
            yield ZERO_NS + number * PERIOD_NS, bytes(packet)


def _protobuf(pictures: Messages, form: bytes) -> Messages:
    for stamp_ns, data in pictures:
        seconds, rest = divmod(stamp_ns, _SECOND_NS)
        stamp = b'\x08%s\x10%s' % (_varint(seconds), _varint(rest))
        # The fields of CompressedVideo; those of CompressedImage have other numbers.
        numbers = (0x0A, 0x1A, 0x22) if form == b'h264' else (0x0A, 0x12, 0x1A)
        parts = zip(numbers, (stamp, data, form), strict=True)
        yield stamp_ns, b''.join(bytes([tag]) + _varint(len(part)) + part for tag, part in parts)


def _json() -> Messages:
    for stamp_ns, data in _jpegs():
        seconds, rest = divmod(stamp_ns, _SECOND_NS)
        message = {
            'timestamp': {'sec': seconds, 'nsec': rest},
            'frame_id': 'optical',
            'data': base64.b64encode(data).decode(),
            'format': 'jpeg',
        }
        yield stamp_ns, json.dumps(message).encode()


def _flatbuffer() -> Messages:
    """A CompressedImage as its library lays it out: vtable, table, vector, string."""
    for stamp_ns, data in _jpegs():
        vtable = struct.pack('<6H', 12, 20, 4, 0, 12, 16)
        table = struct.pack('<iIIII', 12, *divmod(stamp_ns, _SECOND_NS), 8, 4 + 4 + len(data))
        vector = struct.pack('<I', len(data)) + data
        text = struct.pack('<I', 4) + b'jpeg\0'
        yield stamp_ns, struct.pack('<I', 16) + vtable + table + vector + text


def _header(stamp_ns: int) -> bytes:
    return struct.pack('<II', *divmod(stamp_ns, _SECOND_NS))


def _ros1() -> Messages:
    for stamp_ns, data in _jpegs():
        texts = b''.join(
            struct.pack('<I', len(text)) + text for text in (b'optical', b'jpeg', data)
        )
        yield stamp_ns, struct.pack('<I', 7) + _header(stamp_ns) + texts


def _ffmpeg() -> Messages:
    """An FFMPEGPacket in CDR: header, size, encoding, pts, flags, byte order, data."""
    for stamp_ns, data in _packets():
        head = b'\0\1\0\0' + _header(stamp_ns) + struct.pack('<I', 2) + b'c\0\0\0'
        size = struct.pack('<iiI', 64, 48, 5) + b'h264\0'
        pad = bytes(-(len(head) + len(size) - 4) % 8)
        flags = struct.pack('<Q2B2xI', 0, 0, 0, len(data))
        yield stamp_ns, head + size + pad + flags + data


def _varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def write_topic(folder: Path, kind: str, encoding: str, messages: Messages) -> Path:
    """A sample of one topic, in small chunks."""
    folder.mkdir()
    with (folder / f'{folder.name}.mcap').open('wb') as file:
        writer = Writer(file, chunk_size=CHUNK_BYTES, compression=CompressionType.NONE)
        writer.start()
        schema = writer.register_schema(kind, encoding.replace('cdr', 'ros2msg'), b'')
        channel = writer.register_channel(TOPIC, encoding, schema)
        for stamp_ns, message in messages:
            writer.add_message(channel, stamp_ns, message, stamp_ns)
        writer.finish()
    return folder


def _of(kind: str, encoding: str, messages: Callable[[], Messages]) -> Callable[[Path], Path]:
    return lambda folder: write_topic(folder, kind, encoding, messages())


_IMAGE, _VIDEO = 'foxglove.CompressedImage', 'foxglove.CompressedVideo'
WRITERS = {
    'mcap_packets': _of(_VIDEO, 'protobuf', lambda: _protobuf(_packets(), b'h264')),
    'mcap_protobuf': _of(_IMAGE, 'protobuf', lambda: _protobuf(_jpegs(), b'jpeg')),
    'mcap_json': _of(_IMAGE, 'json', _json),
    'mcap_flatbuffer': _of(_IMAGE, 'flatbuffer', _flatbuffer),
    'mcap_ffmpeg': _of(_FFMPEG, 'cdr', _ffmpeg),
    'mcap_ros1': _of(COMPRESSED.replace('/msg/', '/'), 'ros1', _ros1),
}
