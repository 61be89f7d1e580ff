# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads one video file through FFmpeg (PyAV): the times of its images, and the image of a time.

The time of an image is its presentation time in the file, after edit lists, not its number divided
by a rate. It counts from the zero of the file; in transport and program streams, whose clocks
begin anywhere, from their first packet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError, MissingPackage
from molmo_ground_ros.frames.video_frame import errors, pixels

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SUFFIXES = frozenset({
    '.3gp', '.avi', '.flv', '.gif', '.m2ts', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg',
    '.mts', '.ogv', '.ts', '.webm', '.wmv',
})  # fmt: skip

# Demuxers that may read a file. Playlists, which name other files and hosts, are not among them.
_FORMATS = (
    'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,gif,flv,asf,h264,hevc,ivf'
)
# Of these the clock begins anywhere.
_ANY_CLOCK = frozenset({'mpegts', 'mpeg'})
_MICROSECOND_NS = 1000
# How many keyframes earlier to try where a seek lands behind the image.
_STEPS_BACK = (0, 1, 4, 16)
_THREADS = 2


class VideoFile:
    """One video file, which is opened at the first use. For one thread."""

    def __init__(self, path: Path, name: str) -> None:
        """Read the file at `path`. name: what it is called in messages."""
        self._path = path
        self._name = name
        self._container: InputContainer | None = None
        self._stream: VideoStream | None = None
        self._zero_ns = 0  # of the container's clock
        # An AVI has only times of decoding. Where images are shown in another order, the n-th that
        # is shown has the n-th of them, and they are counted from the start.
        self._has_pts = self._is_in_order = True
        self._times: Sequence[int] = ()
        self._keys: list[tuple[int, int]] = []  # keyframes: (time, ns; timestamp), ascending
        # Decoded images that follow, and the last of them that was taken with its time.
        self._following: Iterator[tuple[int, VideoFrame]] = iter(())
        self._at: tuple[int, VideoFrame] | None = None
        self._target_ns = 0
        self._count = 0  # of images since the start

    def times(self) -> tuple[Sequence[int], int]:
        """The times of the images, ns, ascending, and how many more the file says there are.

        Reads packets and decodes none of them. Raises ImageError where there is no video, or no
        decoder for it, and MissingPackage.
        """
        self._open()
        times, packets = list[int](), 0
        keys = set[tuple[int, int]]()
        for packet in self._packets():
            packets += 1
            stamp = self._stamp(packet)
            if stamp is None:
                raise ImageError('its images have no times')
            time_ns = self._ns(stamp)
            if packet.is_keyframe:
                keys.add((time_ns, stamp))
            # Images before the start of an edit are decoded for others and never shown.
            if not packet.is_discard:
                times.append(time_ns)
        stated = self._stream.frames if self._stream else 0
        self.close()
        # Packets come in the order of decoding.
        self._keys, times = sorted(keys), sorted(times)
        self._times = times
        return times, max(stated - packets, 0)

    def image(self, time_ns: int) -> NDArray[np.uint8]:
        """Decode the image of exactly that time: (H, W, 3) RGB, turned as a player turns it.

        Raises ImageError if there is none. A step forward decodes what lies between, or begins at
        the last keyframe before the image; a step back always does that.
        """
        frame = self._frame(time_ns)
        if frame is None:
            raise ImageError(f'{self._name}: no picture of {time_ns / 1e9:.3f} s can be decoded')
        try:
            return pixels(frame)
        except errors() as err:
            raise ImageError(f'{self._name}: the picture at {time_ns / 1e9:.3f} s: {err}') from err

    def close(self) -> None:
        """Close the file."""
        self._following, self._at = iter(()), None
        if self._container is not None:
            self._container.close()
        self._container = self._stream = None

    def _frame(self, time_ns: int) -> VideoFrame | None:
        """The decoded image of a time; None if there is none."""
        self._target_ns = time_ns
        key = bisect_right(self._keys, time_ns, key=lambda pair: pair[0]) - 1
        at_ns = self._at[0] if self._at else None
        key_ns = self._keys[key][0] if key >= 0 else 0
        is_ahead = self._is_in_order and at_ns is not None and key_ns > at_ns
        if self._container is None or at_ns is None or time_ns < at_ns or is_ahead:
            self._seek(key if self._is_in_order else -1)
        while self._at is not None and self._at[0] < time_ns:
            self._at = next(self._following, None)
        return self._at[1] if self._at and self._at[0] == time_ns else None

    def _seek(self, key: int) -> None:
        """Go to an image at or before the target: by keyframe number `key`, or from the start."""
        for back in _STEPS_BACK:
            if key - back < 0 or not self._jump(self._keys[key - back][1]):
                break
            if self._at is not None and self._at[0] <= self._target_ns and self._is_true(*self._at):
                return
        self._open()
        self._at = next(self._following, None)

    def _is_true(self, time_ns: int, frame: VideoFrame) -> bool:
        """Whether the time of the first image after a seek is right.

        In program streams few packets have times, and the first is given to the wrong image.
        """
        index = bisect_right(self._keys, time_ns, key=lambda pair: pair[0]) - 1
        return not frame.key_frame or (index >= 0 and self._keys[index][0] == time_ns)

    def _jump(self, stamp: int) -> bool:
        """Seek to a timestamp and decode the first image there; whether the file can seek."""
        if self._container is None:
            self._open()
        container, stream = self._container, self._stream
        if container is None or stream is None:
            return False
        try:
            container.seek(stamp, stream=stream)
        except errors():
            return False
        self._following, self._count = self._decoded(), 0
        self._at = next(self._following, None)
        return True

    def _open(self) -> None:
        """Open the file anew, at its start. Raises ImageError, MissingPackage."""
        self.close()
        container = _opened(self._path)
        self._container = container
        stream = next(iter(container.streams.video), None)
        if stream is None:
            raise ImageError('it cannot be read: there is no video in it')
        if stream.codec_context is None:
            raise ImageError('there is no decoder for its video here')
        stream.thread_type = 'AUTO'
        stream.codec_context.thread_count = _threads_of(stream.codec_context.name)
        self._stream = stream
        self._has_pts = container.format.name != 'avi'
        self._is_in_order = self._has_pts or not stream.codec_context.has_b_frames
        any_clock = container.format.name in _ANY_CLOCK
        self._zero_ns = (container.start_time or 0) * _MICROSECOND_NS if any_clock else 0
        self._following, self._count = self._decoded(), 0

    def _packets(self) -> Iterator[av.Packet[VideoStream]]:
        """The packets of the video, as far as the file can be read."""
        if self._container is None or self._stream is None:
            return
        is_readable = True
        while is_readable:
            is_readable = False
            packets = self._container.demux(self._stream)
            try:
                yield from (packet for packet in _readable(packets) if packet.size)
            except IndexError:
                # Damage may let a stream begin later, for which PyAV (18.1) has no place.
                is_readable = True

    def _decoded(self) -> Iterator[tuple[int, VideoFrame]]:
        """(time, image) in the order of showing. What a damaged packet holds is left out."""
        stream = self._stream
        if stream is None:
            return
        for packet in self._packets():
            stamp = self._stamp(packet)
            # No other image is built from such an image, so only the target is needed.
            skips = stamp is not None and self._ns(stamp) < self._target_ns and self._is_in_order
            stream.codec_context.skip_frame = 'NONREF' if skips else 'DEFAULT'
            yield from self._timed(_decode(packet.decode))
        yield from self._timed(_decode(lambda: stream.decode(None)))

    def _timed(self, frames: list[VideoFrame]) -> Iterator[tuple[int, VideoFrame]]:
        for frame in frames:
            stamp = self._stamp(frame)
            if not self._is_in_order:
                if self._count < len(self._times):
                    yield self._times[self._count], frame
                self._count += 1
            elif stamp is not None:
                yield self._ns(stamp), frame

    def _stamp(self, of: av.Packet[VideoStream] | VideoFrame) -> int | None:
        return of.pts if self._has_pts and of.pts is not None else of.dts

    def _ns(self, stamp: int) -> int:
        base = self._stream.time_base if self._stream else None
        if base is None:
            raise ImageError('its images have no times')
        return _rounded(stamp * base.numerator * 1_000_000_000, base.denominator) - self._zero_ns


