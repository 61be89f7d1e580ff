# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An example drawn for the page: some frames with the true masks, and the points that were said."""

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
from molmo_ground_ros.reports.colours import colour
from molmo_ground_ros.reports.figures import jpeg
from molmo_ground_ros.reports.words import escaped

Picture = NDArray[np.uint8]  # (H, W, 3) RGB
PictureOf = Callable[[Example, float], Picture]
"""The picture of an example's clip at seconds from its start. Raises GroundError or OSError."""

MOST_FRAMES = 4  # of an example
LONGEST_SIDE = 480  # pixels of a frame on the page
_GREY = 112  # where there is no picture
_NO_SIZE = (640, 360)  # of a picture whose size nobody tells
_MASK = 0.45  # how much of a pixel is the mask's colour
_NEAR_S, _NEAR_TRACK_S = 0.25, 0.05  # how far a said time may be from the frame's
_RADIUS = 1 / 40  # of the longer side
_INKS = {'hit': '#4be08d', 'miss': '#ff5c5c', 'said': '#ffffff'}  # said: the data has no masks


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is on one frame."""

    seconds: float
    masks: tuple[tuple[int, Mask], ...]  # number of the object from 1, its mask
    points: tuple[tuple[int, float, float], ...]  # number, pixels: where it was annotated
    said: tuple[AnswerPoint, ...]


def drawn(example: Example, said: Sequence[AnswerPoint]) -> list[Drawn]:
    """At most MOST_FRAMES frames, evenly spaced among those with truth or an answer's point."""
    times = sorted({*_true_times(example), *(_on_frame(example, spot) for spot in said)})
    count = min(len(times), MOST_FRAMES)
    chosen = [times[place * (len(times) - 1) // max(count - 1, 1)] for place in range(count)]
    return [_drawn(example, seconds, said) for seconds in chosen]


def figures(example: Example, said: Sequence[AnswerPoint], picture: PictureOf) -> Iterator[str]:
    """HTML of an example's frames, in pieces; one picture is held at a time.

    Where there is no picture the frame is grey, and says why.
    """
    found = drawn(example, said)
    if not found:
        yield '<p class="faint">Neither the data nor the answer points anywhere.</p>'
        return
    yield '<div class="strip">'
    for one in found:
        yield from _figure(example, one, picture)
    yield '</div>'


def _figure(example: Example, one: Drawn, picture: PictureOf) -> Iterator[str]:
    why = ''
    try:
        image = picture(example, one.seconds)
    except (GroundError, OSError) as err:
        width, height = (example.width, example.height) if example.width else _NO_SIZE
        image, why = np.full((height, width, 3), _GREY, np.uint8), str(err)
    size = image.shape[1], image.shape[0]
    painted = base64.b64encode(jpeg(paint(image, one.masks))).decode()
    at = 'the picture' if isinstance(example.truth, ImageTruth) else f'{one.seconds:.1f} s'
    said = f'{_many(len(one.said), "point")} said'
    if not isinstance(example.truth, CountTruth):
        said = f'{_many(len(one.masks), "true mask")}, {said}'
    yield '<figure class="shot"><div class="frame">'
    yield f'<img alt="{escaped(f"{at}: {said}")}" width="{size[0]}" height="{size[1]}" '
    yield f'src="data:image/jpeg;base64,{painted}">'
    yield f'<svg viewBox="0 0 {size[0]} {size[1]}" aria-hidden="true">'
    for number, x, y in one.points:
        scale = size[0] / (example.width or size[0]), size[1] / (example.height or size[1])
        yield from _cross(number, x * scale[0], y * scale[1], max(size) * _RADIUS)
    for spot in one.said:
        yield from _ring(spot, size, _kind(example, one, spot))
    yield f'</svg></div><figcaption>{escaped(at)}, {escaped(said)}'
    if why:
        yield f'<br><span class="warn">no picture: {escaped(why)}</span>'
    yield '</figcaption></figure>\n'


def paint(image: Picture, masks: Sequence[tuple[int, Mask]]) -> Picture:
    """The picture with masks in their objects' colours, at most LONGEST_SIDE pixels a side."""
    shrink = min(1.0, LONGEST_SIDE / max(image.shape[:2]))
    size = max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink))
    painted = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    for number, mask in masks:
        whole = mask.array().astype(np.uint8)
        inside = cv2.resize(whole, size, interpolation=cv2.INTER_NEAREST).astype(bool)
        ink = np.array(colour(number), np.float64)
        painted[inside] = (1 - _MASK) * painted[inside] + _MASK * ink
        edges, _ = cv2.findContours(
            inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
        )
        cv2.drawContours(painted, edges, -1, colour(number), 2)
    return painted


