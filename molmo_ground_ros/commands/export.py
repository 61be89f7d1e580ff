# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground export`: writes training data from answers that a person confirmed or corrected.

A file of records is JSON Lines, or CSV with the same columns if its name ends in .csv. It holds one
recording, which is named for the file. Rows that cannot be used are named on stderr, a line each.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks import datasets
from molmo_ground_ros.benchmarks.feedback.labels import (
    LabelRow,
    UnreadableRow,
    read_row,
    read_unreadable,
)
from molmo_ground_ros.benchmarks.feedback.training_data import (
    SkippedAnswer,
    TrainingRecords,
    convert,
)
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting, GroundError, seconds
from molmo_ground_ros.reports.table import cell_text

POINTS, TRACKS, CLIPS = 'videopoint.jsonl', 'videotrack.jsonl', 'clips.jsonl'
# Characters that a CSV cell may have: the csv module's own limit is 2**17.
_CELL = 2**24
# Characters of a complaint that are printed.
_COMPLAINT = 200
_KINDS = {
    'both': ('event', 'track_point'),
    'videopoint': ('event',),
    'videotrack': ('track_point',),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    parser.add_argument(
        'records', nargs='+', metavar='RECORDS', help='.jsonl or .csv with its verdict column'
    )
    parser.add_argument('--out', required=True, metavar='FOLDER', help='where to write')
    parser.add_argument('--to', default='both', choices=list(_KINDS), help='Default: both.')
    parser.add_argument(
        '--as', default='jsonl', choices=['jsonl', 'parquet'], dest='suffix', help='Default: jsonl.'
    )


def run(arguments: argparse.Namespace) -> int:
    """Read the records, convert and write them, and print a summary.

    Raises BadSetting where no record could be read.
    """
    reading = Reading()
    paths = [Path(name) for name in arguments.records]
    for path, source in zip(paths, sources(paths), strict=True):
        reading.read(path, source)
    for complaint in reading.complaints:
        print(complaint, file=sys.stderr)
    if reading.complaints and not reading.rows:
        raise BadSetting('records', ', '.join(arguments.records), 'nothing could be read')
    kinds = _KINDS[arguments.to]
    rows = [row for row in reading.rows if row.question.kind in kinds]
    converted = convert(rows, reading.unreadable)
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    for kind, name, records in (
        ('event', POINTS, converted.points),
        ('track_point', TRACKS, converted.tracks),
    ):
        if kind in kinds:
            path = (folder / name).with_suffix(f'.{arguments.suffix}')
            datasets.write(path, records, path.stem)
    datasets.write_json_lines(folder / CLIPS, converted.clips)
    _print(converted, folder, len(reading.complaints))
    return 0


class Reading:
    """Collects the rows of all files, and a complaint for each row or file that cannot be used.

    rows: the usable rows. unreadable: the question and stamp of the rows that cannot be read.
    """

    def __init__(self) -> None:
        self.rows: list[LabelRow] = []
        self.unreadable: list[UnreadableRow] = []
        self.complaints: list[BadRecord] = []
        self._first_rows: dict[object, LabelRow] = {}

    def read(self, path: Path, source: str) -> None:
        """Read a file up to its end, or to the first error of the file itself.

        Two rows about the same point that differ are both unusable.
        """
        try:
            for number, record in _records(path):
                try:
                    self._take(record, source)
                except GroundError as error:
                    self.complaints.append(BadRecord(str(path), number, str(error)[:_COMPLAINT]))
        except (OSError, csv.Error, UnicodeDecodeError) as error:
            self.complaints.append(BadRecord(str(path), 0, f'the rest cannot be read: {error}'))

    def _take(self, record: Any, source: str) -> None:
        if isinstance(record, ValueError | RecursionError):
            raise BadField('row', 'not JSON', str(record))
        if not isinstance(record, dict):
            raise BadField('row', type(record).__name__, 'is no JSON object')
        try:
            row = read_row(record, source)
        except GroundError:
            unreadable = read_unreadable(record, source)
            self.unreadable += [unreadable] if unreadable else []
            raise
        first_row = self._first_rows.setdefault(row.key, row)
        if first_row is row:
            self.rows.append(row)
            return
        if first_row == row:
            raise BadField('id', row.id, 'the same row was there before')
        self.unreadable += [
            UnreadableRow(twin.question, twin.stamp_ns) for twin in (first_row, row)
        ]
        raise BadField('id', row.id, 'another row of this point was there before, and differs')


def sources(paths: Sequence[Path]) -> list[str]:
    """A name for each recording: its file's, preceded by its folder's where files share one."""
    names: list[str] = []
    for path in paths:
        shared = sum(path.stem == other.stem for other in paths) > 1
        base = f'{path.resolve().parent.name}-{path.stem}' if shared else path.stem
        same = sum(name == base or name.startswith(f'{base}#') for name in names)
        names.append(f'{base}#{same + 1}' if same else base)
    return names


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, JSON value) of each record; an error in place of what is not JSON."""
    if path.suffix.lower() == '.csv':
        yield from _csv(path)
        return
    with path.open('rb') as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield number, json.loads(line.decode('utf-8-sig'))
                except (ValueError, RecursionError) as error:
                    yield number, error


def _csv(path: Path) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(_CELL)
    with path.open(encoding='utf-8-sig', newline='') as file:
        reader = csv.DictReader(file)
        for record in reader:
            # A row that is too short holds None, and one that is too long has the key None.
            yield (
                reader.line_num,
                {
                    column: cell_text(cell)
                    for column, cell in record.items()
                    if column and cell is not None
                },
            )


def _print(converted: TrainingRecords, folder: Path, skipped: int) -> None:
    points = sum(record['count'] for record in converted.points)
    objects = sum(len(record['mask_id']) for record in converted.tracks)
    print(f'{len(converted.points)} VideoPoint records, {points} points')
    print(f'{len(converted.tracks)} VideoTrack records, {objects} objects')
    print(f'{len(converted.clips)} clips to cut: {folder / CLIPS}')
    unlabelled = sum(not omission.why for omission in converted.skipped)
    print(f'not looked at: {unlabelled} answers')
    print(f'incomplete: {len(converted.skipped) - unlabelled} answers')
    for omission in converted.skipped:
        if omission.why:
            print(f'  {described(omission)}: {omission.why}')
    print(f'skipped: {skipped} rows or files')


def described(omission: SkippedAnswer) -> str:
    """The recording, camera, window and query of an answer that is not exported."""
    span = f'{seconds(omission.start_ns)} to {seconds(omission.end_ns)}'
    return f'{omission.question.source} {omission.question.camera} {span} {omission.query!r}'
