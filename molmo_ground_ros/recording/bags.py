# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The files of one recording, read once: its cameras, where their pictures lie, what is lost."""

from __future__ import annotations

import errno
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.errors import BagError, TopicNotFound
from molmo_ground_ros.lru import LruCache
from molmo_ground_ros.recording.files import Files
from molmo_ground_ros.recording.loss import Loss, LossKind, LossLog
from molmo_ground_ros.recording.source import Found, Source
from molmo_ground_ros.recording.timeline import Timeline, timeline

CACHE_BYTES = 32_000_000  # of unpacked chunks

Paths = str | Path | Sequence[str | Path]


class SeveralCameras(BagError):
    """No topic was named, and there are several."""

    def __init__(self, path: str, known: Sequence[str]) -> None:
        self.known = tuple(sorted(known))
        names = ', '.join(self.known)
        super().__init__(path, f'it holds several image topics, name one: {names}')


@dataclass(frozen=True, slots=True)
class Camera:
    """An image topic of a recording."""

    topic: str
    kind: str  # message type, in the first file
    pictures: int
    span_ns: tuple[int, int]  # stamps of the first and last picture; zeros where there is none

    @property
    def is_depth(self) -> bool:
        """Whether its name says that it is depth: such a topic is not chosen by itself."""
        return 'depth' in self.topic.lower()


class Bags:
    """Several bags and videos as one recording. Holds 20 bytes a picture, and what was unpacked."""

    def __init__(self, paths: Paths, *, epoch_ns: int = 0) -> None:
        """Read every file once. Raises BagError, MissingPackage, OSError: see open_recording."""
        given = [Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]
        if not given:
            raise BagError('', 'no file or folder is named')
        self.path = ', '.join(map(str, given))  # for messages
        self.sources: list[Source] = []
        self.losses: list[LossLog] = []  # one a source
        self.timelines: dict[str, Timeline] = {}  # by topic
        self.cameras: dict[str, Camera] = {}  # by topic, depth included
        self.undecodable: dict[str, dict[int, str]] = {}  # by topic and stamp: why
        self._files = Files(LruCache(CACHE_BYTES), epoch_ns)
        try:
            self._read(given)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Delete what was unpacked."""
        for source in self.sources:
            source.close()
        self._files.close()

    @property
    def loss(self) -> tuple[Loss, ...]:
        """What was lost, of all files. The same in whatever order pictures failed to decode."""
        failed = [LossLog(log.path) for log in self.losses]
        for topic, reasons in self.undecodable.items():
            where = self.timelines[topic]
            for stamp_ns, why in sorted(reasons.items()):
                log = failed[where.sources[bisect_left(where.stamps, stamp_ns)]]
                log.add(LossKind.UNDECODABLE, topic=topic, messages=1, detail=why)
        logs = (log for pair in zip(self.losses, failed, strict=True) for log in pair)
        return (*self._files.losses, *(loss for log in logs for loss in log.found))

    def colour(self) -> list[str]:
        """The image topics that are not depth."""
        return [camera.topic for camera in self.cameras.values() if not camera.is_depth]

    def choose(self, topic: str = '') -> str:
        """`topic` if it is there, or the only one that is not depth.

        Raises TopicNotFound, SeveralCameras, BagError where there is none.
        """
        if topic:
            if topic not in self.cameras:
                raise TopicNotFound(self.path, topic, self.cameras)
            return topic
        colour = self.colour()
        if not colour:
            raise BagError(self.path, 'it holds no image topic')
        if len(colour) > 1:
            raise SeveralCameras(self.path, colour)
        return colour[0]

    def _read(self, given: Sequence[Path]) -> None:
        by_topic: dict[str, list[tuple[int, Found, LossLog]]] = {}
        errors = list[BagError]()
        for path in given:
            here = self._index(path, errors)
            self._compare(path, here)
            for number, found in here:
                by_topic.setdefault(found.topic, []).append((number, found, self.losses[number]))
        if errors and len(errors) == len(self.sources):
            raise errors[0]  # nothing could be read
        for topic, parts in by_topic.items():
            joined = timeline(parts)
            span = (int(joined.stamps[0]), int(joined.stamps[-1])) if len(joined.stamps) else (0, 0)
            self.timelines[topic] = joined
            self.undecodable[topic] = {}
            self.cameras[topic] = Camera(topic, parts[0][1].kind, len(joined.stamps), span)

    def _index(self, path: Path, errors: list[BagError]) -> list[tuple[int, Found]]:
        """What the files of one path hold, each with its source's number."""
        here = list[tuple[int, Found]]()
        for file in self._files.open(path):
            number = len(self.sources)
            self.sources.append(file.source)
            self.losses.append(file.loss)
            try:
                here += [(number, found) for found in file.source.index(file.loss)]
            except BagError as err:
                file.loss.add(LossKind.UNREADABLE, detail=str(err))
                errors.append(err)
            except OSError as err:
                if err.errno != errno.EIO:  # anything else is not the file's fault: a full disk
                    raise
                file.loss.add(LossKind.UNREADABLE, detail=str(err))
                errors.append(BagError(file.loss.path, f'it cannot be read: {err}'))
        return here

    def _compare(self, path: Path, here: Sequence[tuple[int, Found]]) -> None:
        """Tell where metadata.yaml counts more messages than the files themselves do."""
        counts: dict[str, int] = {}
        for _, found in here:
            count = max(found.messages, found.counted or 0)
            counts[found.topic] = counts.get(found.topic, 0) + count
        log = LossLog(str(path))
        for topic, stated in self._files.counted.get(path, {}).items():
            missing = stated - counts.get(topic, 0)
            if missing > 0:
                log.add(LossKind.FEWER_MESSAGES, topic=topic, messages=missing)
        self._files.losses += log.found
