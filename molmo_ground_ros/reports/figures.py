# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page's figures: the frame of each event and trajectory, and what is drawn over it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.analysis.findings import Event, Finding, FrameReader, Sighting, Trajectory
from molmo_ground_ros.errors import ImageError, NoFrames
from molmo_ground_ros.reports.colours import hexadecimal
from molmo_ground_ros.reports.words import doubts, place_words, trust
from molmo_ground_ros.types import Frame

# The page holds no more images than this, each no longer and no larger: 8 MB of base64.
MOST_IMAGES = 100
LONGEST_SIDE = 800  # pixels
MOST_BYTES = 60_000  # of a JPEG
MOST_PATH_POINTS = 400  # drawn of a trajectory

_QUALITIES = (85, 70, 50, 30)
_RADIUS = 1 / 45  # of the frame's longer side


@dataclass(frozen=True, slots=True)
class EvidenceFrame:
    """One frame of the recording, and the events or the trajectory that are drawn on it."""

    finding: int  # index
    stamp_ns: int
    events: tuple[Event, ...]
    track: Trajectory | None = None


@dataclass(frozen=True, slots=True)
class PathLine:
    """A part of a trajectory, as an SVG polyline."""

    points: str  # 'x,y x,y', pixels of the frame
    ink: str  # as '#rrggbb'
    width: float  # pixels
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class NumberedRing:
    """A ring around a point, with its number beside it."""

    number: int
    x: float  # pixels of the frame
    y: float
    radius: float
    ink: str  # as '#rrggbb'


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn of one event or trajectory."""

    name: str  # of its place in the page
    ring: NumberedRing
    lines: tuple[PathLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame, reduced for the page."""

    width: int  # of the frame, pixels
    height: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Figure:
    """What the template needs of one figure."""

    stamp_ns: int
    camera: str
    title: str
    caption: tuple[str, ...]  # lines below the title
    width: int  # pixels of the frame
    height: int
    jpeg: str  # base64; '' where there is no image
    missing: str  # why there is no image
    drawings: tuple[Drawing, ...]


def event_name(finding: int, event: int) -> str:
    """The name of an event's place in the page. finding: its index. event: its id."""
    return f'q{finding + 1}-event{event}'


def track_name(finding: int, track: int) -> str:
    """The name of a trajectory's place in the page. finding: its index. track: its id."""
    return f'q{finding + 1}-track{track}'


def evidence_frames(index: int, finding: Finding) -> list[EvidenceFrame]:
    """A frame for every stamp with events, then one for the last point of every trajectory."""
    by_stamp: dict[int, list[Event]] = {}
    for event in finding.events:
        by_stamp.setdefault(event.sighting.point.stamp_ns, []).append(event)
    return [
        *(EvidenceFrame(index, stamp, tuple(events)) for stamp, events in sorted(by_stamp.items())),
        *(
            EvidenceFrame(index, track.points[-1].point.stamp_ns, (), track)
            for track in finding.tracks
        ),
    ]


