# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground convert recording`: training data and its videos from a recording with labels.

Labels are records in which a person filled in the verdicts (of the page, CSV or JSON Lines), or a
folder that `export` made of such records. Each window becomes a video of two frames a second.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.segmenter import load_segmenter
from molmo_ground_ros.benchmarks import datasets
from molmo_ground_ros.benchmarks.datasets.row_reader import rows
from molmo_ground_ros.benchmarks.feedback.clip_masks import (
    point_record_with_masks,
    track_record_with_masks,
)
from molmo_ground_ros.benchmarks.feedback.clip_videos import Cut, clip_entry, cut_of, write_clip
from molmo_ground_ros.benchmarks.feedback.training_data import convert
from molmo_ground_ros.commands.conversion_log import Log
from molmo_ground_ros.commands.export import CLIPS, POINTS, TRACKS, Reading, described, sources
from molmo_ground_ros.errors import BadRecord, BadSetting, GroundError
from molmo_ground_ros.recording import open_cameras
from molmo_ground_ros.recording.recorded_frames import frame_reader
from molmo_ground_ros.types import Frame

Record = dict[str, Any]
Image = NDArray[np.uint8]
FrameReader = Callable[[str, int], Frame]  # camera, stamp

VIDEOS = 'videos'
_TRAINING = ('videopoint', 'videotrack')
# What is written with the masks of SAM 2, and of which records it is made.
_EVALUATION = {'videopointeval': 'videopoint', 'videotrackeval': 'videotrack'}
KINDS = (*_TRAINING, *_EVALUATION)
_WITH_MASKS: dict[str, Callable[[Record, Iterable[Image], Any], Record]] = {
    'videopointeval': point_record_with_masks,
    'videotrackeval': track_record_with_masks,
}


@dataclass(slots=True)
class _Labelled:
    """Records by kind and clip, and the entries of the clips, each with its file and row."""

    records: dict[str, dict[str, list[Record]]] = field(
        default_factory=lambda: {kind: {} for kind in _TRAINING}
    )
    clips: list[tuple[str, int, Record]] = field(default_factory=list)

    def add(self, kind: str, record: Record) -> None:
        """Add a record to those of its clip."""
        clip = str(record.get('video_id' if kind == 'videopoint' else 'clip'))
        self.records[kind].setdefault(clip, []).append(record)


def check_recording(arguments: argparse.Namespace) -> None:
    """Raise BadSetting where settings do not go together."""
    if not arguments.labels:
        why = 'a recording needs --labels FILE: records with verdicts, or a folder of export'
        raise BadSetting('labels', '', why)
    if arguments.to in _EVALUATION and not arguments.sam2:
        raise BadSetting('to', arguments.to, 'needs --sam2 MODEL, which makes the masks')
    for name in ('format', 'media', 'reprompt', 'upsample', 'limit', 'seed'):
        if value := getattr(arguments, name):
            raise BadSetting(name, value, 'is for masks or boxes')


def run_recording(arguments: argparse.Namespace) -> int:
    """Cut the clips, write the records, and print a summary.

    Raises BadSetting where nothing could be converted, and with --strict BadRecord at the first
    fault; errors of the recording and of SAM 2.
    """
    log = Log(sys.stderr, strict=arguments.strict)
    labelled = _labelled(arguments.labels, log)
    if not labelled.clips:
        raise BadSetting('labels', ', '.join(arguments.labels), 'no answer is labelled completely')
    kinds = _kinds(arguments)
    segmenter = (
        load_segmenter(arguments.sam2, arguments.device, arguments.dtype)
        if arguments.sam2
        else None
    )
    folder = Path(arguments.out)
    (folder / VIDEOS).mkdir(parents=True, exist_ok=True)
    written: dict[str, list[Record]] = {kind: [] for kind in kinds}
    entries = list[Record]()
    for clip, read_images in _cut_clips(arguments.data, labelled, folder, log):
        entries.append(clip)
        for kind in kinds:
            of_clip = labelled.records[_EVALUATION.get(kind, kind)].get(clip['clip'], [])
            written[kind] += _finished(kind, of_clip, read_images, segmenter, log)
    log.clear()
    if not entries:
        raise BadSetting('data', ', '.join(arguments.data), 'holds none of the labelled clips')
    for kind, records in written.items():
        path = folder / f'{kind}.{arguments.suffix}'
        print(f'{datasets.write(path, records, kind)} records: {path}')
    datasets.write_json_lines(folder / CLIPS, entries)
    print(f'{len(entries)} videos: {folder / VIDEOS}')
    print(f'frames without a picture of their own: {log.counts["repeated"]}')
    print(f'not looked at: {log.counts["unseen"]} answers')
    print(f'skipped: {log.counts["skipped"]}')
    return 0


