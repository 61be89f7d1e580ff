# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a record of a data set says. Values alone: nothing is opened here.

Times are seconds from the start of the example's clip. Points are pixels of the source picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from molmo_ground_ros.frames.masks import Mask
from molmo_ground_ros.types import Task

Pixel = tuple[float, float]  # x, y


@dataclass(frozen=True, slots=True)
class Media:
    """The pictures that a record is about, by name."""

    name: str  # a video, a folder of frames or a picture, as the data calls it
    source: str = ''  # where the data says it is from, e.g. 'youtube'
    start_s: float = 0.0  # the clip's start in the video
    end_s: float | None = None  # None: to the end
    fps: float | None = None  # of a folder of frames; None: the video says


@dataclass(frozen=True, slots=True)
class CountTruth:
    """How many there are."""

    count: int


@dataclass(frozen=True, slots=True)
class Tubelet:
    """One object or event to point to, and where a point counts as on it.

    `points` are as annotated, (seconds, x, y). `masks` may be empty: the data has none.
    """

    points: tuple[tuple[float, float, float], ...]
    masks: Mapping[float, Mask] = field(default_factory=dict)  # by seconds


@dataclass(frozen=True, slots=True)
class PointTruth:
    """What to point to in a video; no object: there is none."""

    objects: tuple[Tubelet, ...]
    count: int | None = None  # as the data states it


@dataclass(frozen=True, slots=True)
class ImageTruth:
    """What to point to in a picture: a mask an object."""

    masks: tuple[Mask, ...]


@dataclass(frozen=True, slots=True)
class TrackedObject:
    """One object through time, by frame of the clip from 0. Where it is hidden, it has no mask.

    A point it may have there: some data says where it is.
    """

    id: int
    points: Mapping[int, Pixel] = field(default_factory=dict)
    masks: Mapping[int, Mask] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrackTruth:
    """What to follow: frame k is at k / fps seconds."""

    objects: tuple[TrackedObject, ...]
    fps: float
    frames: int  # of the clip
    asked_fps: float = 1.0  # the rate at which tracks are asked for and scored


Truth = CountTruth | PointTruth | ImageTruth | TrackTruth


@dataclass(frozen=True, slots=True)
class Example:
    """One question of a data set with what is true."""

    id: str  # unique in its data
    query: str  # as the model is asked
    task: Task  # never AUTO
    label: str  # what is pointed to, counted or followed
    category: str
    media: Media
    truth: Truth
    width: int = 0  # of the pictures, pixels; 0: not told
    height: int = 0
    duration_s: float = 0.0  # of the clip; 0: not told
    file: str = ''  # where it was read
    row: int = 0  # from 1


@dataclass(frozen=True, slots=True)
class MaskTrack:
    """One object's masks, by frame from 0."""

    id: int
    label: str
    masks: Mapping[int, Mask]


@dataclass(frozen=True, slots=True)
class BoxTrack:
    """One object's boxes, by frame from 0: x, y of the top left corner, width, height, pixels."""

    id: int
    label: str
    boxes: Mapping[int, tuple[float, float, float, float]]


@dataclass(frozen=True, slots=True)
class Expression:
    """Words for some of a video's objects."""

    text: str
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AnnotatedVideo:
    """One video with its objects: plain data, before it is made into questions."""

    name: str  # unique in its data
    media: Media
    width: int  # pixels
    height: int
    frames: int
    fps: float
    tracks: tuple[MaskTrack | BoxTrack, ...]
    expressions: tuple[Expression, ...] = ()
    file: str = ''
    row: int = 0  # from 1; 0: the file is all of it
