# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground convert`: turns masks, boxes or a labelled recording into data for Molmo2.

Records are written one by one to a temporary file, which gets its final name after the last one.
What cannot be used is named on stderr, a line each. The same data, seed and weights give the same
file.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.segmenter import load_segmenter
from molmo_ground_ros.benchmarks.conversions.boxes import LEAST_IOU, segment
from molmo_ground_ros.benchmarks.conversions.points import pointing_record
from molmo_ground_ros.benchmarks.conversions.tracks import tracking_record
from molmo_ground_ros.benchmarks.conversions.upsample import upsampled
from molmo_ground_ros.benchmarks.datasets import ANNOTATED, read_annotated, write
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, BoxTrack
from molmo_ground_ros.benchmarks.datasets.media import MediaFolder
from molmo_ground_ros.commands.conversion_log import Log
from molmo_ground_ros.commands.convert_recording import KINDS, check_recording, run_recording
from molmo_ground_ros.errors import BadArgument, BadRecord, BadSetting, ImageError, NoFrames

Record = dict[str, Any]

_KINDS = ('videopoint', 'videotrack', 'videotrackeval')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    parser.add_argument('what', choices=('masks', 'boxes', 'recording'), help='what the data holds')
    parser.add_argument(
        'data', nargs='+', metavar='DATA', help='its folder; the bags or videos of a recording'
    )
    parser.add_argument(
        '--format',
        default='',
        metavar='NAME',
        help=f'of masks and boxes: one of {", ".join(ANNOTATED)}',
    )
    parser.add_argument(
        '--labels',
        action='append',
        default=[],
        metavar='FILE',
        help='of a recording: records with verdicts (.jsonl, .csv), or a folder of export; may be '
        'given several times',
    )
    parser.add_argument(
        '--to',
        default='',
        choices=KINDS,
        help='what to write; those that end in eval hold masks. Default for a recording: '
        'videopoint and videotrack, with --sam2 all four.',
    )
    parser.add_argument('--out', required=True, metavar='FOLDER', help='where to write')
    parser.add_argument(
        '--as', default='jsonl', choices=['jsonl', 'parquet'], dest='suffix', help='Default: jsonl.'
    )
    parser.add_argument(
        '--upsample', action='store_true', help='repeat pointing records of many points'
    )
    parser.add_argument('--seed', type=int, default=0, metavar='N', help='of the points drawn')
    parser.add_argument('--limit', type=int, metavar='N', help='stop after so many videos')
    parser.add_argument('--strict', action='store_true', help='stop at what cannot be used')
    _add_sam2(parser)


def _add_sam2(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--sam2',
        metavar='MODEL',
        help='a folder or hub id of SAM 2 in transformers: it makes masks of boxes, and of the '
        'labelled points of a recording',
    )
    parser.add_argument(
        '--media', metavar='FOLDER', help='for boxes: where the videos are. Default: DATA.'
    )
    parser.add_argument('--device', default='auto', help='for SAM 2. Default: auto.')
    parser.add_argument('--dtype', default='auto', help='for SAM 2. Default: auto.')
    parser.add_argument(
        '--reprompt',
        action='store_true',
        help='give SAM 2 later boxes too, where its mask does not fit them',
    )


def run(arguments: argparse.Namespace) -> int:
    """Read the data, convert and write it, and print a summary.

    Raises BadSetting where settings do not go together and where nothing could be converted, and
    with --strict BadRecord at the first fault; then nothing is written.
    """
    _check(arguments)
    if arguments.what == 'recording':
        return run_recording(arguments)
    (arguments.data,) = arguments.data
    log = Log(sys.stderr, strict=arguments.strict)
    masked = _Segmenting(arguments, log) if arguments.what == 'boxes' else _as_they_are
    records = _records(arguments, masked, log)
    path = Path(arguments.out) / f'{arguments.to}.{arguments.suffix}'
    path.parent.mkdir(parents=True, exist_ok=True)
    if arguments.upsample:
        rows = write(path, upsampled(records), f'{arguments.to}-repeated')
    else:
        rows = write(path, records, arguments.to)
    _print(arguments, log.counts, rows, path)
    return 0


class _Segmenting:
    """Turns the boxes of a video into masks with SAM 2."""

    def __init__(self, arguments: argparse.Namespace, log: Log) -> None:
        data = Path(arguments.data)
        self._media = MediaFolder(arguments.media or (data if data.is_dir() else data.parent))
        self._segmenter = load_segmenter(arguments.sam2, arguments.device, arguments.dtype)
        self._reprompt = arguments.reprompt
        self._log = log

    def __call__(self, annotated: AnnotatedVideo) -> AnnotatedVideo:
        """The video with masks in place of boxes.

        Raises BadRecord for a video without boxes, BadArgument, ImageError, NoFrames, OSError.
        """
        if not any(isinstance(track, BoxTrack) and track.boxes for track in annotated.tracks):
            raise _about(annotated, 'no object has a box')
        segmentation = segment(
            annotated, self._frames(annotated), self._segmenter, reprompt=self._reprompt
        )
        for track in segmentation.dropped:
            note = f"object {track.id} '{track.label}' dropped: IoU {track.iou:.3f} with its boxes"
            self._log.tell(f'{annotated.name}: {note}')
        for lost in segmentation.unsaid:
            self._log.tell(f'{annotated.name}: {lost.text!r} left out: it means a dropped track')
        boxed = sum(isinstance(track, BoxTrack) for track in annotated.tracks)
        self._log.counts['tracks'] += boxed
        self._log.counts['dropped'] += len(segmentation.dropped)
        self._log.counts['unsaid'] += len(segmentation.unsaid)
        return segmentation.annotated

    def _frames(self, annotated: AnnotatedVideo) -> Iterator[NDArray[np.uint8]]:
        """The frames of a video, as many as its record says. Raises ImageError for another size."""
        size = annotated.height, annotated.width
        frames = islice(self._media.images(annotated.media), annotated.frames)
        for index, frame in enumerate(frames):
            if frame.shape[:2] != size:
                fault = f'frame {index} is {frame.shape[1]} x {frame.shape[0]} pixels'
                raise ImageError(f'{fault}, its record says {annotated.width} x {annotated.height}')
            self._log.show(f'{annotated.name}: frame {index + 1} of {annotated.frames}')
            yield frame


