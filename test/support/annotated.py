# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Made-up videos with masks and boxes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ground_ros.benchmarks.datasets.examples import (
    AnnotatedVideo,
    BoxTrack,
    Expression,
    MaskTrack,
    Media,
)
from molmo_ground_ros.frames.masks import mask_of

WIDTH, HEIGHT = 96, 64


def square(frame: int, number: int, side: int = 9) -> np.ndarray:
    """(HEIGHT, WIDTH) bool: an object's pixels; it moves to the right; 0 to 4 never meet."""
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    top, left = 2 + (12 * number) % 50, 3 + (2 * frame) % 70
    pixels[top : top + side, left : left + side] = True
    return pixels


def video(
    seen: Mapping[int, Iterable[int]],  # frames on which an object is seen
    *,
    fps: float = 8.0,
    frames: int = 40,
    labels: Mapping[int, str] | None = None,
    expressions: tuple[Expression, ...] = (),
    name: str = 'clip',
) -> AnnotatedVideo:
    """Masks of squares."""
    tracks = tuple(
        MaskTrack(
            number,
            (labels or {}).get(number, 'red block'),
            {k: mask_of(square(k, number)) for k in on},
        )
        for number, on in seen.items()
    )
    return AnnotatedVideo(
        name, Media(name, 'made'), WIDTH, HEIGHT, frames, fps, tracks, expressions, 'made.json', 3
    )


def boxed(of: AnnotatedVideo) -> AnnotatedVideo:
    """The same video with the squares' boxes."""
    tracks = tuple(
        BoxTrack(track.id, track.label, {k: box_of(k, track.id) for k in track.masks})
        for track in of.tracks
        if isinstance(track, MaskTrack)
    )
    return AnnotatedVideo(
        of.name, of.media, of.width, of.height, of.frames, of.fps, tracks, of.expressions
    )


def box_of(frame: int, number: int, side: int = 9) -> tuple[float, float, float, float]:
    """The box of a square."""
    rows, columns = np.nonzero(square(frame, number, side))
    return float(columns.min()), float(rows.min()), float(side), float(side)


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """JSON Lines."""
    path.write_text(''.join(json.dumps(record) + '\n' for record in records))
