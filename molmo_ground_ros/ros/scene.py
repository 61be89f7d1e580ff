# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What an answer or an event has to show: the same for every topic that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from molmo_ground_ros.msg import Event, GroundedPoint, PointArray, Track, TrackArray
from molmo_ground_ros.ros import convert

# Characters of a question that name a source. Viewers list the sources.
SHORT = 60


@dataclass(frozen=True, slots=True)
class Scene:
    """The points and tracks of one answer, or the point of one event.

    source: what it came from: a camera and a question. A later scene of the same source replaces
    it, unless that one `adds`.
    stamp_ns: of the frame that it is about: that of its newest point, or the newest of the clip.
    """

    source: str
    adds: bool
    camera: str
    stamp_ns: int
    frame_id: str
    caption: str
    target_frame: str
    image_size: tuple[int, int]  # (width, height) in pixels
    label: str
    points: tuple[GroundedPoint, ...]
    tracks: tuple[Track, ...]

    @property
    def longer_side(self) -> int:
        """Of the image, in pixels."""
        return max(self.image_size)

    def stamps_ns(self) -> list[int]:
        """The stamps of all its points, ascending, each once."""
        return sorted({convert.stamp_ns(point.stamp) for point, _ in self.labelled()})

    def names(self) -> Iterator[tuple[GroundedPoint, str]]:
        """Each of its points that is no track's, with the name it is shown by."""
        for point in self.points:
            yield point, f'#{point.id} {self.label}'.rstrip()

    def labelled(self) -> Iterator[tuple[GroundedPoint, str]]:
        """All its points, those of tracks included, each with the label it stands under."""
        for point in self.points:
            yield point, self.label
        for track in self.tracks:
            for point in track.points:
                yield point, track.label


def scene_of_points(array: PointArray) -> Scene:
    """The points of an answer."""
    count = array.count if array.count >= 0 else len(array.points)
    return _scene_of_array(array, 'points', f'{count}: {array.query}', array.points, ())


def scene_of_tracks(array: TrackArray) -> Scene:
    """The tracks of an answer."""
    points = [point for track in array.tracks for point in track.points]
    caption = f'{len(array.tracks)}: {array.query}'
    return _scene_of_array(array, 'tracks', caption, points, tuple(array.tracks))


def _scene_of_array(
    array: PointArray | TrackArray,
    kind: str,
    caption: str,
    points: Sequence[GroundedPoint],
    tracks: tuple[Track, ...],
) -> Scene:
    newest = max(points, key=lambda point: convert.stamp_ns(point.stamp), default=None)
    stamp = array.header.stamp if newest is None else newest.stamp
    return Scene(
        source=f'{array.camera}: {_short(array.query)} ({kind})',
        adds=False,
        camera=array.camera,
        stamp_ns=convert.stamp_ns(stamp),
        frame_id=array.header.frame_id if newest is None else newest.frame_id,
        caption=caption,
        target_frame=array.target_frame,
        image_size=(array.image_width, array.image_height),
        label=array.label,
        points=() if tracks else tuple(points),
        tracks=tracks,
    )


def scene_of_event(event: Event) -> Scene:
    """The point of an event, which stands beside the earlier events of its question."""
    return Scene(
        source=f'{event.camera}: {_short(event.query)} (events)',
        adds=True,
        camera=event.camera,
        stamp_ns=convert.stamp_ns(event.point.stamp),
        frame_id=event.point.frame_id,
        caption=f'event {event.number}, {event.total} in all: {event.query}',
        target_frame=event.target_frame,
        image_size=(event.image_width, event.image_height),
        label=event.label,
        points=(event.point,),
        tracks=(),
    )


def _short(text: str) -> str:
    return text if len(text) <= SHORT else f'{text[:SHORT]}\N{HORIZONTAL ELLIPSIS}'
