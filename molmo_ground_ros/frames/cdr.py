# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages as bytes, and the two image messages as they lie in a recording or come from a topic.

Restates CDR (OMG Common Data Representation) for `sensor_msgs/Image` and `CompressedImage`, for two
messages that hold packets of video, and for those of `recording/camera_messages.py`. It is ours
because a library needs the definitions that a recording carries, which may be missing or damaged;
these have the same fields in every ROS 2. A stamp is read from the first 12 bytes of a message, and
an image is a view of the message: no byte is copied.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from molmo_ground_ros.errors import ImageError, clean
from molmo_ground_ros.frames.image import ENCODINGS
from molmo_ground_ros.frames.video_packets import codec_of
from molmo_ground_ros.types import CompressedImage, EncodedImage, RawImage

RAW = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
# Each message of these holds a packet of video.
FOXGLOVE_VIDEO = 'foxglove_msgs/msg/CompressedVideo'
FFMPEG_PACKET = 'ffmpeg_image_transport_msgs/msg/FFMPEGPacket'
STAMP_BYTES = 12  # from the start of a message to the end of its stamp
_ENCAPSULATION_BYTES = 4

_STAMP = {'<': struct.Struct('<iI'), '>': struct.Struct('>iI')}  # seconds, nanoseconds
_U32 = {'<': struct.Struct('<I'), '>': struct.Struct('>I')}
# The second byte of the encapsulation header; its first is 0 (DDS-XTypes 1.3, 7.6.3.1.2): plain
# CDR, and plain CDR 2, which aligns nothing in image messages differently.
_ORDERS = {0: '>', 1: '<', 6: '>', 7: '<'}
_CDR_2 = (6, 7)
_ROS1_STAMP = struct.Struct('<II')
_SECOND_NS = 1_000_000_000
_COMPRESSED_STARTS = (b'\xff\xd8', b'\x89PNG')


@dataclass(frozen=True, slots=True)
class ImageMessage:
    """One image message, undecoded."""

    stamp_ns: int  # header stamp
    frame_id: str
    image: EncodedImage


def stamp_of(head: bytes | memoryview) -> int | None:
    """The header stamp in a message's first STAMP_BYTES, ns; None if it is no image message.

    Nanoseconds of a second and more are added to the seconds: that can be read in one way only.
    """
    order = _ORDERS.get(head[1]) if len(head) >= STAMP_BYTES and head[0] == 0 else None
    if order is None:
        return None
    second, nanosecond = _STAMP[order].unpack_from(head, 4)
    if second < 0:
        return None
    return int(second * _SECOND_NS + nanosecond)


def ros1_stamp_of(head: bytes | memoryview) -> int | None:
    """As stamp_of, of a message of ROS 1, which begins with a counter."""
    if len(head) < STAMP_BYTES:
        return None
    second, nanosecond = _ROS1_STAMP.unpack_from(head, 4)
    return int(second * _SECOND_NS + nanosecond)


def image_message(message: bytes | memoryview, kind: str) -> ImageMessage:
    """Read a recorded message of type `kind`: one of the four above. Raises ImageError.

    Its image is a view of `message`. A stamp that is no time is taken for damage.
    """
    stamp_ns = stamp_of(message[:STAMP_BYTES])
    if stamp_ns is None:
        raise ImageError(f'the message of {len(message)} bytes does not begin as {kind}')
    return _message(CdrReader(memoryview(message), STAMP_BYTES), stamp_ns, kind)


def ros1_message(message: bytes | memoryview, kind: str) -> ImageMessage:
    """As image_message, of a message of ROS 1."""
    stamp_ns = ros1_stamp_of(message[:STAMP_BYTES])
    if stamp_ns is None:
        raise ImageError(f'the message of {len(message)} bytes does not begin as {kind} of ROS 1')
    return _message(Ros1Reader(memoryview(message), STAMP_BYTES), stamp_ns, kind)


def received_message(message: bytes | memoryview, kind: str) -> ImageMessage:
    """Read a message as a subscription hands it over. Raises ImageError where it is cut off.

    As rclpy reads it, so the stamp may be no time. Its image is a view of `message`.
    """
    if len(message) < STAMP_BYTES or message[0] != 0 or message[1] not in _ORDERS:
        raise ImageError(f'the message of {len(message)} bytes does not begin as {kind}')
    reader = CdrReader(memoryview(message), _ENCAPSULATION_BYTES)
    return _message(reader, reader.stamp(), kind)


