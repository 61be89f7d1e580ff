# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A contact sheet: the frames of one finding side by side, with its points drawn on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from molmo_ground_ros.analysis.findings import Finding
from molmo_ground_ros.reports.answer_table import score_text
from molmo_ground_ros.reports.drawing import INK, PAPER, Image, write_text
from molmo_ground_ros.types import Point

TILE_WIDTH = 400  # pixels
COLUMNS = 3
MARGIN = 16  # pixels
MOST_TILES = 12  # drawn on one sheet
POINT_COLOURS = ((255, 196, 0), (0, 200, 255), (255, 90, 160), (120, 230, 90), (190, 140, 255))
_FAINT = (120, 124, 132)
_CAPTION_HEIGHT = 30  # pixels
_STEPS_S = (1, 5, 15, 60, 300, 900, 3600, 21600, 86400)  # between two ticks of the timeline
_MOST_STEPS = 15
_NO_IMAGE: Image = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Tile:
    """One frame of a contact sheet, with what is drawn on it and written below it."""

    image: Image
    caption: str
    stamp_ns: int
    points: tuple[Point, ...]  # of several stamps: they are drawn as a path


def tiles_of(finding: Finding, zero_ns: int, decode: Callable[[int], Image]) -> list[Tile]:
    """A tile for every frame with points, and for every track its newest frame with its path.

    zero_ns: the stamp that times in captions count from.
    decode: stamp -> (H, W, 3) RGB. It is called for the first MOST_TILES tiles only, because no
    others are drawn; those have an empty image.
    """
    tiles = [*_point_tiles(finding, zero_ns), *_track_tiles(finding)]
    return [
        Tile(decode(stamp_ns) if number < MOST_TILES else _NO_IMAGE, caption, stamp_ns, points)
        for number, (stamp_ns, caption, points) in enumerate(tiles)
    ]


def _point_tiles(finding: Finding, zero_ns: int) -> list[tuple[int, str, tuple[Point, ...]]]:
    """(stamp, caption, points) of each frame with points, ascending by stamp."""
    tiles = []
    event_points = [event.point for event in finding.events]
    for stamp_ns in sorted({point.stamp_ns for point in event_points}):
        points = tuple(point for point in event_points if point.stamp_ns == stamp_ns)
        ids = ', '.join(f'#{point.id} ({score_text(point.score)})' for point in points)
        tiles.append((stamp_ns, f'{(stamp_ns - zero_ns) / 1e9:.1f} s   {ids}', points))
    return tiles


def _track_tiles(finding: Finding) -> list[tuple[int, str, tuple[Point, ...]]]:
    """(newest stamp, caption, points) of each track."""
    return [
        (
            track.path[-1].stamp_ns,
            f'#{track.id} {track.label}, {len(track.points)} points',
            track.path,
        )
        for track in finding.tracks
    ]


def contact_sheet(
    question: str, summary: str, tiles: Sequence[Tile], span_ns: tuple[int, int]
) -> Image:
    """The question, the summary, a timeline of all points, and the tiles with their points.

    At most MOST_TILES tiles are drawn; the sheet says how many were left out.
    """
    drawn = tiles[:MOST_TILES]
    width = COLUMNS * TILE_WIDTH + (COLUMNS + 1) * MARGIN
    parts = [_heading(question, summary, width), _timeline(tiles, span_ns, width)]
    starts = range(0, len(drawn), COLUMNS)
    parts += [_row(drawn[first : first + COLUMNS], width) for first in starts]
    if len(tiles) > len(drawn):
        parts.append(_caption(f'and {len(tiles) - len(drawn)} more', width))
    return np.vstack(parts)


def save_png(image: Image, path: str) -> None:
    """Write an RGB image as PNG. Raises OSError if it cannot be written."""
    encoded, data = cv2.imencode('.png', image[..., ::-1])
    if not encoded:
        raise OSError(f'cannot encode an image of shape {image.shape}')
    Path(path).write_bytes(data.tobytes())


def draw_tile(tile: Tile) -> Image:
    """The tile's image, TILE_WIDTH wide, with its points or its path, above its caption."""
    height, width = tile.image.shape[:2]
    scale = TILE_WIDTH / width
    size = (TILE_WIDTH, max(1, round(height * scale)))
    image = np.asarray(cv2.resize(tile.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    pixels = [(round(p.x * scale), round(p.y * scale)) for p in tile.points]
    if len({point.stamp_ns for point in tile.points}) > 1:
        for (start, end), point in zip(pairwise(pixels), tile.points, strict=False):
            cv2.line(image, start, end, _point_colour(point.id), 2, cv2.LINE_AA)
    else:
        for pixel, point in zip(pixels, tile.points, strict=True):
            _draw_ring(image, pixel, _point_colour(point.id))
    return np.vstack([image, _caption(tile.caption, TILE_WIDTH)])


def _draw_ring(image: Image, centre: tuple[int, int], ink: tuple[int, int, int]) -> None:
    cv2.circle(image, centre, 13, (0, 0, 0), 5, cv2.LINE_AA)
    cv2.circle(image, centre, 13, ink, 3, cv2.LINE_AA)
    cv2.circle(image, centre, 2, ink, -1, cv2.LINE_AA)


def _point_colour(identity: int) -> tuple[int, int, int]:
    """The colour of an id, which counts from 1."""
    return POINT_COLOURS[(identity - 1) % len(POINT_COLOURS)]


def _blank(height: int, width: int) -> Image:
    return np.full((height, width, 3), PAPER, np.uint8)


def _caption(text: str, width: int) -> Image:
    strip = _blank(_CAPTION_HEIGHT, width)
    write_text(strip, text, (MARGIN, 20), 0.5, INK, 1)
    return strip


def _heading(question: str, summary: str, width: int) -> Image:
    strip = _blank(84, width)
    write_text(strip, question, (MARGIN, 32), 0.75, INK, 1)
    write_text(strip, summary, (MARGIN, 66), 0.75, POINT_COLOURS[0], 1)
    return strip


def _timeline(tiles: Sequence[Tile], span_ns: tuple[int, int], width: int) -> Image:
    """A line with a tick every few seconds, and a dot for each point of the tiles."""
    strip = _blank(58, width)
    left, right, level = MARGIN, width - MARGIN, 20
    cv2.line(strip, (left, level), (right, level), _FAINT, 2)
    length_ns = max(1, span_ns[1] - span_ns[0])
    step_s = next((s for s in _STEPS_S if length_ns <= _MOST_STEPS * s * 1e9), _STEPS_S[-1])
    for second in range(0, int(length_ns / 1e9) + 1, step_s):
        x = left + round((right - left) * second * 1e9 / length_ns)
        cv2.line(strip, (x, level - 4), (x, level + 4), _FAINT, 1)
        write_text(strip, f'{second} s', (max(left, x - 12), level + 24), 0.4, _FAINT, 1)
    for tile in tiles:
        for point in tile.points:
            x = left + round((right - left) * (point.stamp_ns - span_ns[0]) / length_ns)
            cv2.circle(strip, (x, level), 7, _point_colour(point.id), -1, cv2.LINE_AA)
    return strip


def _row(tiles: Sequence[Tile], width: int) -> Image:
    """At most COLUMNS tiles side by side."""
    images = [draw_tile(tile) for tile in tiles]
    row = _blank(max(image.shape[0] for image in images) + MARGIN, width)
    for column, image in enumerate(images):
        left = MARGIN + column * (TILE_WIDTH + MARGIN)
        row[: image.shape[0], left : left + TILE_WIDTH] = image
    return row
