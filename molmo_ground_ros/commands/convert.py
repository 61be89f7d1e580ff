# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground convert`: masks or boxes of plain data, as pointing or tracking data for Molmo2.

Records are written as they are made, to a file that takes its name when all are there. What could
not be used is told on stderr, one line each. The same data, seed and weights give the same file.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.segmenter import load_segmenter
from molmo_ground_ros.conversions.boxes import LEAST_IOU, segment
from molmo_ground_ros.conversions.points import pointing_record
from molmo_ground_ros.conversions.tracks import tracking_record
from molmo_ground_ros.conversions.upsample import upsampled
from molmo_ground_ros.datasets import ANNOTATED, read_annotated, write
from molmo_ground_ros.datasets.media import MediaFolder
from molmo_ground_ros.datasets.values import Annotated, BoxTrack
from molmo_ground_ros.errors import BadRecord, BadSetting, ImageError, NoFrames

Record = dict[str, Any]

_KINDS = ('videopoint', 'videotrack', 'videotrackeval')
_EVERY_S = 30.0  # between lines of progress where there is no terminal
_REDRAWN_S = 0.2  # and where there is one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument('what', choices=('masks', 'boxes'), help='what the data holds')
    parser.add_argument('data', metavar='DATA', help='its folder')
    parser.add_argument(
        '--format', required=True, metavar='NAME', help=f'one of {", ".join(ANNOTATED)}'
    )
    parser.add_argument(
        '--to', required=True, choices=_KINDS, help='what to write; videotrackeval holds masks'
    )
    parser.add_argument('--out', required=True, metavar='FOLDER', help='where to write')
    parser.add_argument(
        '--sam2', metavar='MODEL', help='for boxes: a folder or hub id of SAM 2 in transformers'
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
    parser.add_argument('--seed', type=int, default=0, metavar='N', help='of the points drawn')
    parser.add_argument(
        '--upsample', action='store_true', help='repeat pointing records of many points'
    )
    parser.add_argument(
        '--as', default='jsonl', choices=['jsonl', 'parquet'], dest='suffix', help='Default: jsonl.'
    )
    parser.add_argument('--limit', type=int, metavar='N', help='stop after so many videos')
    parser.add_argument('--strict', action='store_true', help='stop at what cannot be used')


def run(arguments: argparse.Namespace) -> int:
    """Read, convert, write and print what was done.

    Raises BadSetting where settings do not go together and where nothing could be converted, and
    with --strict BadRecord at the first fault; then nothing is written.
    """
    _check(arguments)
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


class Log:
    """What was done and what was not: counted, and told on a stream line by line."""

    def __init__(
        self, stream: TextIO, *, strict: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._stream = stream
        self._strict = strict
        self._clock = clock
        self._shown_s = clock()
        self._drawn = False

    def skip(self, error: BadRecord) -> None:
        """Something cannot be used. Raises it where that is strictly no."""
        if self._strict:
            raise error
        self.counts['skipped'] += 1
        self.tell(f'skipped: {error}')

    def tell(self, text: str) -> None:
        """A line that stays."""
        self.clear()
        print(text, file=self._stream)

    def show(self, text: str) -> None:
        """Where the work is: redrawn on a terminal, a line now and then elsewhere."""
        terminal, now_s = self._stream.isatty(), self._clock()
        if now_s - self._shown_s < (_REDRAWN_S if terminal else _EVERY_S):
            return
        self._shown_s = now_s
        self._drawn = terminal
        self._stream.write(f'\r\033[K{text}' if terminal else f'{text}\n')
        self._stream.flush()

    def clear(self) -> None:
        """What is printed next begins on its own line."""
        if self._drawn:
            self._stream.write('\r\033[K')
            self._drawn = False


class _Segmenting:
    """Boxes to masks."""

    def __init__(self, arguments: argparse.Namespace, log: Log) -> None:
        data = Path(arguments.data)
        self._media = MediaFolder(arguments.media or (data if data.is_dir() else data.parent))
        self._segmenter = load_segmenter(arguments.sam2, arguments.device, arguments.dtype)
        self._reprompt = arguments.reprompt
        self._log = log

    def __call__(self, annotated: Annotated) -> Annotated:
        """Raises BadRecord for a video without boxes, BadSetting, ImageError, NoFrames, OSError."""
        if not any(isinstance(one, BoxTrack) and one.boxes for one in annotated.tracks):
            raise _about(annotated, 'no object has a box')
        made = segment(annotated, self._frames(annotated), self._segmenter, reprompt=self._reprompt)
        for one in made.dropped:
            told = f"object {one.id} '{one.label}' dropped: IoU {one.iou:.3f} with its boxes"
            self._log.tell(f'{annotated.name}: {told}')
        for lost in made.unsaid:
            self._log.tell(f'{annotated.name}: {lost.text!r} left out: it means a dropped track')
        boxed = sum(isinstance(one, BoxTrack) for one in annotated.tracks)
        self._log.counts['tracks'] += boxed
        self._log.counts['dropped'] += len(made.dropped)
        self._log.counts['unsaid'] += len(made.unsaid)
        return made.annotated

    def _frames(self, annotated: Annotated) -> Iterator[NDArray[np.uint8]]:
        """As many as the record says, of its size."""
        size = annotated.height, annotated.width
        frames = islice(self._media.pictures(annotated.media), annotated.frames)
        for index, frame in enumerate(frames):
            if frame.shape[:2] != size:
                told = f'frame {index} is {frame.shape[1]} x {frame.shape[0]} pixels'
                raise ImageError(f'{told}, its record says {annotated.width} x {annotated.height}')
            self._log.show(f'{annotated.name}: frame {index + 1} of {annotated.frames}')
            yield frame


def _as_they_are(annotated: Annotated) -> Annotated:
    """Masks are there."""
    return annotated


def _records(
    arguments: argparse.Namespace, masked: Callable[[Annotated], Annotated], log: Log
) -> Iterator[Record]:
    """All records, one at a time."""
    for one in _first_videos(read_annotated(arguments.format, arguments.data), arguments.limit):
        if isinstance(one, BadRecord):
            log.skip(one)
            continue
        log.counts['videos'] += 1
        log.show(f'{log.counts["videos"]} videos, {log.counts["records"]} records')
        if not one.expressions:
            log.skip(_about(one, 'nothing is said of its objects'))
            continue
        try:
            annotated = masked(one)
        except (BadRecord, BadSetting, ImageError, NoFrames, OSError) as error:
            log.skip(_about(one, error))
            continue
        yield from _of_video(arguments, annotated, log)
    log.clear()
    if not log.counts['records']:
        raise BadSetting('data', arguments.data, 'nothing in it could be converted')


def _of_video(arguments: argparse.Namespace, annotated: Annotated, log: Log) -> Iterator[Record]:
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
        except (BadRecord, BadSetting) as error:
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


def _first_videos(
    found: Iterable[Annotated | BadRecord], limit: int | None
) -> Iterator[Annotated | BadRecord]:
    """What comes up to so many videos; what is broken does not count."""
    taken = 0
    for one in found:
        yield one
        taken += isinstance(one, Annotated)
        if taken == limit:
            return


def _about(annotated: Annotated, error: Exception | str) -> BadRecord:
    """What is wrong with a video, with its place."""
    if isinstance(error, BadRecord):
        return error
    return BadRecord(annotated.file or annotated.name, annotated.row, f'{annotated.name}: {error}')
