# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An analysis as an MCAP bag, to be laid over the original in Foxglove or played by ROS.

Under the camera's topic each question has three topics of its own:

    molmo_ground/q1/points       PointArray, one for each answered window, at its newest stamp
    molmo_ground/q1/tracks       TrackArray, likewise
    molmo_ground/q1/annotations  ImageAnnotations, at the stamps of the frames they are drawn on

Ids are the merged ones. An event is in one PointArray only, that of the window whose sighting
stands for it. `count` is the total that this window's answer states.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ground_ros.analysis.findings import (
    SAMPLE_PERIOD_NS,
    Analysis,
    AnsweredWindow,
    Finding,
    Sighting,
    Trajectory,
    WindowState,
)
from molmo_ground_ros.errors import MissingPackage
from molmo_ground_ros.reports.annotations import (
    TRACK_SCALE,
    AnnotatedPoint,
    AnnotationFactory,
)
from molmo_ground_ros.reports.drawing import TRAIL_NS
from molmo_ground_ros.reports.message_definitions import (
    ANNOTATIONS,
    DEFINITIONS,
    POINT_ARRAY,
    TRACK_ARRAY,
)
from molmo_ground_ros.storage.atomic import atomic_file
from molmo_ground_ros.types import Point, Position, PositionStatus

_NS = 1_000_000_000
_MOST_COUNT = 2**31 - 1  # int32


def write_bag(analysis: Analysis, path: str | Path) -> None:
    """Write one .mcap file that holds the definitions of its messages.

    An annotation is shown for a step of the sampling grid, half a second. Where no other follows by
    then, an empty one is written that removes it.
    Raises MissingPackage, and OSError, which leaves an older file as it was.
    """
    path = Path(path)
    try:
        from rosbags.rosbag2 import StoragePlugin, Writer
    except ModuleNotFoundError as err:
        raise MissingPackage('rosbags', 'bag') from err
    types = typestore()
    with (
        atomic_file(path) as unfinished,
        tempfile.TemporaryDirectory(prefix=f'.{path.name}.', dir=path.absolute().parent) as folder,
    ):
        bag = Path(folder, 'bag')
        with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            factory = _MessageFactory(types.types)
            connections: dict[tuple[str, str], Any] = {}
            entries = sorted(_entries(analysis, factory), key=lambda entry: entry.stamp_ns)
            for entry in entries:
                key = entry.topic, entry.kind
                if key not in connections:
                    connections[key] = writer.add_connection(*key, typestore=types)
                data = types.serialize_cdr(entry.make(), entry.kind)
                writer.write(connections[key], entry.stamp_ns, data)
        (bag / 'bag.mcap').replace(unfinished)


def typestore() -> Any:
    """A rosbags typestore of ROS 2 Jazzy that knows our messages and Foxglove's.

    Raises MissingPackage.
    """
    try:
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore
    except ModuleNotFoundError as err:
        raise MissingPackage('rosbags', 'bag') from err
    types = get_typestore(Stores.ROS2_JAZZY)
    for name, text in DEFINITIONS.items():
        types.register(get_types_from_msg(text, name))
    return types


@dataclass(frozen=True, slots=True)
class _Entry:
    """One message of the bag. It is made when its turn comes, so that few are held at once."""

    stamp_ns: int
    topic: str
    kind: str
    make: Callable[[], Any]


_NumberedPoint = tuple[int, Point]  # with the merged id


@dataclass(slots=True)
class _Stretch:
    """What one window has of a trajectory."""

    label: str
    points: list[_NumberedPoint] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)  # metres a second, NaN where unknown

    @property
    def known_speeds(self) -> list[float]:
        """The speeds; none where no position is known."""
        return [] if all(point.position is None for _, point in self.points) else self.speeds


@dataclass(slots=True)
class _FrameContent:
    """What is drawn on one frame."""

    events: list[tuple[int, Sighting]] = field(default_factory=list)  # with the event's id
    tracks: list[tuple[Trajectory, int]] = field(default_factory=list)  # with the point's index