def _kinds(arguments: argparse.Namespace) -> tuple[str, ...]:
    if arguments.to:
        return (arguments.to,)
    return KINDS if arguments.sam2 else _TRAINING


def _labelled(labels: list[str], log: Log) -> _Labelled:
    """All labels. What cannot be used is named in a line each."""
    labelled = _Labelled()
    paths = [Path(name) for name in labels]
    for path in (path for path in paths if path.is_dir()):
        _read_export(path, labelled, log)
    reading = Reading()
    files = [path for path in paths if not path.is_dir()]
    for path, source in zip(files, sources(files), strict=True):
        reading.read(path, source)
    for complaint in reading.complaints:
        log.skip(complaint)
    converted = convert(reading.rows, reading.unreadable)
    for omission in converted.skipped:
        if omission.why:
            why = f'{described(omission)}: {omission.why}'
            log.skip(BadRecord(omission.question.source, 0, why))
        log.counts['unseen'] += not omission.why
    for kind, records in zip(_TRAINING, (converted.points, converted.tracks), strict=True):
        for record in records:
            labelled.add(kind, record)
    labelled.clips += [(clip['source'], 0, clip) for clip in converted.clips]
    return labelled


def _read_export(folder: Path, labelled: _Labelled, log: Log) -> None:
    """What `export` wrote to a folder. Raises BadSetting if it holds no clips."""
    if not (folder / CLIPS).is_file():
        raise BadSetting('labels', str(folder), f'holds no {CLIPS}, which export writes')
    for kind, name in zip(_TRAINING, (POINTS, TRACKS), strict=True):
        for path in (folder / name, (folder / name).with_suffix('.parquet')):
            for row in rows(path) if path.is_file() else ():
                if isinstance(row, BadRecord):
                    log.skip(row)
                else:
                    labelled.add(kind, row.values)
    for row in rows(folder / CLIPS):
        if isinstance(row, BadRecord):
            log.skip(row)
        else:
            labelled.clips.append((row.file, row.row, row.values))


def _cut_clips(
    data: list[str], labelled: _Labelled, folder: Path, log: Log
) -> Iterator[tuple[Record, Callable[[], Iterator[Image]]]]:
    """(entry, a function that reads its images) of each clip whose video was written."""
    checked = list[tuple[str, int, Record, Mapping[str, Any]]]()
    for file, row, clip in labelled.clips:
        try:
            checked.append((file, row, clip, clip_entry(clip)))
        except GroundError as error:
            log.skip(BadRecord(file, row, str(error)))
    topics = sorted({entry['camera'] for *_, entry in checked})
    with ExitStack() as stack:
        cameras = open_cameras(data, topics) if topics else {}
        for recording in cameras.values():
            stack.callback(recording.close)
        read_frame = frame_reader(cameras)
        for number, (file, row, clip, entry) in enumerate(checked, start=1):
            camera = entry['camera']
            log.show(f'clip {number} of {len(checked)}')
            try:
                cut = cut_of(entry, cameras[camera].stamps.tolist())
                write_clip(folder / VIDEOS / f'{cut.name}.mp4', _images(read_frame, camera, cut))
            except GroundError as error:
                log.skip(BadRecord(file, row, str(error)))
                continue
            log.counts['repeated'] += cut.repeated
            yield clip, partial(_images, read_frame, camera, cut)


def _images(read_frame: FrameReader, camera: str, cut: Cut) -> Iterator[Image]:
    """The images of a clip, one decoded at a time. Raises ImageError, NoFrames."""
    last: Frame | None = None
    for stamp_ns in cut.stamps:
        if last is None or stamp_ns != last.stamp_ns:
            last = read_frame(camera, stamp_ns)
        yield last.image


def _finished(
    kind: str,
    records: list[Record],
    read_images: Callable[[], Iterator[Image]],
    segmenter: Any,
    log: Log,
) -> Iterator[Record]:
    """The records of one clip, with masks where the kind has them."""
    for record in records:
        if kind in _TRAINING:
            yield record
            continue
        try:
            yield _WITH_MASKS[kind](record, read_images(), segmenter)
        except GroundError as error:
            name = record.get('video_id') or record.get('clip')
            words = record.get('label') or record.get('exp')
            log.skip(BadRecord(str(name), 0, f'{words!r} has no masks: {error}'))
