# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The truth of a copy in Molmo2's own format, and answers that are partly wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.frames.masks import mask_of
from molmo_ground_ros.language.grammar import format_tracks
from tools.sources.table_videos import SIZE, TableVideo

_WRONG = 0.3  # of the points of an answer
WIDTH, HEIGHT = SIZE


@dataclass(frozen=True)
class Expected:
    """One question that a reader must make of a copy."""

    id: str
    words: str
    video: TableVideo
    things: tuple[int, ...]  # the objects that are meant
    boxes: bool = False  # the source has boxes, not masks
    step: int = 1  # frames between two that are annotated
    size: tuple[int, int] = SIZE  # that a reader takes the frames to have


def truth_of(expected: Expected, thing: int, frame: int) -> NDArray[np.bool_] | None:
    """(H, W) the pixels that count as an object on a frame; None where it is hidden."""
    pixels = expected.video.masks[thing, frame]
    if frame % expected.step or not pixels.any():
        return None
    full = np.zeros(expected.size[::-1], np.bool_)
    full[:HEIGHT, :WIDTH] = pixels
    box = expected.video.box(thing, frame)
    if expected.boxes and box is not None:
        full[box[1] : box[1] + box[3], box[0] : box[0] + box[2]] = True
    return full


def own_record(expected: Expected) -> dict[str, Any]:
    """A row of Molmo2-VideoTrackEval."""
    frames = range(expected.video.frames)
    pixels = [[truth_of(expected, thing, k) for k in frames] for thing in expected.things]
    ids = [str(thing) for thing in expected.things]
    return {
        'id': expected.id,
        'video': expected.id,
        'clip': expected.id,
        'fps': expected.video.fps,
        'start_frame': 0,
        'end_frame': expected.video.frames - 1,
        'video_dataset': 'copy',
        'exp': expected.words,
        'w': expected.size[0],
        'h': expected.size[1],
        'mask_id': ids,
        'points': [
            {'object_id': i, 'points': [None if p is None else _inside(p) for p in path]}
            for i, path in zip(ids, pixels, strict=True)
        ],
        'masks': [
            {'object_id': i, 'masks': [None if p is None else mask_of(p).rle() for p in path]}
            for i, path in zip(ids, pixels, strict=True)
        ],
    }


def answer(expected: Expected, rng: np.random.Generator) -> str:
    """Tracks at one point a second, some of them beside the object."""
    rows = []
    for number, thing in enumerate(expected.things, start=1):
        for second in range(int((expected.video.frames - 1) / expected.video.fps) + 1):
            pixels = truth_of(expected, thing, round(second * expected.video.fps))
            if pixels is None:
                continue
            x, y = _inside(pixels)
            share = x / expected.size[0], y / expected.size[1]
            place = (0.01, 0.01) if rng.random() < _WRONG else share
            rows.append((float(second), number, *place))
    return format_tracks(sorted(rows), expected.words) if rows else 'There are none.'


def write_own(folder: Path, expected: Sequence[Expected]) -> Path:
    """Write the truth as JSON Lines, and return the file of answers beside it."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(own_record(one)) for one in expected]
    (folder / 'test.jsonl').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    answers = [json.dumps({'id': one.id, 'text': answer(one, rng)}) for one in expected]
    path = folder.with_name(f'{folder.name}-answers.jsonl')
    path.write_text('\n'.join(answers) + '\n', encoding='utf-8')
    return path


def _inside(pixels: NDArray[np.bool_]) -> list[float]:
    """x, y of a pixel of an object, near its middle."""
    rows, columns = np.nonzero(pixels)
    distance = (columns - columns.mean()) ** 2 + (rows - rows.mean()) ** 2
    nearest = int(distance.argmin())
    return [float(columns[nearest]) + 0.25, float(rows[nearest]) + 0.25]
