# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The index of a recording: its files, its cameras, where their messages lie, what is lost."""

from __future__ import annotations

import errno
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.errors import BagError, ImageError, TopicNotFound
from molmo_ground_ros.frames.image import DEPTH_ENCODINGS
from molmo_ground_ros.recording.camera_messages import COMPANIONS
from molmo_ground_ros.recording.files import SourceFiles
from molmo_ground_ros.recording.loss import Loss, LossKind, LossLog
from molmo_ground_ros.recording.source import EmptyRecording, MessageIndex, Source
from molmo_ground_ros.recording.timeline import Part, Timeline, companion_timeline, timeline
from molmo_ground_ros.storage.lru import LruCache
from molmo_ground_ros.types import RawImage

CACHE_BYTES = 32_000_000  # of unpacked chunks

# Not the cameras of depthai.
_DEPTH_NAME = re.compile(r'depth(?!ai)')
_NAMED = 12  # topics that an error names

Paths = str | Path | Sequence[str | Path]


class SeveralCameras(BagError):
    """No topic was named, and the recording has several cameras."""

    def __init__(self, path: str, topics: Sequence[str]) -> None:
        self.topics = tuple(sorted(topics))
        names = ', '.join(self.topics)
        super().__init__(path, f'it holds several image topics, name one: {names}')


@dataclass(frozen=True, slots=True)
class Camera:
    """An image topic of a recording."""

    topic: str
    kind: str  # message type, in the first file
    messages: int
    span_ns: tuple[int, int]  # stamps of the first and last message; zeros where there is none
    # Whether the encoding of its first message is one of depth.
    holds_depth: bool

    @property
    def is_depth(self) -> bool:
        """Whether its name or content says that it is depth, which is only read where named."""
        return self.holds_depth or _DEPTH_NAME.search(self.topic.lower()) is not None