def _message(reader: CdrReader, stamp_ns: int, kind: str) -> ImageMessage:
    frame_id = reader.text()
    if kind == COMPRESSED:
        return ImageMessage(stamp_ns, frame_id, CompressedImage(reader.text(), reader.data()))
    if kind in (FOXGLOVE_VIDEO, FFMPEG_PACKET):
        return ImageMessage(stamp_ns, frame_id, _packet(reader, kind))
    height, width = reader.number(), reader.number()
    encoding = reader.text()
    is_bigendian = bool(reader.byte())
    step = reader.number()
    image = RawImage(width, height, encoding, step, reader.data(), is_bigendian)
    return ImageMessage(stamp_ns, frame_id, image)


def _packet(reader: CdrReader, kind: str) -> CompressedImage:
    """The packet of video that follows a header."""
    if kind == FOXGLOVE_VIDEO:
        data = reader.data()
        packet = CompressedImage(reader.text(), data)
    else:
        reader.number(), reader.number()  # width, height
        encoding = reader.text()
        reader.doubles(1)  # pts, of eight bytes
        reader.byte(), reader.byte()  # flags, byte order
        packet = CompressedImage(encoding, reader.data())
    if not codec_of(packet):
        raise ImageError(f"a message of video with the format '{packet.format}'")
    return packet


def kind_of(message: bytes | memoryview) -> str:
    """RAW or COMPRESSED by the content of a message alone; '' for anything else."""
    for kind in (RAW, COMPRESSED):
        try:
            image = image_message(message, kind).image
        except ImageError:
            continue
        if isinstance(image, RawImage):
            if image.encoding in ENCODINGS:
                return kind
        elif bytes(memoryview(image.data)[:4]).startswith(_COMPRESSED_STARTS):  # type: ignore[arg-type]
            return kind
    return ''


class CdrReader:
    """Reads the fields of a message one after the other. Raises ImageError where one is cut off."""

    def __init__(self, message: memoryview, offset: int) -> None:
        """Read from byte `offset` on, of a message whose encapsulation header is known."""
        self._message = message
        self._offset = offset
        self._order = _ORDERS[message[1]]
        self._alignment = 4 if message[1] in _CDR_2 else 8
        self._number_alignment = 4

    def byte(self) -> int:
        """An unsigned byte."""
        return self._take(1)[0]

    def number(self) -> int:
        """An unsigned number of 4 bytes."""
        # The encapsulation header has 4 bytes, so offsets in the message are aligned as well.
        self._offset += -self._offset % self._number_alignment
        return int(_U32[self._order].unpack(self._take(4))[0])

    def stamp(self) -> int:
        """A time, ns."""
        self._offset += -self._offset % self._number_alignment
        second, nanosecond = _STAMP[self._order].unpack(self._take(8))
        return int(second * _SECOND_NS + nanosecond)

    def doubles(self, count: int) -> tuple[float, ...]:
        """So many numbers of 8 bytes."""
        # Plain CDR aligns them to 8 bytes after the encapsulation header, CDR 2 to 4.
        if count:
            self._offset += -(self._offset - 4) % self._alignment
        return struct.unpack(f'{self._order}{count}d', self._take(8 * count))

    def text(self) -> str:
        """A text; bytes that are no text are replaced, since few texts are needed."""
        raw = bytes(self._take(self.number()))
        return clean(raw.rstrip(b'\0').decode(errors='replace'))

    def data(self) -> memoryview:
        """A sequence of bytes, as a view."""
        return self._take(self.number())

    def _take(self, count: int) -> memoryview:
        field = self._message[self._offset : self._offset + count]
        if len(field) != count:
            size, first = len(self._message), self._offset
            raise ImageError(f'the message of {size} bytes needs {count} from byte {first} on')
        self._offset += count
        return field


class Ros1Reader(CdrReader):
    """Reads a message of ROS 1: little-endian, and nothing is aligned."""

    def __init__(self, message: memoryview, offset: int) -> None:
        """Read from byte `offset` on."""
        self._message = message
        self._offset = offset
        self._order = '<'
        self._alignment = self._number_alignment = 1
