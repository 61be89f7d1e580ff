# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The images around a camera's events as a short video that plays in the page (PyAV, H.264).

What is drawn on it is drawn by the page, so one video serves all questions about a camera.
"""

from __future__ import annotations

import io
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np

from molmo_ground_ros.analysis.findings import FrameReader
from molmo_ground_ros.errors import ImageError, NoFrames
from molmo_ground_ros.reports.drawing import INK, Image, write_text
from molmo_ground_ros.reports.words import plural

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

FRAMES_A_SECOND = 4  # twice the speed of a recording that was sampled at 2 Hz
MOST_FRAMES = 1200  # of all videos of a page: they are made in seconds
MOST_VIDEO_BYTES = 5_500_000  # of all videos of a page, where there is room for them
LONGEST_SIDE = 640  # pixels

# How far around an event the video may go, ns: the first that leaves room for every event.
_AROUND_NS = tuple(
    round(seconds * 1e9) for seconds in (60, 30, 15, 10, 7, 5, 4, 3, 2, 1.5, 1, 0.6, 0)
)
_LEAST_BYTES = 300  # of a frame; with less nothing can be made out
_GREY = 96
_QUALITY = '26'  # H.264's constant rate factor
_KEYFRAMES = 12  # frames from one keyframe to the next: what a step back has to decode
_BT601 = 6  # ITU-T H.273, the number of the matrix that OpenCV uses


@dataclass(frozen=True, slots=True)
class PageVideo:
    """The video of one camera: frame k is the image of stamps[k], at k / FRAMES_A_SECOND s."""

    camera: str
    stamps: tuple[int, ...] = ()
    mp4: bytes = b''
    note: str = ''  # why there is none, or what it leaves out


def page_videos(
    centres: Mapping[str, Sequence[int]],
    read_frame: FrameReader,
    stamps: Mapping[str, Sequence[int]],
    most_bytes: int = MOST_VIDEO_BYTES,
) -> Iterator[PageVideo]:
    """The video of each camera of `centres`, in their order.

    centres: the stamps of events that it goes around, ascending, by camera. stamps: those that
    sampling picks, ns, ascending, by camera. Cameras share MOST_FRAMES and `most_bytes`; what one
    does not need is left to those after it. One image is held at a time.
    """
    frames, nbytes = MOST_FRAMES, most_bytes
    for place, (camera, events) in enumerate(centres.items()):
        sampled = stamps.get(camera, ())
        cameras = len(centres) - place
        chosen = choose(events, sampled, frames // cameras)
        video = _video(camera, chosen, read_frame, nbytes // cameras)
        if video.mp4 and len(chosen) < len(sampled):
            around = f', around {plural(len(events), "event")}' if events else ''
            note = f'{len(chosen)} of {len(sampled)} frames{around}'
            video = PageVideo(camera, video.stamps, video.mp4, note)
        frames, nbytes = frames - len(chosen), nbytes - len(video.mp4)
        yield video


def choose(events: Sequence[int], sampled: Sequence[int], most: int) -> Sequence[int]:
    """At most `most` of the sampled stamps: all, or those around the events, as far as they reach.

    Where there are more events than that, or none, the stamps are evenly spaced.
    """
    if len(sampled) <= most:
        return sampled
    for around_ns in _AROUND_NS:
        near = _near(events, sampled, around_ns)
        if events and len(near) <= most:
            return near
    candidates = _near(events, sampled, 0) or sampled
    return [candidates[k * len(candidates) // most] for k in range(most)]


def _near(events: Iterable[int], sampled: Sequence[int], around_ns: int) -> list[int]:
    """The sampled stamps within a distance of an event."""
    near, done = list[int](), 0
    for stamp_ns in events:
        first = max(done, bisect_left(sampled, stamp_ns - around_ns))
        done = max(done, bisect_right(sampled, stamp_ns + around_ns))
        near += sampled[first:done]
    return near


def _video(
    camera: str, stamps: Sequence[int], read_frame: FrameReader, most_bytes: int
) -> PageVideo:
    if not stamps:
        return PageVideo(camera, note='there is no video of it')
    if most_bytes < _LEAST_BYTES * len(stamps):
        return PageVideo(camera, note='no video, so that the page stays below 25 MB')
    try:
        mp4 = _encode(_images(camera, stamps, read_frame), len(stamps), most_bytes)
    except ImportError:
        return PageVideo(camera, note='no video: it needs PyAV, which is in the extra bag')
    if not mp4:
        return PageVideo(camera, note='no video: PyAV cannot encode H.264 on this machine')
    if len(mp4) > most_bytes:
        return PageVideo(camera, note='no video, so that the page stays below 25 MB')
    return PageVideo(camera, tuple(stamps), mp4)


def _images(camera: str, stamps: Sequence[int], read_frame: FrameReader) -> Iterator[Image]:
    """The image of each stamp, all of one size, which is even; a grey one that says so if none."""
    size: tuple[int, int] | None = None
    before = 0
    for stamp_ns in stamps:
        try:
            image = read_frame(camera, stamp_ns).image
        except (ImageError, NoFrames):
            if size is None:
                before += 1
            else:
                yield _undecoded(size)
            continue
        if size is None:
            scale = min(1.0, LONGEST_SIDE / max(image.shape[:2]))
            size = _even(image.shape[1] * scale), _even(image.shape[0] * scale)
            yield from (_undecoded(size) for _ in range(before))
        yield np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    if size is None:
        yield from (_undecoded((320, 240)) for _ in stamps)


def _undecoded(size: tuple[int, int]) -> Image:
    image = np.full((size[1], size[0], 3), _GREY, np.uint8)
    write_text(image, 'this picture cannot be decoded', (12, size[1] // 2), 0.5, INK, 1)
    return image


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))


def _encode(images: Iterable[Image], number: int, most_bytes: int) -> bytes:
    """MP4 of so many images; b'' where there is no encoder. Raises ImportError.

    The rate is that of a constant quality, and at most the one that fills `most_bytes`.
    """
    import av

    rate = str(max(1000, 8 * most_bytes * FRAMES_A_SECOND // (number + 8 * FRAMES_A_SECOND)))
    options = {'preset': 'veryfast', 'crf': _QUALITY, 'maxrate': rate, 'bufsize': rate}
    file = io.BytesIO()
    try:
        with av.open(file, 'w', format='mp4') as container:
            stream = container.add_stream('libx264', Fraction(FRAMES_A_SECOND), options)
            _encode_into(container, stream, images)
    except (av.FFmpegError, av.codec.codec.UnknownCodecError):
        return b''
    return file.getvalue()


def _encode_into(container: OutputContainer, stream: VideoStream, images: Iterable[Image]) -> None:
    import av

    encoder = stream.codec_context
    # With several threads, passing them the small images takes longer than encoding.
    encoder.gop_size, encoder.thread_count, encoder.colorspace = _KEYFRAMES, 1, _BT601
    stream.pix_fmt = 'yuv420p'
    for place, image in enumerate(images):
        if not place:
            stream.height, stream.width = image.shape[:2]
        yuv = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8)
        frame = av.VideoFrame.from_ndarray(yuv, 'yuv420p')
        frame.pts, frame.time_base = place, Fraction(1, FRAMES_A_SECOND)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