def _true_times(example: Example) -> Iterator[float]:
    match example.truth:
        case PointTruth(objects):
            for one in objects:
                yield from (seconds for seconds, _, _ in one.points)
                if not one.points:
                    yield from one.masks
        case TrackTruth(objects, fps):
            for frame in evaluated_frames(example.truth):
                if any(frame in one.points or frame in one.masks for one in objects):
                    yield frame / fps
        case ImageTruth():
            yield 0.0


def _on_frame(example: Example, spot: AnswerPoint) -> float:
    """The time of the frame that a point is drawn on."""
    match example.truth:
        case ImageTruth():
            return 0.0
        case TrackTruth(_, fps):
            return round(spot.time_s * fps) / fps
        case _:
            return spot.time_s


def _drawn(example: Example, seconds: float, said: Sequence[AnswerPoint]) -> Drawn:
    truth = example.truth
    masks: list[tuple[int, Mask]] = []
    points: list[tuple[int, float, float]] = []
    near_s = _NEAR_TRACK_S if isinstance(truth, TrackTruth) else _NEAR_S
    match truth:
        case PointTruth(objects):
            for number, one in enumerate(objects, start=1):
                key = min(one.masks, key=lambda time_s: abs(time_s - seconds), default=None)
                if key is not None and abs(key - seconds) <= near_s:
                    masks.append((number, one.masks[key]))
                points += [(number, x, y) for t, x, y in one.points if abs(t - seconds) <= near_s]
        case TrackTruth(tracks, fps):
            frame = round(seconds * fps)
            for number, track in enumerate(tracks, start=1):
                masks += [(number, track.masks[frame])] if frame in track.masks else []
                points += [(number, *track.points[frame])] if frame in track.points else []
        case ImageTruth(all_masks):
            masks += enumerate(all_masks, start=1)
            near_s = float('inf')
    shown = tuple(spot for spot in said if abs(spot.time_s - seconds) <= near_s)
    return Drawn(seconds, tuple(masks), tuple(points), shown)


def _kind(example: Example, one: Drawn, spot: AnswerPoint) -> str:
    """Whether it lies in some mask of the frame; which object it stands for is not told here."""
    if not _has_masks(example.truth):
        return 'said'
    x, y = round(spot.x * example.width), round(spot.y * example.height)
    x, y = min(x, example.width - 1), min(y, example.height - 1)
    return 'hit' if any(mask.contains(x, y) for _, mask in one.masks) else 'miss'


def _has_masks(truth: Truth) -> bool:
    match truth:
        case PointTruth(objects):
            return any(one.masks for one in objects)
        case TrackTruth(tracks):
            return any(track.masks for track in tracks)
        case _:
            return isinstance(truth, ImageTruth)


def _many(number: int, what: str) -> str:
    return f'{number} {what}' if number == 1 else f'{number} {what}s'


def _cross(number: int, x: float, y: float, radius: float) -> Iterator[str]:
    ink = '#{:02x}{:02x}{:02x}'.format(*colour(number))
    half, line = radius / 2, radius / 5
    path = (
        f'M{x - half:.1f} {y - half:.1f}L{x + half:.1f} {y + half:.1f}'
        f'M{x - half:.1f} {y + half:.1f}L{x + half:.1f} {y - half:.1f}'
    )
    yield f'<path class="true" d="{path}" stroke="#000" stroke-width="{2 * line:.1f}"/>'
    yield f'<path class="true" d="{path}" stroke="{ink}" stroke-width="{line:.1f}"/>'


def _ring(spot: AnswerPoint, size: tuple[int, int], kind: str) -> Iterator[str]:
    x, y, radius = spot.x * size[0], spot.y * size[1], max(size) * _RADIUS
    ink, line = _INKS[kind], radius / 5
    at = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="none"'
    dash = f' stroke-dasharray="{2 * line:.1f} {line:.1f}"' if kind == 'miss' else ''
    yield f'<circle {at} stroke="#000" stroke-width="{2 * line:.1f}"/>'
    yield f'<circle class="{kind}" {at} stroke="{ink}" stroke-width="{line:.1f}"{dash}/>'
    yield (
        f'<text x="{x + 1.2 * radius:.1f}" y="{y - 0.7 * radius:.1f}" fill="{ink}" '
        f'font-size="{1.4 * radius:.1f}" font-weight="bold" stroke="#000" '
        f'stroke-width="{line:.1f}" paint-order="stroke">{spot.id}</text>'
    )