def _opened(path: Path) -> InputContainer:
    try:
        import av
    except ImportError as err:
        raise MissingPackage('av', 'bag') from err
    options = {'protocol_whitelist': 'file', 'format_whitelist': _FORMATS}
    try:
        return av.open(f'file:{path}', options=options, metadata_errors='replace')
    except errors() as err:
        why = getattr(err, 'strerror', None) or err
        raise ImageError(f'it cannot be read: FFmpeg finds no video: {why}') from err


def _threads_of(codec: str) -> int:
    """How many threads may decode a codec.

    With damaged references the threads of FFmpeg's decoder of H.265 wait for each other forever
    (FFmpeg in PyAV 18.1; test/recording/cases/h265-that-hangs-threads.mov).
    """
    return 1 if codec == 'hevc' else _THREADS


def _readable(packets: Iterator[Any]) -> Iterator[Any]:
    """The packets up to the end, or to where the file cannot be read any further."""
    try:
        yield from packets
    except errors():
        return


def _decode(decode: Callable[[], list[VideoFrame]]) -> list[VideoFrame]:
    """What a packet holds; nothing if it is damaged."""
    try:
        return decode()
    except errors():
        return []


def _rounded(number: int, by: int) -> int:
    """The quotient of two numbers, rounded to the nearest one; exact for any size."""
    return (2 * number + by) // (2 * by)