def _as_they_are(annotated: AnnotatedVideo) -> AnnotatedVideo:
    """The video unchanged: it has masks already."""
    return annotated


def _records(
    arguments: argparse.Namespace, masked: Callable[[AnnotatedVideo], AnnotatedVideo], log: Log
) -> Iterator[Record]:
    """The records of all videos, made one at a time."""
    for video in _first_videos(read_annotated(arguments.format, arguments.data), arguments.limit):
        if isinstance(video, BadRecord):
            log.skip(video)
            continue
        log.counts['videos'] += 1
        log.show(f'{log.counts["videos"]} videos, {log.counts["records"]} records')
        if not video.expressions:
            log.skip(_about(video, 'nothing is said of its objects'))
            continue
        try:
            annotated = masked(video)
        except (BadArgument, BadRecord, BadSetting, ImageError, NoFrames, OSError) as error:
            log.skip(_about(video, error))
            continue
        yield from _of_video(arguments, annotated, log)
    log.clear()
    if not log.counts['records']:
        raise BadSetting('data', arguments.data, 'nothing in it could be converted')


def _of_video(
    arguments: argparse.Namespace, annotated: AnnotatedVideo, log: Log
) -> Iterator[Record]:
    for number, expression in enumerate(annotated.expressions):
        try:
            if arguments.to == 'videopoint':
                record = pointing_record(annotated, expression, arguments.seed)
                objects = int(record['count'])
            else:
                record = tracking_record(
                    annotated, expression, number, masks=arguments.to == 'videotrackeval'
                )
                objects = len(record['mask_id'])
        except (BadArgument, BadRecord, BadSetting) as error:
            log.skip(_about(annotated, error))
            continue
        log.counts['records'] += 1
        log.counts['objects'] += objects
        log.counts['unseen'] += len(set(expression.ids)) - objects
        yield record


def _print(arguments: argparse.Namespace, counts: Counter[str], rows: int, path: Path) -> None:
    print(f'{counts["videos"]} videos, {counts["records"]} records, {counts["objects"]} objects')
    if arguments.upsample:
        print(f'upsampled to {rows} rows')
    print(f'left out, never shown: {counts["unseen"]} objects')
    if arguments.what == 'boxes':
        print(f'dropped, IoU below {LEAST_IOU}: {counts["dropped"]} of {counts["tracks"]} tracks')
        print(f'left out with them: {counts["unsaid"]} expressions')
    print(f'skipped: {counts["skipped"]} records')
    print(f'written: {path}')


def _check(arguments: argparse.Namespace) -> None:
    """Raise BadSetting where settings do not go together."""
    if arguments.what == 'recording':
        check_recording(arguments)
        return
    _check_data(arguments)
    if arguments.what == 'boxes' and not arguments.sam2:
        raise BadSetting('sam2', '', 'boxes need --sam2 MODEL, which turns them into masks')
    if arguments.what == 'masks' and arguments.sam2:
        raise BadSetting('sam2', arguments.sam2, 'is for boxes; masks are there already')
    if arguments.what == 'masks' and arguments.reprompt:
        raise BadSetting('reprompt', True, 'is for boxes')
    if arguments.upsample and arguments.to != 'videopoint':
        raise BadSetting('upsample', True, 'is for --to videopoint')
    if arguments.seed < 0:
        raise BadSetting('seed', arguments.seed, 'is below 0')
    if arguments.limit is not None and arguments.limit < 1:
        raise BadSetting('limit', arguments.limit, 'is below 1')


def _check_data(arguments: argparse.Namespace) -> None:
    """Raise BadSetting where it is not said what masks or boxes are read, and what is written."""
    if len(arguments.data) > 1:
        why = f'{arguments.what} are read from one folder; several are of a recording'
        raise BadSetting('data', ', '.join(arguments.data), why)
    if not arguments.format:
        raise BadSetting(
            'format', '', f'{arguments.what} need --format, one of {", ".join(ANNOTATED)}'
        )
    if arguments.labels:
        raise BadSetting('labels', ', '.join(arguments.labels), 'are of a recording')
    if arguments.to not in _KINDS:
        why = f'{arguments.what} need --to, one of {", ".join(_KINDS)}'
        raise BadSetting('to', arguments.to, why)


def _first_videos(
    videos: Iterable[AnnotatedVideo | BadRecord], limit: int | None
) -> Iterator[AnnotatedVideo | BadRecord]:
    """The videos up to `limit` usable ones; broken records among them do not count."""
    usable = 0
    for video in videos:
        yield video
        usable += isinstance(video, AnnotatedVideo)
        if usable == limit:
            return


def _about(annotated: AnnotatedVideo, error: Exception | str) -> BadRecord:
    """The error of a video as a BadRecord, with the file and the row of the video."""
    if isinstance(error, BadRecord):
        return error
    return BadRecord(annotated.file or annotated.name, annotated.row, f'{annotated.name}: {error}')
