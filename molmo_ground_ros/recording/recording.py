# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One camera of a recording, however many files and hours it has.

Opening reads every file once and holds 20 bytes for a message. A clip reads and decodes only the
frames that sampling picks. Time is the messages' header stamps, never the time of recording.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BadSpan, BagError, ImageError, NoFrames, seconds
from molmo_ground_ros.frames import image
from molmo_ground_ros.frames.cdr import ImageMessage
from molmo_ground_ros.frames.sampled_clip import sampled_clip
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.frames.video_packets import codec_of
from molmo_ground_ros.frames.windows import MAX_WINDOW_NS, OVERLAP_NS, check_span, split
from molmo_ground_ros.recording.index import Camera, Paths, RecordingIndex
from molmo_ground_ros.recording.loss import Loss
from molmo_ground_ros.recording.video import VideoSource
from molmo_ground_ros.recording.video_topic import VideoTopic
from molmo_ground_ros.storage.closing import Closing
from molmo_ground_ros.types import Clip, Frame


class BadClipSpan(BagError):
    """Two times, in seconds from the start of a recording, that are no span of it."""

    def __init__(self, path: str, start_s: float, end_s: float | None) -> None:
        self.start_s = start_s
        self.end_s = end_s  # None: the end of the recording
        super().__init__(path, f'bad span: from {start_s} s to {end_s} s')


