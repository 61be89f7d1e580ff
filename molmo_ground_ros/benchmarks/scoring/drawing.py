# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The figures of an example: some frames, the true masks and points, the points of the answer."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.datasets.examples import (
    CountTruth,
    Example,
    ImageTruth,
    PointTruth,
    TrackTruth,
    Truth,
)
from molmo_ground_ros.benchmarks.scoring.answer_points import AnswerPoint
from molmo_ground_ros.benchmarks.scoring.score import evaluated_frames
from molmo_ground_ros.errors import GroundError
from molmo_ground_ros.frames.masks import Mask
from molmo_ground_ros.reports.colours import colour, hexadecimal
from molmo_ground_ros.reports.figures import jpeg
from molmo_ground_ros.reports.words import plural

Image = NDArray[np.uint8]  # (H, W, 3) RGB
ImageReader = Callable[[Example, float], Image]
"""The image of an example's clip at seconds from its start. Raises GroundError or OSError."""

MOST_FRAMES = 4  # of an example
LONGEST_SIDE = 480  # pixels of a frame on the page
_GREY = 112  # where there is no image
_NO_SIZE = (640, 360)  # where neither the image nor the data has a size
_MASK = 0.45  # how much of a pixel is the mask's colour
_NEAR_S, _NEAR_TRACK_S = 0.25, 0.05  # how far an answer's time may be from the frame's
_RADIUS = 1 / 40  # of the longer side
# In a mask, in none, and where the data has no masks.
_INKS = {'hit': '#4be08d', 'miss': '#ff5c5c', 'said': '#ffffff'}


@dataclass(frozen=True, slots=True)
class DrawnFrame:
    """What is drawn on one frame of an example."""

    seconds: float  # from the clip's start
    masks: tuple[tuple[int, Mask], ...]  # number of the object from 1, its mask
    points: tuple[tuple[int, float, float], ...]  # number, pixels: where it was annotated
    answer: tuple[AnswerPoint, ...]


@dataclass(frozen=True, slots=True)
class Cross:
    """An annotated point."""

    x: float  # pixels of the frame
    y: float
    radius: float
    ink: str  # as '#rrggbb'


@dataclass(frozen=True, slots=True)
class AnswerRing:
    """A point of the answer."""

    number: int
    x: float  # pixels of the frame
    y: float
    radius: float
    kind: str  # a key of _INKS
    ink: str  # as '#rrggbb'


@dataclass(frozen=True, slots=True)
class ExampleFigure:
    """What the template needs of one frame."""

    title: str  # its time in the clip
    contents: str  # how many masks and points there are
    width: int  # pixels
    height: int
    jpeg: str  # base64
    missing: str  # why the image is grey; '' where it is not
    crosses: tuple[Cross, ...]
    rings: tuple[AnswerRing, ...]


def drawn_frames(example: Example, points: Sequence[AnswerPoint]) -> list[DrawnFrame]:
    """At most MOST_FRAMES frames, evenly spaced among those with truth or an answer's point."""
    times = sorted({*_true_times(example), *(_on_frame(example, point) for point in points)})
    count = min(len(times), MOST_FRAMES)
    chosen = [times[place * (len(times) - 1) // max(count - 1, 1)] for place in range(count)]
    return [_drawn_frame(example, seconds, points) for seconds in chosen]


def figure(example: Example, frame: DrawnFrame, read_image: ImageReader) -> ExampleFigure:
    """The figure of a frame. Where its image cannot be read it is grey, and says why."""
    missing = ''
    try:
        image = read_image(example, frame.seconds)
    except (GroundError, OSError) as err:
        width, height = (example.width, example.height) if example.width else _NO_SIZE
        image, missing = np.full((height, width, 3), _GREY, np.uint8), str(err)
    height, width = image.shape[:2]
    is_image = isinstance(example.truth, ImageTruth)
    contents = f'{plural(len(frame.answer), "point")} said'
    if not isinstance(example.truth, CountTruth):
        contents = f'{plural(len(frame.masks), "true mask")}, {contents}'
    return ExampleFigure(
        'the picture' if is_image else f'{frame.seconds:.1f} s',
        contents,
        width,
        height,
        base64.b64encode(jpeg(paint(image, frame.masks))).decode(),
        missing,
        _crosses(example, frame, width, height),
        _rings(example, frame, width, height),
    )


def _crosses(example: Example, frame: DrawnFrame, width: int, height: int) -> tuple[Cross, ...]:
    x_scale, y_scale = width / (example.width or width), height / (example.height or height)
    radius = max(width, height) * _RADIUS
    return tuple(
        Cross(x * x_scale, y * y_scale, radius, hexadecimal(number))
        for number, x, y in frame.points
    )


def _rings(example: Example, frame: DrawnFrame, width: int, height: int) -> tuple[AnswerRing, ...]:
    radius = max(width, height) * _RADIUS
    rings = []
    for point in frame.answer:
        kind = _kind(example, frame, point)
        x, y = point.x * width, point.y * height
        rings.append(AnswerRing(point.id, x, y, radius, kind, _INKS[kind]))
    return tuple(rings)


def paint(image: Image, masks: Sequence[tuple[int, Mask]]) -> Image:
    """The image with masks in their objects' colours, at most LONGEST_SIDE pixels a side."""
    shrink = min(1.0, LONGEST_SIDE / max(image.shape[:2]))
    size = max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink))
    painted = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    for number, mask in masks:
        full_size = mask.array().astype(np.uint8)
        inside = cv2.resize(full_size, size, interpolation=cv2.INTER_NEAREST).astype(bool)
        ink = np.array(colour(number), np.float64)
        painted[inside] = (1 - _MASK) * painted[inside] + _MASK * ink
        edges, _ = cv2.findContours(
            inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
        )
        cv2.drawContours(painted, edges, -1, colour(number), 2)
    return painted