def _entries(analysis: Analysis, factory: _MessageFactory) -> Iterator[_Entry]:
    questions = list(dict.fromkeys(finding.question for finding in analysis.findings))
    bases: set[str] = set()
    for index, finding in enumerate(analysis.findings):
        number = questions.index(finding.question) + 1
        base = f'{_topic(finding.camera)}/molmo_ground/q{number}'
        # The names of two cameras may differ only in characters that a topic cannot have.
        if base in bases:
            base = f'{base}_{index}'
        bases.add(base)
        yield from _arrays(base, number, finding, factory)
        yield from _annotations(base, finding, factory)


def _arrays(base: str, number: int, finding: Finding, factory: _MessageFactory) -> Iterator[_Entry]:
    events: defaultdict[int, list[_NumberedPoint]] = defaultdict(list)  # by window
    for event in finding.events:
        events[event.sighting.window].append((event.id, event.sighting.point))
    tracks: defaultdict[int, dict[int, _Stretch]] = defaultdict(dict)
    for track in finding.tracks:
        speeds = track.speeds or (math.nan,) * len(track.points)
        for sighting, speed in zip(track.points, speeds, strict=True):
            stretch = tracks[sighting.window].setdefault(track.id, _Stretch(track.label))
            stretch.points.append((track.id, sighting.point))
            stretch.speeds.append(speed)
    for window in finding.windows:
        if window.state is WindowState.FAILED:
            continue

        def points(window: AnsweredWindow = window) -> Any:
            return factory.point_array(finding, number, window, events[window.index])

        def paths(window: AnsweredWindow = window) -> Any:
            return factory.track_array(finding, number, window, tracks[window.index])

        yield _Entry(window.newest_ns, f'{base}/points', POINT_ARRAY, points)
        yield _Entry(window.newest_ns, f'{base}/tracks', TRACK_ARRAY, paths)


def _annotations(base: str, finding: Finding, factory: _MessageFactory) -> Iterator[_Entry]:
    frames: dict[int, _FrameContent] = {}
    for event in finding.events:
        stamp_ns = event.sighting.point.stamp_ns
        frames.setdefault(stamp_ns, _FrameContent()).events.append((event.id, event.sighting))
    for track in finding.tracks:
        for index, sighting in enumerate(track.points):
            frames.setdefault(sighting.point.stamp_ns, _FrameContent()).tracks.append(
                (track, index)
            )
    topic = f'{base}/annotations'
    stamps = sorted(frames)
    for stamp_ns, next_ns in zip_longest(stamps, stamps[1:]):

        def annotations(stamp_ns: int = stamp_ns) -> Any:
            return factory.annotations(finding, stamp_ns, frames[stamp_ns])

        yield _Entry(stamp_ns, topic, ANNOTATIONS, annotations)
        if next_ns is None or next_ns > stamp_ns + SAMPLE_PERIOD_NS:
            yield _Entry(stamp_ns + SAMPLE_PERIOD_NS, topic, ANNOTATIONS, factory.empty_annotations)


