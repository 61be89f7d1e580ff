# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages that hold pictures, by type and encoding: how their stamps and images are read.

A topic's kind is its message type as ROS 2 writes it; where the encoding is not CDR, it stands
before the type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames import cdr
from molmo_ground_ros.frames.cdr import COMPRESSED, FFMPEG_PACKET, RAW, ImageMessage
from molmo_ground_ros.frames.video_packets import codec_of
from molmo_ground_ros.recording import foxglove
from molmo_ground_ros.recording.camera_messages import COMPANIONS, TRANSFORMS
from molmo_ground_ros.types import CompressedImage

Message = bytes | memoryview

_ALL = 1 << 28  # bytes of a message: its stamp may stand anywhere


@dataclass(frozen=True, slots=True)
class MessageFormat:
    """How one kind of message is read."""

    head_bytes: int  # of the message, that `stamp` needs
    # The header stamp, ns, 0 where it was never set; None if it is no such message.
    stamp: Callable[[Message], int | None]
    # Raises ImageError. The image is a view of the message where that can be.
    read: Callable[[Message], ImageMessage]


def _video(read: Callable[[Message], ImageMessage], message: Message) -> ImageMessage:
    """Read a message that holds a packet of video. Raises ImageError where it holds none."""
    found = read(message)
    if isinstance(found.image, CompressedImage) and not codec_of(found.image):
        raise ImageError(f"a message of video with the format '{found.image.format}'")
    return found


def _foxglove(kind: str) -> dict[str, MessageFormat]:
    """The formats of one of Foxglove's types, by kind of topic."""
    read: dict[str, tuple[int, Callable[..., int | None], Callable[..., ImageMessage]]] = {
        f'foxglove_msgs/msg/{kind}': (cdr.STAMP_BYTES, cdr.stamp_of, foxglove.cdr_message),
        f'protobuf foxglove.{kind}': (_ALL, foxglove.protobuf_stamp, foxglove.protobuf_message),
        f'json foxglove.{kind}': (_ALL, foxglove.json_stamp, foxglove.json_message),
        f'flatbuffer foxglove.{kind}': (
            _ALL, foxglove.flatbuffer_stamp, foxglove.flatbuffer_message,
        ),
    }  # fmt: skip
    formats = {}
    for name, (head_bytes, stamp, of_kind) in read.items():
        reader = partial(of_kind, kind=kind)
        reader = partial(_video, reader) if kind == 'CompressedVideo' else reader
        formats[name] = MessageFormat(head_bytes, stamp, reader)
    return formats


def _cdr(kind: str) -> MessageFormat:
    return MessageFormat(
        cdr.STAMP_BYTES, cdr.stamp_of, lambda message: cdr.image_message(message, kind)
    )


def _ros1(kind: str) -> MessageFormat:
    return MessageFormat(
        cdr.STAMP_BYTES, cdr.ros1_stamp_of, lambda message: cdr.ros1_message(message, kind)
    )


FORMATS: Mapping[str, MessageFormat] = {
    RAW: _cdr(RAW),
    COMPRESSED: _cdr(COMPRESSED),
    f'ros1 {RAW}': _ros1(RAW),
    f'ros1 {COMPRESSED}': _ros1(COMPRESSED),
    FFMPEG_PACKET: _cdr(FFMPEG_PACKET),
    **{name: form for kind in foxglove.FIELDS for name, form in _foxglove(kind).items()},
}


def kind_of_type(name: str, encoding: str = 'cdr') -> str:
    """The kind of a topic by the type and encoding that a file states; '' if it is not read."""
    name = name.replace('::', '/')
    package, _, rest = name.partition('/')
    if package and rest and '/' not in rest:
        name = f'{package}/msg/{rest}'
    # As early versions of ROS 1 called it.
    name = TRANSFORMS if name == 'tf/msg/tfMessage' else name
    kind = name if encoding in ('cdr', '') else f'{encoding} {name}'
    return kind if kind in FORMATS or kind in COMPANIONS else ''


def image_message(message: Message, kind: str) -> ImageMessage:
    """Read a message of a kind of FORMATS. Raises ImageError.

    Where it is no message of that kind, but one that its content alone tells to be an image message
    of ROS 2, it is read as that: labels of topics may be wrong.
    """
    try:
        return FORMATS[kind].read(message)
    except ImageError:
        by_content = cdr.kind_of(message)
        if by_content in ('', kind):
            raise
        return cdr.image_message(message, by_content)
