# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground export`: answers that a person confirmed or corrected, as training data.

A file of records is JSON Lines, or CSV with the same columns where its name ends in .csv; it holds
one recording, and is its name. Rows that cannot be used are told on stderr, one line each.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from molmo_ground_ros import datasets
from molmo_ground_ros.analysis.outputs.table import meant
from molmo_ground_ros.errors import BadSetting, GroundError, seconds
from molmo_ground_ros.replace import replacing
from molmo_ground_ros.training_data import Converted, LeftOut, Record, convert
from molmo_ground_ros.verdicts import Row, Torn, read_row, read_torn

POINTS, TRACKS, CLIPS = 'videopoint.jsonl', 'videotrack.jsonl', 'clips.jsonl'
_CELL = 2**24  # characters in a CSV cell: the csv module stops at 2**17
_COMPLAINT = 200  # characters shown of one
_KINDS = {
    'both': ('event', 'track_point'),
    'videopoint': ('event',),
    'videotrack': ('track_point',),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument(
        'records', nargs='+', metavar='RECORDS', help='.jsonl or .csv with its verdict column'
    )
    parser.add_argument('--out', required=True, metavar='FOLDER', help='where to write')
    parser.add_argument('--to', default='both', choices=list(_KINDS), help='Default: both.')
    parser.add_argument(
        '--as', default='jsonl', choices=['jsonl', 'parquet'], dest='suffix', help='Default: jsonl.'
    )


def run(arguments: argparse.Namespace) -> int:
    """Read, convert, write and print what was done. Raises BadSetting if nothing could be read."""
    reading = Reading()
    paths = [Path(name) for name in arguments.records]
    for path, source in zip(paths, sources(paths), strict=True):
        reading.read(path, source)
    for complaint in reading.complaints:
        print(complaint, file=sys.stderr)
    if reading.complaints and not reading.rows:
        raise BadSetting('records', ', '.join(arguments.records), 'nothing could be read')
    kinds = _KINDS[arguments.to]
    wanted = [row for row in reading.rows if row.asked.kind in kinds]
    made = convert(wanted, reading.torn)
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    for kind, name, records in (
        ('event', POINTS, made.points),
        ('track_point', TRACKS, made.tracks),
    ):
        if kind in kinds:
            path = (folder / name).with_suffix(f'.{arguments.suffix}')
            datasets.write(path, records, path.stem)
    write(folder / CLIPS, made.clips)
    _print(made, folder, len(reading.complaints))
    return 0


class Reading:
    """The rows of all files, and a line for everything that could not be used."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.torn: list[Torn] = []
        self.complaints: list[str] = []
        self._known: dict[object, Row] = {}

    def read(self, path: Path, source: str) -> None:
        """Read a file as far as it goes. A row that is told twice, and differently, is torn."""
        try:
            for number, record in _records(path):
                try:
                    self._take(record, source)
                except GroundError as error:
                    self.complaints.append(f'{path}:{number}: {str(error)[:_COMPLAINT]}')
        except (OSError, csv.Error, UnicodeDecodeError) as error:
            self.complaints.append(f'{path}: the rest cannot be read: {error}')

    def _take(self, record: Any, source: str) -> None:
        if isinstance(record, ValueError | RecursionError):
            raise BadSetting('row', 'not JSON', str(record))
        if not isinstance(record, dict):
            raise BadSetting('row', type(record).__name__, 'is no JSON object')
        try:
            row = read_row(record, source)
        except GroundError:
            torn = read_torn(record, source)
            self.torn += [torn] if torn else []
            raise
        known = self._known.setdefault(row.key, row)
        if known is row:
            self.rows.append(row)
            return
        if known == row:
            raise BadSetting('id', row.id, 'the same row was there before')
        self.torn += [Torn(one.asked, one.stamp_ns) for one in (known, row)]
        raise BadSetting('id', row.id, 'another row of this point was there before, and differs')


def sources(paths: Sequence[Path]) -> list[str]:
    """A name for each recording: its file's, with the folder's where files share a name."""
    names: list[str] = []
    for path in paths:
        shared = sum(path.stem == other.stem for other in paths) > 1
        wanted = f'{path.resolve().parent.name}-{path.stem}' if shared else path.stem
        same = sum(name == wanted or name.startswith(f'{wanted}#') for name in names)
        names.append(f'{wanted}#{same + 1}' if same else wanted)
    return names


def write(path: Path, records: Iterable[Record]) -> None:
    """Write JSON Lines. Raises OSError, and leaves an older file as it was."""
    with replacing(path) as partial, partial.open('w', encoding='utf-8') as file:
        for record in records:
            file.write(json.dumps(record, allow_nan=False) + '\n')


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    """(line, what it holds): a dict, another JSON value, or the error in place of one."""
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
                    column: meant(cell)
                    for column, cell in record.items()
                    if column and cell is not None
                },
            )


def _print(made: Converted, folder: Path, skipped: int) -> None:
    points = sum(record['count'] for record in made.points)
    objects = sum(len(record['mask_id']) for record in made.tracks)
    print(f'{len(made.points)} VideoPoint records, {points} points')
    print(f'{len(made.tracks)} VideoTrack records, {objects} objects')
    print(f'{len(made.clips)} clips to cut: {folder / CLIPS}')
    unseen = sum(not one.why for one in made.left_out)
    print(f'not looked at: {unseen} answers')
    print(f'incomplete: {len(made.left_out) - unseen} answers')
    for one in made.left_out:
        if one.why:
            print(f'  {_told(one)}: {one.why}')
    print(f'skipped: {skipped} rows or files')


def _told(one: LeftOut) -> str:
    span = f'{seconds(one.start_ns)} to {seconds(one.end_ns)}'
    return f'{one.asked.source} {one.asked.camera} {span} {one.query!r}'
