# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One camera of a recording, however many files and hours it has.

Opening reads every file once and keeps 20 bytes a picture; a clip reads and decodes only the
frames that sampling picks. Time is the messages' header stamps, never their log times.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros import image as pictures
from molmo_ground_ros.clip import sampled_clip
from molmo_ground_ros.errors import (
    BadSpan,
    BagError,
    ImageError,
    NoFrames,
    seconds,
)
from molmo_ground_ros.recording.bags import Bags, Camera, Paths
from molmo_ground_ros.recording.cdr import Picture
from molmo_ground_ros.recording.loss import Loss
from molmo_ground_ros.types import Clip, Frame
from molmo_ground_ros.windows import MAX_WINDOW_NS, OVERLAP_NS, check_span, split


class Recording:
    """One camera's pictures. Use as a context manager; for one thread at a time."""

    def __init__(self, bags: Bags, topic: str) -> None:
        """One camera of `bags`, which it closes with itself. See open_recording."""
        self.topic = bags.choose(topic)
        self._bags = bags
        self._timeline = bags.timelines[self.topic]
        self._failed = bags.undecodable[self.topic]  # why, by stamp
        self._kept: dict[int, Frame] = {}  # by stamp, of the last clip: where the next one begins

    def __enter__(self) -> Recording:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Delete what was unpacked. The other cameras of the same files can no longer be read."""
        self._bags.close()

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """Every image topic of the recording, depth included, by name."""
        return self._bags.cameras

    @property
    def stamps(self) -> NDArray[np.int64]:
        """(N,) header stamps of the pictures, ns, ascending, each once. Do not change it."""
        return self._timeline.stamps

    @property
    def span(self) -> tuple[int, int]:
        """Stamps of the first and last picture, ns; both 0 where there is none."""
        return self._bags.cameras[self.topic].span_ns

    @property
    def anchor_ns(self) -> int:
        """A time of the sampling grid, which all windows of the recording share."""
        return self.span[0]

    @property
    def loss(self) -> tuple[Loss, ...]:
        """What was lost, of all cameras and files; grows where pictures turn out to be corrupt."""
        return self._bags.loss

    @property
    def undecodable(self) -> Mapping[int, str]:
        """Why, by stamp, the pictures so far cannot be decoded, in the order they were found."""
        return self._failed

    def note_undecodable(self, stamp_ns: int, why: str) -> None:
        """Take from an earlier reading that a picture cannot be decoded; counted in `loss`."""
        self._tell(stamp_ns, ImageError(why))

    def windows(
        self,
        start_ns: int | None = None,
        end_ns: int | None = None,
        length_ns: int = MAX_WINDOW_NS,
        overlap_ns: int = OVERLAP_NS,
    ) -> list[tuple[int, int]]:
        """Windows (start, end) that cover the pictures of [start_ns, end_ns]; None is the whole.

        As windows.split, but over each stretch by itself: a pause longer than `length_ns` (bags of
        two days, a clock that was set) is in no window. Raises BadSpan, BadSetting.
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

    def clip(self, start_ns: int, end_ns: int) -> Clip:
        """The sampled, decoded frames of a window of at most 63 s (windows.sample).

        A picture that cannot be decoded is replaced by its neighbour, as ClipBuffer does, and
        counted in `loss`. Raises BadSpan, and NoFrames where there is none in the window.
        """
        check_span(start_ns, end_ns)
        first, last = (int(i) for i in np.searchsorted(self.stamps, [start_ns, end_ns + 1]))
        if first == last:
            raise NoFrames(self.topic, f'none from {seconds(start_ns)} to {seconds(end_ns)}')
        stamps = self.stamps[first:last].tolist()
        failed: dict[int, ImageError] = {}
        try:
            clip = sampled_clip(
                self.topic, stamps, self._frame, (start_ns, end_ns), self.anchor_ns, failed
            )
        finally:
            for stamp_ns, error in failed.items():
                self._tell(stamp_ns, error)
        self._kept = {f.stamp_ns: f for f in clip.frames if f.stamp_ns >= end_ns - OVERLAP_NS}
        return clip

    def picture(self, stamp_ns: int) -> Picture:
        """The picture with this stamp, undecoded. Raises NoFrames if there is none, ImageError."""
        at = bisect_left(self.stamps, stamp_ns)
        if at == len(self.stamps) or self.stamps[at] != stamp_ns:
            raise NoFrames(self.topic, f'none has the stamp {stamp_ns}')
        number = int(self._timeline.sources[at])
        place = int(self._timeline.places[at])
        found = self._bags.sources[number].picture(place, self._timeline.kinds[number])
        if found.stamp_ns != stamp_ns:
            raise ImageError(f'the picture of {seconds(stamp_ns)} has become another')
        return found

    def pictures(self) -> Iterator[Picture]:
        """All of them in the order of their stamps, undecoded; what cannot be read is left out."""
        for stamp_ns in self.stamps.tolist():
            try:
                yield self.picture(stamp_ns)
            except ImageError as err:
                self._tell(stamp_ns, err)

    def _frame(self, stamp_ns: int) -> Frame:
        """Decoded. Raises ImageError."""
        if stamp_ns in self._kept:
            return self._kept[stamp_ns]
        if stamp_ns in self._failed:
            raise ImageError(self._failed[stamp_ns])
        found = self.picture(stamp_ns)
        return Frame(stamp_ns, pictures.decode(found.image), found.frame_id)

    def _tell(self, stamp_ns: int, error: ImageError) -> None:
        self._failed.setdefault(stamp_ns, str(error))


def open_recording(paths: Paths, topic: str = '', *, epoch_ns: int = 0) -> Recording:
    """Open one camera of rosbag2 folders, .mcap and .db3 files (packed ones too), and videos.

    Several paths are one recording: pictures are ordered by stamp, and each stamp is taken once.
    Without `topic` the only camera is taken that is not a depth camera. A video's time 0 gets the
    stamp `epoch_ns`. Damaged files are read as far as they go; see Recording.loss.
    Raises BagError (SeveralCameras, TopicNotFound; what cannot be read at all), MissingPackage,
    OSError (a full disk where a file has to be unpacked).
    """
    bags = Bags(paths, epoch_ns=epoch_ns)
    try:
        return Recording(bags, topic)
    except BagError:
        bags.close()
        raise


def open_cameras(
    paths: Paths, topics: Sequence[str] = (), *, epoch_ns: int = 0
) -> dict[str, Recording]:
    """As open_recording, for several cameras that share one pass over the files.

    Without `topics`: all that are not depth cameras. Closing one of them closes all.
    """
    bags = Bags(paths, epoch_ns=epoch_ns)
    try:
        return {topic: Recording(bags, topic) for topic in topics or bags.colour() or ['']}
    except BagError:
        bags.close()
        raise
