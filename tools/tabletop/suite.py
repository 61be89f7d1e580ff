# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
r"""Command: simulated clips as a benchmark in the hub's formats, for `molmo-ground evaluate`.

    python -m tools.tabletop.suite OUT --seed 0 --clips 60
    molmo-ground evaluate --data OUT/videopointeval --media OUT/videos --format videopointeval \
        --backend onnx --model models/tabletop

OUT gets `videos/` (2 frames a second, MJPEG), and a folder each of VideoCountEval, VideoPointEval
and VideoTrackEval. The clips are the episodes of `evaluate`, 8 to 32 frames of them, the newest
always on the grid. Each is asked, by a seeded draw, for three counts (grasps of two colours,
blocks), four kinds of points (a block, one that is not there, all blocks, grasps), and the track of
one block, every other one for the tracks of all. Every fifth clip is there a second time with an
anomaly in it, asked for as category 8 of Molmo2-VideoPoint.
"""

import argparse
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.tabletop.anomalies import spoiled
from tools.tabletop.footage import DURATION_S, FIRST_SEED, Footage, film_scene
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.questions import ANY
from tools.tabletop.render import RendererMissingError, Stage
from tools.tabletop.shards import STEP_S
from tools.tabletop.truth import (
    FPS,
    Record,
    anomaly_row,
    count_rows,
    grasp_row,
    object_row,
    track_row,
)
from tools.tabletop.world import HEIGHT, WIDTH, Scene

COUNTS, POINTS, TRACKS = FORMATS = ('videocounteval', 'videopointeval', 'videotrackeval')
VIDEOS, FILE = 'videos', 'test.parquet'
FRAMES = 8, 32
EVERY = 5  # clips, of which one is spoiled
_TRIES = 8
_QUALITY = 95

