# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A benchmark's files as the hub has them: videos of 2 frames a second, and Parquet of each format.

Columns and nesting are those of VideoCountEval, VideoPointEval and VideoTrackEval (molmo2 f3cb108,
in olmo/data: molmo2_datasets.py:1035-1184 and molmo2_video_track_datasets.py:239-586).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tools.tabletop.world import HEIGHT, WIDTH

COUNTS, POINTS, TRACKS = FORMATS = ('videocounteval', 'videopointeval', 'videotrackeval')
VIDEOS, FILE = 'videos', 'test.parquet'
FPS = 2
_QUALITY = 95

Record = dict[str, Any]
Rows = dict[str, list[Record]]


def write_video(jpegs: Iterable[bytes], path: Path) -> None:
    """The frames at 2 a second. Raises OSError."""
    code = cv2.VideoWriter.fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, code, float(FPS), (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise OSError(f'{path} cannot be written')
    writer.set(cv2.VIDEOWRITER_PROP_QUALITY, _QUALITY)
    for jpeg in jpegs:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None  # our own JPEG
        writer.write(picture)
    writer.release()


def write_formats(found: Iterable[tuple[str, Rows]], folder: Path) -> None:
    """A folder for each format, with the rows of all clips in the order of their names."""
    rows: Rows = {name: [] for name in FORMATS}
    for _, of_clip in sorted(found, key=lambda pair: pair[0]):
        for name, records in of_clip.items():
            rows[name] += records
    for name, records in rows.items():
        write_rows(name, records, folder / name / FILE)
        print(f'{folder / name}: {len(records)} questions')


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