class Recording(Closing):
    """One camera's messages. Use as a context manager, from one thread at a time."""

    def __init__(self, index: RecordingIndex, topic: str) -> None:
        """One camera of `index`, which is closed with it. See open_recording."""
        self.topic = index.choose(topic)
        self._index = index
        self._timeline = index.timelines[self.topic]
        self._failed = index.undecodable[self.topic]  # the reason, by stamp
        # Frames at the end of the last clip, by stamp: the next window begins with them.
        self._overlap: dict[int, Frame] = {}
        self._video: VideoTopic | None = None  # made for the first packet of video

    def close(self) -> None:
        """Close the files. The other cameras of the same files can no longer be read."""
        self._index.close()

    @property
    def index(self) -> RecordingIndex:
        """The files, with all that they hold."""
        return self._index

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """Every image topic of the recording, depth included, by name."""
        return self._index.cameras

    @property
    def stamps(self) -> NDArray[np.int64]:
        """(N,) header stamps of the messages, ns, ascending, each once. Do not change it."""
        return self._timeline.stamps

    @property
    def is_video(self) -> bool:
        """Whether images are decoded from those before them, so that single ones take long."""
        if not len(self.stamps):
            return False
        number, _, _ = self._timeline.at(0)
        try:
            is_packet = bool(codec_of(self._stored(0).image))
        except ImageError:
            return False
        return is_packet or isinstance(self._index.sources[number], VideoSource)

    @property
    def span(self) -> tuple[int, int]:
        """Stamps of the first and last message, ns; both 0 where there is none."""
        return self._index.cameras[self.topic].span_ns

    @property
    def anchor_ns(self) -> int:
        """A time of the sampling grid, which all windows of the recording share."""
        return self.span[0]

    @property
    def loss(self) -> tuple[Loss, ...]:
        """What was lost, of all cameras and files. It grows where images cannot be decoded."""
        return self._index.loss

    @property
    def undecodable(self) -> Mapping[int, str]:
        """The messages that could not be decoded so far: the reason by stamp, as they came up."""
        return self._failed

    def note_undecodable(self, stamp_ns: int, why: str) -> None:
        """Count a message in `loss` that an earlier reading could not decode."""
        self._failed.setdefault(stamp_ns, why)

    def windows(
        self,
        start_ns: int | None = None,
        end_ns: int | None = None,
        length_ns: int = MAX_WINDOW_NS,
        overlap_ns: int = OVERLAP_NS,
    ) -> list[tuple[int, int]]:
        """Windows (start, end) that cover the messages of [start_ns, end_ns]; None is the end.

        As windows.split, but over each stretch by itself. A pause longer than `length_ns` (between
        bags of two days, or where the clock was set) is in no window.
        Raises BadSpan, BadSetting.
        """
        first_ns = self.span[0] if start_ns is None else start_ns
        last_ns = self.span[1] if end_ns is None else end_ns
        if last_ns < first_ns:
            raise BadSpan(first_ns, last_ns, 'it ends before it starts')
        first, last = np.searchsorted(self.stamps, [first_ns, last_ns + 1])
        stamps = self.stamps[first:last]
        pauses = np.flatnonzero(np.diff(stamps) > length_ns) + 1
        return [
            window
            for part in np.split(stamps, pauses)
            if len(part)
            for window in split(int(part[0]), int(part[-1]), length_ns, overlap_ns)
        ]

    def clip(self, start_ns: int, end_ns: int, tracks: TrackRule | None = None) -> Clip:
        """The sampled, decoded frames of a window of at most 63 s (windows.sample).

        A message that cannot be decoded is replaced by its neighbour, as ClipBuffer does, and
        counted in `loss`. tracks: as of sampled_clip. Raises BadSpan, and NoFrames where the window
        has no message.
        """
        check_span(start_ns, end_ns)
        first, last = (int(i) for i in np.searchsorted(self.stamps, [start_ns, end_ns + 1]))
        if first == last:
            raise NoFrames(self.topic, f'none from {seconds(start_ns)} to {seconds(end_ns)}')
        stamps = self.stamps[first:last].tolist()
        failed: dict[int, ImageError] = {}
        try:
            clip = sampled_clip(
                self.topic, stamps, self._frame, (start_ns, end_ns), self.anchor_ns, failed, tracks
            )
        finally:
            for stamp_ns, error in failed.items():
                self.note_undecodable(stamp_ns, str(error))
        self._overlap = {f.stamp_ns: f for f in clip.frames if f.stamp_ns >= end_ns - OVERLAP_NS}
        return clip

    def clip_of_seconds(self, start_s: float = 0.0, end_s: float | None = None) -> Clip:
        """As `clip`, between two times in seconds from the first message; None is the end.

        Raises BadClipSpan where the times are no span, BadSpan where it is longer than 63 s, and
        NoFrames where it has no message.
        """
        # A NaN fails the comparison as well.
        if not 0 <= start_s < (math.inf if end_s is None else end_s):
            raise BadClipSpan(self._index.path, start_s, end_s)
        first_ns, last_ns = self.span
        if not len(self.stamps):
            raise NoFrames(self.topic, f"bag '{self._index.path}' holds no picture of it")
        start_ns = first_ns + round(start_s * 1e9)
        end_ns = last_ns if end_s is None else min(first_ns + round(end_s * 1e9), last_ns)
        if start_ns > end_ns:
            raise NoFrames(self.topic, f'it ends at {(last_ns - first_ns) / 1e9:.3f} s')
        if end_ns - start_ns > MAX_WINDOW_NS:
            why = f'longer than {MAX_WINDOW_NS / 1e9:g} s; give --start and --end'
            raise BadSpan(start_ns - first_ns, end_ns - first_ns, why)
        return self.clip(start_ns, end_ns)

    def message(self, stamp_ns: int) -> ImageMessage:
        """The message with this stamp, undecoded, but that a packet of video is made an image.

        Raises NoFrames if there is none, ImageError.
        """
        index = bisect_left(self.stamps, stamp_ns)
        if index == len(self.stamps) or self.stamps[index] != stamp_ns:
            raise NoFrames(self.topic, f'none has the stamp {stamp_ns}')
        message = self._stored(index)
        if message.stamp_ns not in (stamp_ns, 0):
            raise ImageError(f'the picture of {seconds(stamp_ns)} has become another')
        image = message.image
        if codec := codec_of(image):
            self._video = self._video or VideoTopic(self._timeline, self._stored)
            image = self._video.image(index, codec)
        # Without a stamp of its own it has the time at which it was recorded.
        return replace(message, stamp_ns=stamp_ns, image=image)

    def messages(self) -> Iterator[ImageMessage]:
        """All messages in the order of their stamps, undecoded.

        One that cannot be read is left out and counted in `loss`.
        """
        for stamp_ns in self.stamps.tolist():
            try:
                yield self.message(stamp_ns)
            except ImageError as err:
                self.note_undecodable(stamp_ns, str(err))

    def _stored(self, index: int) -> ImageMessage:
        """A message as it is stored, by its index in the timeline. Raises ImageError."""
        number, kind, place = self._timeline.at(index)
        return self._index.sources[number].message(place, kind)

    def _frame(self, stamp_ns: int) -> Frame:
        """The decoded message with this stamp. Raises ImageError."""
        if stamp_ns in self._overlap:
            return self._overlap[stamp_ns]
        if stamp_ns in self._failed:
            raise ImageError(self._failed[stamp_ns])
        message = self.message(stamp_ns)
        return Frame(stamp_ns, image.decode(message.image), message.frame_id)


def open_recording(paths: Paths, topic: str = '', *, epoch_ns: int = 0) -> Recording:
    """Open one camera of rosbag2 folders, .mcap and .db3 files (packed ones too), and videos.

    Several paths are one recording: messages are ordered by stamp, and each stamp is taken once.
    Without `topic` the only camera is taken that is not a depth camera. A video's time 0 gets the
    stamp `epoch_ns`. Damaged files are read as far as they can be; see Recording.loss.
    Raises BagError (SeveralCameras, TopicNotFound, or nothing can be read), MissingPackage,
    OSError (a full disk where a file has to be unpacked).
    """
    index = RecordingIndex(paths, epoch_ns=epoch_ns, topics=[topic] if topic else ())
    try:
        return Recording(index, topic)
    except BagError:
        index.close()
        raise


def open_cameras(
    paths: Paths, topics: Sequence[str] = (), *, epoch_ns: int = 0
) -> dict[str, Recording]:
    """As open_recording, for several cameras that share one pass over the files.

    Without `topics`: all that are not depth cameras. Closing one of them closes all.
    """
    index = RecordingIndex(paths, epoch_ns=epoch_ns, topics=topics)
    try:
        return {topic: Recording(index, topic) for topic in topics or index.colour() or ['']}
    except BagError:
        index.close()
        raise