class RecordingIndex:
    """Files that are read as one recording: bags and videos.

    It holds 20 bytes for a message, and at most CACHE_BYTES of chunks that were unpacked.
    """

    def __init__(self, paths: Paths, *, epoch_ns: int = 0, topics: Sequence[str] = ()) -> None:
        """Read every file once. Raises BagError, MissingPackage, OSError: see open_recording.

        topics: of a data set only these cameras are read; all if there are none.
        """
        listed = [Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]
        if not listed:
            raise BagError('', 'no file or folder is named')
        self.path = ', '.join(map(str, listed))  # for messages
        self.sources: list[Source] = []
        self.losses: list[LossLog] = []  # one for each source
        self.timelines: dict[str, Timeline] = {}  # by topic
        self.cameras: dict[str, Camera] = {}  # by topic, depth included
        # By topic: where the messages of COMPANIONS lie, which say where cameras look.
        self.companions: dict[str, Timeline] = {}
        self.undecodable: dict[str, dict[int, str]] = {}  # the reason, by topic and stamp
        self._files = SourceFiles(LruCache(CACHE_BYTES), epoch_ns, frozenset(topics))
        try:
            self._read(listed)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the files and delete what was unpacked."""
        for source in self.sources:
            source.close()
        self._files.close()

    @property
    def loss(self) -> tuple[Loss, ...]:
        """What was lost, of all files.

        It does not depend on the order in which images were decoded.
        """
        failed = [LossLog(log.path) for log in self.losses]
        for topic, reasons in self.undecodable.items():
            messages = self.timelines[topic]
            for stamp_ns, why in sorted(reasons.items()):
                log = failed[messages.at(bisect_left(messages.stamps, stamp_ns))[0]]
                log.add(LossKind.UNDECODABLE, topic=topic, messages=1, detail=why)
        logs = (log for pair in zip(self.losses, failed, strict=True) for log in pair)
        return (*self._files.losses, *(loss for log in logs for loss in log.losses))

    def colour(self) -> list[str]:
        """The image topics that are not depth.

        Where the names of all say that they are, those whose content is none.
        """
        cameras = self.cameras.values()
        named = [camera.topic for camera in cameras if not camera.is_depth]
        return named or [camera.topic for camera in cameras if not camera.holds_depth]

    def companion_topics(self, kind: str) -> list[str]:
        """The topics of COMPANIONS whose messages are of a type, of ROS 1 or 2."""
        return [
            name
            for name, joined in self.companions.items()
            if any(of_part.endswith(kind) for _, of_part in joined.origins)
        ]

    def companion_kind(self, topic: str, number: int) -> str:
        """The kind of a companion topic's message, by its number in the timeline."""
        return self.companions[topic].at(number)[1]

    def payload(self, topic: str, number: int) -> bytes | memoryview:
        """The bytes of a topic's message, by its number in the timeline.

        Raises ImageError where it cannot be read.
        """
        joined = self.companions[topic] if topic in self.companions else self.timelines[topic]
        source, _, place = joined.at(number)
        return self.sources[source].payload(place)

    def choose(self, topic: str = '') -> str:
        """`topic`, or without it the only topic that is not depth.

        Raises TopicNotFound, SeveralCameras, and BagError where there is no camera.
        """
        if topic:
            if topic not in self.cameras:
                raise TopicNotFound(self.path, topic, self.cameras)
            return topic
        colour = self.colour()
        if not colour:
            raise BagError(self.path, self._no_camera())
        if len(colour) > 1:
            raise SeveralCameras(self.path, colour)
        return colour[0]

    def _no_camera(self) -> str:
        """Why there is no camera, with all that there is."""
        unread = [topic for source in self.sources for topic in source.unread]
        pictures = [str(topic) for topic in unread if topic.may_hold_pictures]
        if pictures:
            return f'its pictures are of types that are not read here: {_named(pictures)}'
        depth = [f'{topic} (depth)' for topic in self.cameras]
        others = [*depth, *map(str, unread)]
        return 'it holds no image topic' + (f'; it holds {_named(others)}' if others else '')

    def _read(self, paths: Sequence[Path]) -> None:
        images, companions = dict[str, list[Part]](), dict[str, list[Part]]()
        errors = list[BagError]()
        for path in paths:
            indexes = self._index(path, errors)
            self._compare(path, indexes)
            for number, index in indexes:
                by_topic = companions if index.kind in COMPANIONS else images
                by_topic.setdefault(index.topic, []).append((number, index, self.losses[number]))
        if errors and len(errors) == len(self.sources):
            # Nothing could be read.
            raise errors[0]
        self.companions = {topic: companion_timeline(parts) for topic, parts in companions.items()}
        for topic, parts in images.items():
            joined = timeline(parts)
            span = (int(joined.stamps[0]), int(joined.stamps[-1])) if len(joined.stamps) else (0, 0)
            self.timelines[topic] = joined
            self.undecodable[topic] = {}
            depth = self._holds_depth(joined)
            self.cameras[topic] = Camera(topic, parts[0][1].kind, len(joined.stamps), span, depth)

    def _holds_depth(self, joined: Timeline) -> bool:
        """Whether the first message has an encoding of depth."""
        if not len(joined.stamps):
            return False
        number, kind, place = joined.at(0)
        try:
            image = self.sources[number].message(place, kind).image
        except ImageError:
            return False
        if isinstance(image, RawImage):
            return image.encoding in DEPTH_ENCODINGS
        return 'compresseddepth' in image.format.lower()

    def _index(self, path: Path, errors: list[BagError]) -> list[tuple[int, MessageIndex]]:
        """The indexes of all files of one path, each with the number of its source.

        A file that cannot be read is a loss; its error is added to `errors`.
        """
        indexes = list[tuple[int, MessageIndex]]()
        for file in self._files.open(path):
            number = len(self.sources)
            self.sources.append(file.source)
            self.losses.append(file.loss)
            try:
                indexes += [(number, index) for index in file.source.index(file.loss)]
                _tell_unread(file.source, file.loss)
            except BagError as err:
                # The last file of a recorder that was ended may hold nothing: no picture is lost.
                is_empty = isinstance(err, EmptyRecording)
                kind = LossKind.NOT_CLOSED if is_empty else LossKind.UNREADABLE
                file.loss.add(kind, detail=str(err))
                errors.append(err)
            except OSError as err:
                # EIO is damage of the medium. Anything else, as a full disk, is not the file's
                # fault and ends the reading.
                if err.errno != errno.EIO:
                    raise
                file.loss.add(LossKind.UNREADABLE, detail=str(err))
                errors.append(BagError(file.loss.path, f'it cannot be read: {err}'))
        return indexes

    def _compare(self, path: Path, indexes: Sequence[tuple[int, MessageIndex]]) -> None:
        """Log a loss where metadata.yaml counts more messages than the files themselves do."""
        counts: dict[str, int] = {}
        for _, index in indexes:
            count = max(index.messages, index.counted or 0)
            counts[index.topic] = counts.get(index.topic, 0) + count
        log = LossLog(str(path))
        for topic, stated in self._files.counted.get(path, {}).items():
            missing = stated - counts.get(topic, 0)
            if missing > 0:
                log.add(LossKind.FEWER_MESSAGES, topic=topic, messages=missing)
        self._files.losses += log.losses


def _tell_unread(source: Source, loss: LossLog) -> None:
    """Log the topics that may hold pictures and are not read."""
    for topic in source.unread:
        if topic.may_hold_pictures and topic.messages:
            detail = f'{topic.kind}, {topic.encoding}'
            count = topic.messages
            loss.add(LossKind.UNREAD_TOPIC, topic=topic.topic, messages=count, detail=detail)


def _named(names: Sequence[str]) -> str:
    more = f' and {len(names) - _NAMED} more' if len(names) > _NAMED else ''
    return ', '.join(names[:_NAMED]) + more
