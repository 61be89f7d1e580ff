# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An example of a data set with its truth, and a video with its annotated objects. Opens no file.

Times are seconds from the start of the example's clip. Points are pixels of the source image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from molmo_ground_ros.frames.masks import Mask
from molmo_ground_ros.types import Task

Pixel = tuple[float, float]  # x, y


@dataclass(frozen=True, slots=True)
class Media:
    """The video or image that a record is about, by name."""

    name: str  # of a video, a folder of frames or an image, as the data writes it
    source: str = ''  # as the data writes it, e.g. 'youtube'
    start_s: float = 0.0  # the clip's start in the video
    end_s: float | None = None  # None: to the end
    fps: float | None = None  # of a folder of frames; None for a video, whose file has it
    # The names of the frames where those of several videos lie in one folder; else empty.
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CountTruth:
    """The true count."""

    count: int


@dataclass(frozen=True, slots=True)
class Tubelet:
    """One object or event to point to: a point inside one of its masks is right."""

    points: tuple[tuple[float, float, float], ...]  # as annotated: seconds, x, y
    masks: Mapping[float, Mask] = field(default_factory=dict)  # by seconds; empty without masks


@dataclass(frozen=True, slots=True)
class PointTruth:
    """The objects to point to in a video; empty if none is there."""

    objects: tuple[Tubelet, ...]
    count: int | None = None  # as the data states it


@dataclass(frozen=True, slots=True)
class ImageTruth:
    """The objects to point to in an image, one mask for each."""

    masks: tuple[Mask, ...]


@dataclass(frozen=True, slots=True)
class TrackedObject:
    """One object over time, by frame of the clip from 0.

    On a frame where the object is hidden it has no mask. It may have a point there, because some
    data sets say where a hidden object is.
    """

    id: int
    points: Mapping[int, Pixel] = field(default_factory=dict)
    masks: Mapping[int, Mask] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrackTruth:
    """The objects to follow. Frame k is at k / fps seconds."""

    objects: tuple[TrackedObject, ...]
    fps: float
    frames: int  # of the clip
    query_fps: float = 1.0  # the rate that the query asks for, at which tracks are scored


Truth = CountTruth | PointTruth | ImageTruth | TrackTruth


@dataclass(frozen=True, slots=True)
class Example:
    """One question of a data set with its truth."""

    id: str  # unique in its data
    query: str  # the prompt
    task: Task  # never AUTO
    label: str  # of the objects to point to, count or follow
    category: str
    media: Media
    truth: Truth
    width: int = 0  # of the images, pixels; 0 if the data does not say
    height: int = 0
    duration_s: float = 0.0  # of the clip; 0 if the data does not say
    file: str = ''  # that it was read from
    row: int = 0  # from 1


@dataclass(frozen=True, slots=True)
class MaskTrack:
    """The masks of one object, by frame from 0."""

    id: int
    label: str
    masks: Mapping[int, Mask]


@dataclass(frozen=True, slots=True)
class BoxTrack:
    """The boxes of one object, by frame from 0: x, y of the upper left corner, width, height."""

    id: int
    label: str
    boxes: Mapping[int, tuple[float, float, float, float]]


@dataclass(frozen=True, slots=True)
class Expression:
    """Words that refer to some objects of a video."""

    text: str
    ids: tuple[int, ...]
    # Its name in the data, which its example's id ends in; '': its number in the video.
    key: str = field(default='', compare=False)


@dataclass(frozen=True, slots=True)
class AnnotatedVideo:
    """A video or image with its annotated objects, before questions are made of it."""

    name: str  # unique in its data
    media: Media
    width: int  # pixels
    height: int
    frames: int
    fps: float
    tracks: tuple[MaskTrack | BoxTrack, ...]
    expressions: tuple[Expression, ...] = ()
    file: str = ''
    row: int = 0  # from 1; 0 if the whole file is about this video
