# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers for people and programs: a table, a JSON object, a contact sheet."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.types import Answer, Point

Picture = NDArray[np.uint8]  # (H, W, 3) RGB

TILE_WIDTH = 400  # pixels
COLUMNS = 3
MARGIN = 16
MOST_TILES = 12  # events drawn on one sheet
_INK, _PAPER, _FAINT = (235, 235, 235), (24, 26, 30), (120, 124, 132)
_MARKS = ((255, 196, 0), (0, 200, 255), (255, 90, 160), (120, 230, 90), (190, 140, 255))
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TICKS_S = (1, 5, 15, 60, 300, 900, 3600, 21600, 86400)  # of the timeline: at most 16 are drawn
_NO_PICTURE: Picture = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a contact sheet."""

    image: Picture
    caption: str
    stamp_ns: int
    points: tuple[Point, ...]


def point_record(point: Point, camera: str) -> dict[str, Any]:
    """A point as JSON: an unknown score is null, since JSON has no NaN."""
    return {
        'stamp_ns': point.stamp_ns,
        'camera': camera,
        'frame_id': point.frame_id,
        'id': point.id,
        'x': round(point.x, 3),
        'y': round(point.y, 3),
        'score': None if math.isnan(point.score) else round(point.score, 6),
    }


def answer_record(answer: Answer) -> dict[str, Any]:
    """An answer as one JSON object; `count` is null where the model states no total."""
    camera = answer.camera
    return {
        'query': answer.query.text,
        'task': answer.task.name.lower(),
        'text': answer.text,
        'count': answer.count,
        'points': [point_record(point, camera) for point in answer.points],
        'tracks': [
            {
                'id': track.id,
                'label': track.label,
                'points': [point_record(point, camera) for point in track.points],
            }
            for track in answer.tracks
        ],
        'frames_used': answer.frames_used,
        'frames_expected': answer.frames_expected,
        'truncated': answer.truncated,
        'model': answer.model,
        'refused': answer.refused,
        'rejected': [dataclasses.asdict(rejection) for rejection in answer.rejected],
    }


def verdict(answer: Answer) -> str:
    """The answer in a few words: the total, or what there is instead."""
    if answer.refused:
        return 'the model gives no answer'
    if answer.count is not None:
        return f'count: {answer.count}'
    if answer.tracks:
        return f'{len(answer.tracks)} tracks'
    return f'{len(answer.points)} points' if answer.points else answer.text


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Plain text columns, each as wide as its widest cell."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    shown = ['  '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
             for line in lines]  # fmt: skip
    return '\n'.join([shown[0], '  '.join('-' * width for width in widths), *shown[1:]])


def score_text(score: float) -> str:
    """A score with two decimals, or a dash."""
    return '-' if math.isnan(score) else f'{score:.2f}'


def point_rows(points: Iterable[Point], zero_ns: int) -> list[tuple[str, ...]]:
    """Cells for `table`: id, seconds from `zero_ns`, stamp, pixel, score."""
    return [
        (
            str(point.id),
            f'{(point.stamp_ns - zero_ns) / 1e9:.2f} s',
            str(point.stamp_ns),
            f'({point.x:.0f}, {point.y:.0f})',
            score_text(point.score),
        )
        for point in points
    ]


POINT_HEADER = ('id', 'time', 'stamp [ns]', 'pixel', 'score')


def tiles_of(answer: Answer, zero_ns: int, picture: Callable[[int], Picture]) -> list[Tile]:
    """A tile for every frame with points; for tracks the newest frame with the paths on it.

    picture: stamp -> (H, W, 3) RGB; called for the first MOST_TILES only, the others have none.
    """
    found: list[tuple[int, str, tuple[Point, ...]]] = []
    for stamp_ns in sorted({point.stamp_ns for point in answer.points}):
        points = tuple(point for point in answer.points if point.stamp_ns == stamp_ns)
        ids = ', '.join(f'#{point.id} ({score_text(point.score)})' for point in points)
        found.append((stamp_ns, f'{(stamp_ns - zero_ns) / 1e9:.1f} s   {ids}', points))
    for track in answer.tracks:
        caption = f'#{track.id} {track.label}, {len(track.points)} points'
        found.append((track.points[-1].stamp_ns, caption, track.points))
    return [
        Tile(picture(stamp_ns) if number < MOST_TILES else _NO_PICTURE, caption, stamp_ns, points)
        for number, (stamp_ns, caption, points) in enumerate(found)
    ]


def contact_sheet(
    question: str, verdict: str, tiles: Sequence[Tile], span_ns: tuple[int, int]
) -> Picture:
    """Question, verdict, a timeline of the tiles and the tiles with their points drawn.

    At most MOST_TILES tiles are drawn; the sheet says how many were left out.
    """
    shown = tiles[:MOST_TILES]
    width = COLUMNS * TILE_WIDTH + (COLUMNS + 1) * MARGIN
    parts = [_heading(question, verdict, width), _timeline(tiles, span_ns, width)]
    starts = range(0, len(shown), COLUMNS)
    parts += [_row(shown[first : first + COLUMNS], width) for first in starts]
    if len(tiles) > len(shown):
        parts.append(_caption(f'and {len(tiles) - len(shown)} more', width))
    return np.vstack(parts)


def save_png(image: Picture, path: str) -> None:
    """Write an RGB picture as PNG. Raises OSError if it cannot be written."""
    ok, data = cv2.imencode('.png', image[..., ::-1])
    if not ok:
        raise OSError(f'cannot encode a picture of shape {image.shape}')
    Path(path).write_bytes(data.tobytes())


def _blank(height: int, width: int) -> Picture:
    return np.full((height, width, 3), _PAPER, np.uint8)


def _write(
    image: Picture, text: str, at: tuple[int, int], scale: float, ink: tuple[int, int, int]
) -> None:
    # OpenCV's fonts hold ASCII only.
    ascii_text = text.encode('ascii', 'replace').decode()
    cv2.putText(image, ascii_text, at, _FONT, scale, ink, 1, cv2.LINE_AA)


def _caption(text: str, width: int) -> Picture:
    strip = _blank(30, width)
    _write(strip, text, (MARGIN, 20), 0.5, _INK)
    return strip


def _heading(question: str, verdict: str, width: int) -> Picture:
    strip = _blank(84, width)
    _write(strip, question, (MARGIN, 32), 0.75, _INK)
    _write(strip, verdict, (MARGIN, 66), 0.75, _MARKS[0])
    return strip


def _timeline(tiles: Sequence[Tile], span_ns: tuple[int, int], width: int) -> Picture:
    strip = _blank(58, width)
    left, right, level = MARGIN, width - MARGIN, 20
    cv2.line(strip, (left, level), (right, level), _FAINT, 2)
    length_ns = max(1, span_ns[1] - span_ns[0])
    step_s = next((step for step in _TICKS_S if length_ns <= 15e9 * step), _TICKS_S[-1])
    for second in range(0, int(length_ns / 1e9) + 1, step_s):
        x = left + round((right - left) * second * 1e9 / length_ns)
        cv2.line(strip, (x, level - 4), (x, level + 4), _FAINT, 1)
        _write(strip, f'{second} s', (max(left, x - 12), level + 24), 0.4, _FAINT)
    for tile in tiles:
        for point in tile.points:
            x = left + round((right - left) * (point.stamp_ns - span_ns[0]) / length_ns)
            cv2.circle(strip, (x, level), 7, _mark(point.id), -1, cv2.LINE_AA)
    return strip


def _mark(identity: int) -> tuple[int, int, int]:
    return _MARKS[(identity - 1) % len(_MARKS)]


def _row(tiles: Sequence[Tile], width: int) -> Picture:
    drawn = [_drawn(tile) for tile in tiles]
    row = _blank(max(image.shape[0] for image in drawn) + MARGIN, width)
    for column, image in enumerate(drawn):
        left = MARGIN + column * (TILE_WIDTH + MARGIN)
        row[: image.shape[0], left : left + TILE_WIDTH] = image
    return row


def _drawn(tile: Tile) -> Picture:
    height, width = tile.image.shape[:2]
    scale = TILE_WIDTH / width
    size = (TILE_WIDTH, max(1, round(height * scale)))
    image = cv2.resize(tile.image, size, interpolation=cv2.INTER_AREA)
    places = [(round(p.x * scale), round(p.y * scale)) for p in tile.points]
    if len({point.stamp_ns for point in tile.points}) > 1:
        for here, there, point in zip(places, places[1:], tile.points, strict=False):
            cv2.line(image, here, there, _mark(point.id), 2, cv2.LINE_AA)
    else:
        for place, point in zip(places, tile.points, strict=True):
            cv2.circle(image, place, 13, (0, 0, 0), 5, cv2.LINE_AA)
            cv2.circle(image, place, 13, _mark(point.id), 3, cv2.LINE_AA)
            cv2.circle(image, place, 2, _mark(point.id), -1, cv2.LINE_AA)
    return np.vstack([np.asarray(image, np.uint8), _caption(tile.caption, TILE_WIDTH)])
