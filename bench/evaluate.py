# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground evaluate` on many tracks with ready predictions: `python -m bench.evaluate`.

The set is made: each example 30 s of 1280x720 with 3 objects that move, their masks and points at
1 fps, and an answer that is right at most times. Time is that of the whole command in a process of
its own, memory the peak of it and of those it starts, together. Prints one JSON object as its last
line.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.inputs import ROOT
from molmo_ground_ros.frames.masks import mask_of, read_rle
from molmo_ground_ros.language.grammar import format_tracks

WIDTH, HEIGHT, FRAMES, OBJECTS = 1280, 720, 30, 3
_SHAPE = OBJECTS, FRAMES
_OUTLINES = 400  # that masks are made of
_SHIFT = 70  # pixels that one is moved up or down at most
_WRONG = 0.15  # of the points that are said
_EVERY_S = 0.05  # between two looks at the memory

Blob = tuple[NDArray[np.int64], tuple[float, float]]  # lengths of the runs, a point in the mask


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the set, evaluate, print."""
    parser = argparse.ArgumentParser(
        prog='python -m bench.evaluate', description=__doc__.splitlines()[0]
    )
    parser.add_argument('--examples', type=int, default=3000)
    parser.add_argument('--processes', type=int, default=0, help='0: one a core')
    parser.add_argument('--parity', action='store_true')
    parser.add_argument('--keep', type=Path, help='a folder for the set; one there is used again')
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix='evaluate-') as scratch:
        folder = options.keep or Path(scratch)
        if not (folder / 'data' / 'test.parquet').exists():
            write_set(folder, options.examples)
        record = _evaluate(folder, options.processes, options.parity)
    for name in ('examples', 'seconds', 'peak_mb', 'f1', 'hota'):
        print(f'{name:<16}{record[name]:.4g}')
    print(json.dumps(record))
    return 0


def write_set(folder: Path, examples: int) -> None:
    """`data/test.parquet` in the columns of Molmo2-VideoTrackEval, and `said.jsonl`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    blobs = [_blob(rng) for _ in range(_OUTLINES)]
    (folder / 'data').mkdir(parents=True, exist_ok=True)
    writer = None
    with (folder / 'said.jsonl').open('w') as answers:
        for start in range(0, examples, 100):
            records = []
            for number in range(start, min(start + 100, examples)):
                record, text = _example(number, blobs, rng)
                records.append(record)
                answers.write(json.dumps({'id': record['id'], 'text': text}) + '\n')
            table = pa.Table.from_pylist(records)
            writer = writer or pq.ParquetWriter(folder / 'data' / 'test.parquet', table.schema)
            writer.write_table(table)
    if writer:
        writer.close()


def _blob(rng: np.random.Generator) -> Blob:
    """A mask with a ragged outline, and a point in it."""
    x, y = rng.uniform(200, WIDTH - 200), rng.uniform(_SHIFT + 210, HEIGHT - _SHIFT - 210)
    angles = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    radii = rng.uniform(40, 160) * rng.uniform(0.7, 1.3, len(angles))
    outline = np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(pixels, [outline.astype(np.int32)], (1,))
    return np.diff(mask_of(pixels).ends(), prepend=0), (x, y)


def _moved(blob: Blob, rng: np.random.Generator) -> tuple[dict[str, Any], list[float]]:
    """The mask and its point some pixels up or down: hardly any two in the set are the same."""
    runs, (x, y) = blob
    by = int(rng.integers(-_SHIFT, _SHIFT))
    moved = runs.copy()
    moved[[0, -1]] += by, -by
    rle = read_rle({'size': [HEIGHT, WIDTH], 'counts': moved.tolist()}).rle()
    return rle, [x + float(rng.uniform(-5, 5)), y + by]


def _example(
    number: int, blobs: Sequence[Blob], rng: np.random.Generator
) -> tuple[dict[str, Any], str]:
    """A record, and an answer to it."""
    ids = [str(k) for k in range(OBJECTS)]
    chosen = rng.integers(len(blobs), size=_SHAPE)
    moved_blobs = [[_moved(blobs[k], rng) for k in row] for row in chosen]
    masks = [[mask for mask, _ in row] for row in moved_blobs]
    points = [[point for _, point in row] for row in moved_blobs]
    rows = []
    for k, path in enumerate(points, start=1):
        for frame, (x, y) in enumerate(path):
            place = (0.01, 0.01) if rng.random() < _WRONG else (x / WIDTH, y / HEIGHT)
            rows.append((float(frame), k, *place))
    record = {
        'id': f'clip{number}_0',
        'video': f'video{number}',
        'clip': f'clip{number}',
        'fps': 1,
        'start_frame': 0,
        'end_frame': FRAMES - 1,
        'video_dataset': ('APTv2', 'dancetrack', 'sportsmot', 'personpath22', 'sav')[number % 5],
        'exp': 'the ones that move',
        'w': WIDTH,
        'h': HEIGHT,
        'mask_id': ids,
        'points': [{'object_id': i, 'points': p} for i, p in zip(ids, points, strict=True)],
        'masks': [{'object_id': i, 'masks': m} for i, m in zip(ids, masks, strict=True)],
    }  # fmt: skip
    return record, format_tracks(rows, 'the ones that move')


def _evaluate(folder: Path, processes: int, parity: bool) -> dict[str, Any]:
    command = [
        sys.executable,
        '-m',
        'molmo_ground_ros.cli',
        'evaluate',
        '--data',
        str(folder / 'data'),
    ]
    command += ['--format', 'videotrackeval', '--predictions', str(folder / 'said.jsonl'), '--json']
    command += ['--processes', str(processes)] if processes else []
    command += ['--parity'] if parity else []
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, _together(process.pid))
            time.sleep(_EVERY_S)
        assert process.stdout is not None
        out = process.stdout.read()
    if process.returncode:
        raise SystemExit(f'the command ended with {process.returncode}')
    record: dict[str, Any] = json.loads(out.splitlines()[-1])
    return {'seconds': time.perf_counter() - began, 'peak_mb': peak / 1e6, **record}


def _together(root: int) -> int:
    """Resident bytes of a process and all that come from it; shared pages count in each."""
    parents: dict[int, int] = {}
    resident: dict[int, int] = {}
    for status in Path('/proc').glob('[0-9]*/status'):
        try:
            lines = dict(
                line.split(':', 1) for line in status.read_text().splitlines() if ':' in line
            )
        except OSError:
            continue
        number = int(status.parent.name)
        parents[number] = int(lines['PPid'])
        resident[number] = int(lines.get('VmRSS', '0 kB').split()[0]) * 1024
    family, grown = {root}, True
    while grown:
        more = {number for number, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return sum(resident.get(number, 0) for number in family)


if __name__ == '__main__':
    sys.exit(main())
