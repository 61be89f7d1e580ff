# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Packets of video that come one a message: their codec, their keyframes, their images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from molmo_ground_ros.errors import ImageError, MissingPackage
from molmo_ground_ros.frames.video_frame import errors
from molmo_ground_ros.types import CompressedImage, EncodedImage

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

# What a format or encoder's name says, and the decoder's name in FFmpeg.
_CODECS = (
    (re.compile(r'h\.?264|x264|\bavc'), 'h264'),
    (re.compile(r'h\.?265|x265|hevc'), 'hevc'),
    (re.compile(r'av1'), 'libdav1d'),
    (re.compile(r'vp9'), 'vp9'),
    (re.compile(r'vp8'), 'vp8'),
)
_PICTURES = (b'\xff\xd8\xff', b'\x89PNG')
_NANOSECOND = Fraction(1, 1_000_000_000)
_START = b'\0\0\1'
# Types of NAL units (ITU-T H.264, table 7-1; H.265, table 7-1) and OBUs (AV1, 6.2.2).
_H264_IDR, _H264_SLICES = 5, range(1, 6)
_HEVC_IRAP, _HEVC_SLICES = range(16, 24), range(32)
_SEQUENCE_HEADER = 1
# First units of packets: the parameters, the access unit delimiter, and slices and messages (SEI).
_H264_FIRST = (1, 5, 6, 7, 8, 9)
_HEVC_FIRST = (0, 1, 19, 20, 21, 32, 33, 34, 35, 39)


def codec_of(image: EncodedImage) -> str:
    """FFmpeg's name of the decoder if the image is a packet of video, else ''.

    By the format; where that names no codec, H.264 and H.265 by their first bytes.
    """
    if not isinstance(image, CompressedImage):
        return ''
    head = bytes(memoryview(image.data)[:6])  # type: ignore[arg-type]
    if head.startswith(_PICTURES):
        return ''
    form = image.format.lower()
    return next((name for pattern, name in _CODECS if pattern.search(form)), _by_bytes(head))


def is_keyframe(codec: str, data: bytes | memoryview) -> bool:
    """Whether a packet can be decoded without those before it."""
    packet = memoryview(data)
    if codec == 'h264':
        return _first_slice(packet, _H264_SLICES, 0x1F, 0) == _H264_IDR
    if codec == 'hevc':
        return _first_slice(packet, _HEVC_SLICES, 0x7E, 1) in _HEVC_IRAP
    if codec == 'libdav1d':
        return _SEQUENCE_HEADER in _obu_types(packet)
    if codec == 'vp9':
        # Frame marker 2, and neither show_existing_frame nor a frame that is not key (VP9, 6.2).
        return len(packet) > 0 and packet[0] >> 6 == 2 and packet[0] & 0x0C == 0
    return len(packet) > 0 and not packet[0] & 1


def require_decoders() -> None:
    """Raise MissingPackage where PyAV is not installed."""
    try:
        import av  # noqa: F401
    except ImportError as err:
        raise MissingPackage('av', 'bag') from err


class PacketDecoder:
    """Decodes packets in their order, from a keyframe on. For one thread.

    FFmpeg decodes in that thread too: of a camera's video two of its threads decode no faster, and
    take a third more of the processors. So an image comes out with its packet unless the video
    itself delays it.
    """

    def __init__(self, codec: str) -> None:
        """Raises ImageError where there is no such decoder, MissingPackage."""
        require_decoders()
        import av

        try:
            context: Any = av.CodecContext.create(codec, 'r')
        except errors() as err:
            raise ImageError(f'there is no decoder {codec} here') from err
        context.thread_count = 1
        self._context: VideoCodecContext = context
        self._is_drained = False

    def restart(self) -> None:
        """Forget the packets so far: the next one is a keyframe."""
        if self._context.is_open:
            self._context.flush_buffers()
        self._is_drained = False

    def decode(
        self, data: bytes | memoryview, stamp_ns: int, *, is_needed: bool
    ) -> list[tuple[int, VideoFrame]]:
        """(stamp, image) of what a packet completes: images come in their order of showing.

        is_needed: False to leave the image out if no other is built from it. Raises ImageError for
        a packet that is damaged.
        """
        import av

        if not len(data):
            raise ImageError('a packet of video without a byte')
        # A packet made of a Python object is freed by the thread of FFmpeg's that is done with it.
        # That waits for the interpreter, which may be waiting for the thread.
        packet = av.Packet(len(data))
        packet.update(bytes(data))
        packet.pts, packet.time_base = stamp_ns, _NANOSECOND
        self._context.skip_frame = 'DEFAULT' if is_needed else 'NONREF'
        return self._run(packet)

    def drain(self) -> list[tuple[int, VideoFrame]]:
        """(stamp, image) of what is left. Only `restart` may follow."""
        if self._is_drained:
            return []
        self._is_drained = True
        return self._run(None)

    def _run(self, packet: Any) -> list[tuple[int, VideoFrame]]:
        try:
            frames = self._context.decode(packet)
        except errors() as err:
            raise ImageError(f'a packet of video is damaged: {err}') from err
        return [(frame.pts, frame) for frame in frames if frame.pts is not None]


def _by_bytes(head: bytes) -> str:
    """See codec_of; head: the first bytes of a packet."""
    unit = head[4:] if head.startswith(b'\0' + _START) else head[3:]
    if not head.startswith((_START, b'\0' + _START)) or len(unit) < 2 or unit[0] & 0x80:
        return ''
    # The head of H.265 has two bytes: layer 0, and temporal layer 0 plus 1.
    if unit[1] == 1 and not unit[0] & 1 and unit[0] >> 1 in _HEVC_FIRST:
        return 'hevc'
    return 'h264' if unit[0] & 0x1F in _H264_FIRST else ''


def _first_slice(packet: memoryview, slices: range, mask: int, shift: int) -> int | None:
    """The type of the first NAL unit with pixels; None if there is none."""
    data = bytes(packet)
    place = data.find(_START)
    while 0 <= place < len(data) - 3:
        kind = (data[place + 3] & mask) >> shift
        if kind in slices:
            return kind
        place = data.find(_START, place + 3)
    return None


def _obu_types(packet: memoryview) -> Iterator[int]:
    """The types of the units of an AV1 packet."""
    at = 0
    while at < len(packet):
        head = packet[at]
        yield head >> 3 & 0x0F
        at += 2 if head & 0x04 else 1
        if not head & 0x02:
            # Without a size it reaches to the end.
            return
        size = shift = 0
        while at < len(packet) and shift < 56:
            byte = packet[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        at += size