def share_images(counts: Sequence[int], most: int) -> list[set[int]]:
    """Share `most` images out among findings with so many figures.

    Returns for each finding the indices of the figures that get one, evenly spaced. A finding with
    fewer figures than its share leaves the remainder to the others.
    """
    left, shares = most, [0] * len(counts)
    for place, index in enumerate(sorted(range(len(counts)), key=lambda i: counts[i])):
        shares[index] = min(counts[index], left // (len(counts) - place))
        left -= shares[index]
    return [
        {place * count // share for place in range(share)}
        for count, share in zip(counts, shares, strict=True)
    ]


class PictureReader:
    """Gives frames and reduced pictures, and decodes a frame once where both are asked for.

    Pictures of the frames in `needed`, (camera, stamp), are made when their frame is read.
    """

    def __init__(self, read_frame: FrameReader, needed: Collection[tuple[str, int]]) -> None:
        """read_frame: what decodes a frame."""
        self._read_frame = read_frame
        self._needed = frozenset(needed)
        self._pictures: dict[tuple[str, int], Picture] = {}

    def frame(self, camera: str, stamp_ns: int) -> Frame:
        """The decoded frame. Raises what `read_frame` raises."""
        frame = self._read_frame(camera, stamp_ns)
        if (camera, stamp_ns) in self._needed:
            height, width = frame.image.shape[:2]
            self._pictures[camera, stamp_ns] = Picture(width, height, jpeg(frame.image))
        return frame

    def picture(self, camera: str, stamp_ns: int) -> Picture:
        """The picture of a frame in `needed`. Raises what `read_frame` raises."""
        if (camera, stamp_ns) not in self._pictures:
            self.frame(camera, stamp_ns)
        return self._pictures[camera, stamp_ns]


def figure(
    frame: EvidenceFrame, finding: Finding, read_picture: Callable[[str, int], Picture]
) -> Figure:
    """The figure of a frame. read_picture: (camera, stamp) to its picture; raises ImageError."""
    sighting = frame.track.points[-1] if frame.track else frame.events[0].sighting
    window = finding.windows[sighting.window]
    width, height, data = window.image_width, window.image_height, ''
    missing = ''
    try:
        picture = read_picture(finding.camera, frame.stamp_ns)
    except (ImageError, NoFrames) as err:
        missing = f'The frame cannot be shown: {err}'
    else:
        width, height = picture.width, picture.height
        data = base64.b64encode(picture.jpeg).decode()
    radius = max(width, height) * _RADIUS
    return Figure(
        frame.stamp_ns,
        finding.camera,
        _title(frame),
        _caption(frame),
        width,
        height,
        data,
        missing,
        _drawings(frame, radius),
    )


def jpeg(
    image: NDArray[np.uint8], longest_side: int = LONGEST_SIDE, most_bytes: int = MOST_BYTES
) -> bytes:
    """An (H, W, 3) RGB image as JPEG of at most so many bytes, and so many pixels a side.

    An image that is too large is written with less quality, and then smaller.
    """
    shrink = min(1.0, longest_side / max(image.shape[:2]))
    while True:
        height, width = (max(1, round(side * shrink)) for side in image.shape[:2])
        small: cv2.typing.MatLike = image
        if (height, width) != image.shape[:2]:
            small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
        for quality in _QUALITIES:
            data = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
            if len(data) <= most_bytes:
                return data
        shrink /= 2


def thinned(track: Trajectory) -> list[Sighting]:
    """At most MOST_PATH_POINTS of its points, evenly spaced, and those where it was resumed."""
    step = -(-len(track.points) // MOST_PATH_POINTS)
    resumed = {to_ns for _, to_ns in track.resumed_ns}
    last = len(track.points) - 1
    return [
        sighting
        for index, sighting in enumerate(track.points)
        if index % step == 0 or index == last or sighting.point.stamp_ns in resumed
    ]


def _title(frame: EvidenceFrame) -> str:
    if frame.track:
        track = frame.track
        return f'object #{track.id} {track.label}, its path of {len(track.points)}'
    names = ', '.join(f'#{event.id} {event.sighting.label}' for event in frame.events)
    return f'event {names}' if len(frame.events) == 1 else f'events {names}'


def _caption(frame: EvidenceFrame) -> tuple[str, ...]:
    """The doubts about a trajectory; the place, score and doubts of each event."""
    lines = doubts(frame.track) if frame.track else []
    for event in frame.events:
        point = event.sighting.point
        place = f'#{event.id} at ({point.x:.1f}, {point.y:.1f}) px, score {trust(point)}'
        where = [place_words(point.position)] if point.position else []
        lines.append('; '.join([place, *where, *doubts(event)]))
    return tuple(lines)


def _drawings(frame: EvidenceFrame, radius: float) -> tuple[Drawing, ...]:
    """What is drawn over a frame. radius: of an event's ring, pixels of the frame."""
    drawings = [
        Drawing(event_name(frame.finding, event.id), _ring(event.sighting, event.id, radius))
        for event in frame.events
    ]
    if track := frame.track:
        name = track_name(frame.finding, track.id)
        ring = _ring(track.points[-1], track.id, radius / 2)
        drawings.append(Drawing(name, ring, tuple(_path(track, radius / 5))))
    return tuple(drawings)


def _ring(sighting: Sighting, number: int, radius: float) -> NumberedRing:
    point = sighting.point
    return NumberedRing(number, point.x, point.y, radius, hexadecimal(number))


def _path(track: Trajectory, width: float) -> list[PathLine]:
    """The path as lines: solid where the object was seen, dashed where a gap was bridged."""
    ink = hexadecimal(track.id)
    resumed = {to_ns for _, to_ns in track.resumed_ns}
    dashed = list[PathLine]()
    pieces: list[list[Sighting]] = [[]]
    for sighting in thinned(track):
        if sighting.point.stamp_ns in resumed and pieces[-1]:
            dashed.append(PathLine(_points([pieces[-1][-1], sighting]), ink, width, dashed=True))
            pieces.append([])
        pieces[-1].append(sighting)
    solid = [
        (_points(piece), line) for piece in pieces for line in (('#000', 2 * width), (ink, width))
    ]
    return [*dashed, *(PathLine(points, *line) for points, line in solid)]


def _points(sightings: Iterable[Sighting]) -> str:
    return ' '.join(f'{sighting.point.x:.1f},{sighting.point.y:.1f}' for sighting in sightings)