def _true_times(example: Example) -> Iterator[float]:
    """The times with truth, in seconds from the clip's start."""
    match example.truth:
        case PointTruth(objects):
            for tubelet in objects:
                yield from (seconds for seconds, _, _ in tubelet.points)
                if not tubelet.points:
                    yield from tubelet.masks
        case TrackTruth(objects, fps):
            for frame in evaluated_frames(example.truth):
                if any(frame in track.points or frame in track.masks for track in objects):
                    yield frame / fps
        case ImageTruth():
            yield 0.0


def _on_frame(example: Example, point: AnswerPoint) -> float:
    """The time of the frame that a point is drawn on."""
    match example.truth:
        case ImageTruth():
            return 0.0
        case TrackTruth(_, fps):
            return round(point.time_s * fps) / fps
        case _:
            return point.time_s


def _drawn_frame(example: Example, seconds: float, answer: Sequence[AnswerPoint]) -> DrawnFrame:
    """The truth at a time, and the points of the answer near it."""
    truth = example.truth
    masks: list[tuple[int, Mask]] = []
    points: list[tuple[int, float, float]] = []
    near_s = _NEAR_TRACK_S if isinstance(truth, TrackTruth) else _NEAR_S
    match truth:
        case PointTruth(objects):
            for number, tubelet in enumerate(objects, start=1):
                key = min(tubelet.masks, key=lambda time_s: abs(time_s - seconds), default=None)
                if key is not None and abs(key - seconds) <= near_s:
                    masks.append((number, tubelet.masks[key]))
                near = (place for place in tubelet.points if abs(place[0] - seconds) <= near_s)
                points += [(number, x, y) for _, x, y in near]
        case TrackTruth(tracks, fps):
            frame = round(seconds * fps)
            for number, track in enumerate(tracks, start=1):
                masks += [(number, track.masks[frame])] if frame in track.masks else []
                points += [(number, *track.points[frame])] if frame in track.points else []
        case ImageTruth(all_masks):
            masks += enumerate(all_masks, start=1)
            near_s = float('inf')
    near_answer = tuple(point for point in answer if abs(point.time_s - seconds) <= near_s)
    return DrawnFrame(seconds, tuple(masks), tuple(points), near_answer)


def _kind(example: Example, frame: DrawnFrame, point: AnswerPoint) -> str:
    """Whether a point of the answer lies in some mask of the frame, of whatever object."""
    if not _has_masks(example.truth):
        return 'said'
    x, y = round(point.x * example.width), round(point.y * example.height)
    x, y = min(x, example.width - 1), min(y, example.height - 1)
    return 'hit' if any(mask.contains(x, y) for _, mask in frame.masks) else 'miss'


def _has_masks(truth: Truth) -> bool:
    match truth:
        case PointTruth(objects):
            return any(tubelet.masks for tubelet in objects)
        case TrackTruth(tracks):
            return any(track.masks for track in tracks)
        case _:
            return isinstance(truth, ImageTruth)