class _MessageFactory:
    """Makes messages. The types are those that rosbags generates from the definitions."""

    def __init__(self, types: dict[str, Any]) -> None:
        self._types = types
        self._annotations = AnnotationFactory(types)

    def point_array(
        self, finding: Finding, number: int, window: AnsweredWindow, points: list[_NumberedPoint]
    ) -> Any:
        """One window's points, ascending by stamp, then by id."""
        points = sorted(points, key=lambda numbered: (numbered[1].stamp_ns, numbered[0]))
        return self._types[POINT_ARRAY](
            **self._envelope(finding, number, window, points),
            points=[self._point(*numbered) for numbered in points],
        )

    def track_array(
        self,
        finding: Finding,
        number: int,
        window: AnsweredWindow,
        tracks: dict[int, _Stretch],
    ) -> Any:
        """One window's tracks, ascending by id."""
        kind = self._types['molmo_ground_ros/msg/Track']
        points = [numbered for stretch in tracks.values() for numbered in stretch.points]
        return self._types[TRACK_ARRAY](
            **self._envelope(finding, number, window, points),
            tracks=[
                kind(
                    id=track,
                    label=_text(stretch.label),
                    points=[self._point(*numbered) for numbered in stretch.points],
                    speeds=np.array(stretch.known_speeds, np.float32),
                )
                for track, stretch in sorted(tracks.items())
            ],
        )

    def _envelope(
        self, finding: Finding, number: int, window: AnsweredWindow, points: list[_NumberedPoint]
    ) -> dict[str, Any]:
        """The fields that PointArray and TrackArray share. `number`: of the question, from 1."""
        stamp = self._time(window.newest_ns)
        frame_id = points[0][1].frame_id if points else ''
        targets = (point.position.frame_id for _, point in points if point.position)
        return {
            'header': self._types['std_msgs/msg/Header'](stamp, _text(frame_id)),
            'query_id': f'q{number}-window{window.index + 1}',
            'query': _text(finding.question.query.text),
            'label': _text(window.label),
            'camera': _text(finding.camera),
            'window_start': self._time(window.start_ns),
            'window_end': self._time(window.end_ns),
            'image_width': window.image_width,
            'image_height': window.image_height,
            'target_frame': _text(next(filter(None, targets), '')),
            'count': -1 if window.stated is None else min(window.stated, _MOST_COUNT),
        }

    def empty_annotations(self) -> Any:
        """Annotations that remove those before them."""
        return self._annotations.empty()

    def annotations(self, finding: Finding, stamp_ns: int, content: _FrameContent) -> Any:
        """A ring and a name for each point, and a trail behind those of trajectories."""
        message = self.empty_annotations()
        for number, sighting in content.events:
            self._mark(message, finding, number, sighting, sighting.label, 1.0)
        for track, index in content.tracks:
            self._mark(message, finding, track.id, track.points[index], track.label, TRACK_SCALE)
            first = index
            while first and track.points[first - 1].point.stamp_ns >= stamp_ns - TRAIL_NS:
                first -= 1
            trail = [(o.point.x, o.point.y) for o in track.points[first : index + 1]]
            self._annotations.add_trail(message, track.id, stamp_ns, trail)
        return message

    def _mark(
        self,
        message: Any,
        finding: Finding,
        number: int,
        sighting: Sighting,
        label: str,
        scale: float,
    ) -> None:
        """Add a ring and a name. scale: of their size, 1 for an event."""
        window, point = finding.windows[sighting.window], sighting.point
        name = _text(f'#{number} {label}'.rstrip())
        longer_side = max(window.image_width, window.image_height)
        self._annotations.add_ring(
            message,
            AnnotatedPoint(number, name, point.stamp_ns, point.x, point.y),
            longer_side,
            scale,
        )

    def _point(self, number: int, point: Point) -> Any:
        kind = self._types['molmo_ground_ros/msg/GroundedPoint']
        return kind(
            stamp=self._time(point.stamp_ns),
            frame_id=_text(point.frame_id),
            id=number,
            x=point.x,
            y=point.y,
            score=point.score,
            probability=point.probability,
            **self._position_fields(point.position or Position(PositionStatus.NONE)),
        )

    def _position_fields(self, position: Position) -> dict[str, Any]:
        is_ok = position.status is PositionStatus.OK
        place = (position.x, position.y, position.z) if is_ok else (0.0, 0.0, 0.0)
        return {
            'position_status': int(position.status),
            'position': self._types['geometry_msgs/msg/Point'](*place),
            'depth_spread': position.spread_m,
        }

    def _time(self, stamp_ns: int) -> Any:
        return self._types['builtin_interfaces/msg/Time'](stamp_ns // _NS, stamp_ns % _NS)


def _topic(camera: str) -> str:
    """A camera's name as a valid name of a topic."""
    parts = (re.sub(r'[^A-Za-z0-9_]', '_', part) for part in camera.split('/') if part)
    return ''.join(f'/_{part}' if part[0].isdigit() else f'/{part}' for part in parts)


def _text(text: str) -> str:
    """A text without what a ROS string cannot hold: NUL and surrogates are replaced."""
    return text.replace('\0', '\ufffd').encode('utf-8', 'replace').decode()