Rows = dict[str, list[Record]]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 2 with one line on stderr where the renderer is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('folder', type=Path, metavar='OUT')
    parser.add_argument('--seed', type=int, default=0, help='of the clips (default 0)')
    parser.add_argument('--clips', type=int, default=60)
    parser.add_argument('--processes', type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    (options.folder / VIDEOS).mkdir(parents=True, exist_ok=True)
    share = partial(write_clips, options.folder / VIDEOS, options.seed)
    count = max(1, min(options.processes, options.clips))
    parts = [range(first, options.clips, count) for first in range(count)]
    try:
        if count == 1:
            found = share(parts[0])
        else:
            with ProcessPoolExecutor(count, multiprocessing.get_context('spawn')) as pool:
                found = [pair for part in pool.map(share, parts) for pair in part]
    except RendererMissingError as err:
        print(err, file=sys.stderr)
        return 2
    rows: Rows = {name: [] for name in FORMATS}
    for _, of_clip in sorted(found, key=lambda pair: pair[0]):
        for name, records in of_clip.items():
            rows[name] += records
    for name, records in rows.items():
        write_rows(name, records, options.folder / name / FILE)
        print(f'{options.folder / name}: {len(records)} questions')
    return 0


def write_clips(videos: Path, seed: int, numbers: range) -> list[tuple[str, Rows]]:
    """Film some clips, write their videos, and give each one's name and rows by format."""
    stage = Stage()
    found = []
    for number in numbers:
        rng = np.random.default_rng((seed, number, 5))
        scene, start, times = clip_of(seed, number)
        footage = film_scene(scene, start, times, stage, rng)
        name = f'tabletop-{seed}-{number:04d}'
        write_video(footage, videos / f'{name}.avi')
        found.append((name, rows_of(name, footage, number, rng)))
        if number % EVERY == 0:
            path = videos / f'{name}-anomaly.avi'
            found.append((path.stem, _spoiled_rows(path, scene, start, times, stage, rng)))
    stage.close()
    return found


def clip_of(seed: int, number: int) -> tuple[Scene, float, NDArray[np.float64]]:
    """Clip `number` of a seed: its scene, where it starts, (F,) its times on the 0.5 s grid.

    Its draws are those of `footage.film`.
    """
    rng = np.random.default_rng((seed, number, 3))
    scene = scene_from_seed(FIRST_SEED + seed * 100_000 + number, DURATION_S)
    times = STEP_S * np.arange(int(rng.integers(FRAMES[0], FRAMES[1] + 1)), dtype=np.float64)
    return scene, float(rng.uniform(0.0, DURATION_S - times[-1])), times


def rows_of(name: str, footage: Footage, number: int, rng: np.random.Generator) -> Rows:
    """What one sound clip is asked."""
    there, absent = np.flatnonzero(footage.present), np.flatnonzero(~footage.present)
    grasped = sorted({colour for _, colour in footage.grasps})
    first = int(rng.choice(grasped or list(there)))
    other = int(rng.choice([c for c in range(len(footage.present)) if c != first]))
    points = [object_row(name, footage, int(rng.choice(group))) for group in (there, absent)]
    points += [object_row(name, footage, ANY), grasp_row(name, footage, first)]
    tracks = [track_row(name, footage, int(rng.choice(there)))]
    if number % 2:
        tracks.append(track_row(name, footage, ANY))
    return {
        COUNTS: list(count_rows(name, footage, (first, other))),
        POINTS: points,
        TRACKS: tracks,
    }


def _spoiled_rows(
    path: Path,
    scene: Scene,
    start: float,
    times: NDArray[np.float64],
    stage: Stage,
    rng: np.random.Generator,
) -> Rows:
    """Write the clip with an anomaly, and what it is asked; nothing where none would be seen."""
    for _ in range(_TRIES):
        found = spoiled(scene, start, times, rng)
        if found is None:
            continue
        footage = film_scene(found[0], start, times, stage, rng)
        if found[1].shows_in(footage):
            write_video(footage, path)
            return {POINTS: [anomaly_row(path.stem, footage, found[1])]}
    return {}


def write_video(footage: Footage, path: Path) -> None:
    """The frames at 2 a second. Raises OSError."""
    code = cv2.VideoWriter.fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, code, float(FPS), (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise OSError(f'{path} cannot be written')
    writer.set(cv2.VIDEOWRITER_PROP_QUALITY, _QUALITY)
    for jpeg in footage.jpegs:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None  # our own JPEG
        writer.write(picture)
    writer.release()


def write_rows(name: str, records: list[Record], path: Path) -> None:
    """Parquet with the columns of the format `name`."""
    import pyarrow
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(records, _schema(name)), path)


def _schema(name: str) -> Any:
    """Written out: a list that is empty in every row has no type of its own."""
    import pyarrow as pa

    text, real, whole = pa.string(), pa.float64(), pa.int64()
    rle = pa.struct({'size': pa.list_(whole), 'counts': text})
    video = {'video_id': text, 'video_source': text, 'video_duration': real}
    asked = {'category': text, 'label': text}
    columns: dict[str, dict[str, Any]] = {
        COUNTS: video
        | asked
        | {'clip_start': real, 'clip_end': real, 'question': text, 'count': whole},
        POINTS: video
        | asked
        | {
            'width': whole,
            'height': whole,
            'two_fps_timestamps': pa.list_(real),
            'points': pa.list_(pa.struct({'x': real, 'y': real})),
            'masks': pa.list_(pa.list_(pa.struct({'frame_id': whole, 'rle': rle}))),
        },
        TRACKS: dict.fromkeys(('id', 'video', 'clip', 'video_dataset', 'exp'), text)
        | dict.fromkeys(('fps', 'start_frame', 'end_frame', 'w', 'h'), whole)
        | {
            'mask_id': pa.list_(text),
            'points': pa.list_(pa.struct({'object_id': text, 'points': pa.list_(pa.list_(real))})),
            'masks': pa.list_(pa.struct({'object_id': text, 'masks': pa.list_(rle)})),
        },
    }
    return pa.schema(columns[name])


if __name__ == '__main__':
    sys.exit(main())
