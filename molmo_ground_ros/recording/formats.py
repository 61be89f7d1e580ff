# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages that hold pictures, by type and encoding: how their stamps and images are read.

A topic's kind is its message type as ROS 2 writes it; where the encoding is not CDR, it stands
before the type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames import cdr
from molmo_ground_ros.frames.cdr import COMPRESSED, RAW, ImageMessage
from molmo_ground_ros.recording.camera_messages import COMPANIONS, TRANSFORMS

Message = bytes | memoryview


@dataclass(frozen=True, slots=True)
class MessageFormat:
    """How one kind of message is read."""

    head_bytes: int  # of the message, that `stamp` needs
    # The header stamp, ns, 0 where it was never set; None if it is no such message.
    stamp: Callable[[Message], int | None]
    # Raises ImageError. The image is a view of the message where that can be.
    read: Callable[[Message], ImageMessage]


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
        told = cdr.kind_of(message)
        if told in ('', kind):
            raise
        return cdr.image_message(message, told)
