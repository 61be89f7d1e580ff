# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads the rows of a data set's files one at a time, as they were written. Knows no column.

The data is a folder as the hub serves it (`data/train-00000-of-00003.parquet`, a folder for each
config), a folder as the reference saves it (`save_to_disk`: `data-00000-of-00002.arrow`), JSON
Lines or a JSON list. Only files of one kind are read: the first kind in this order that is present.
A folder `data` beside folders of configs holds the rows of all configs, so only it is read.

A few rows are in memory at a time; of parquet also the packed columns of one row group. A JSON list
is read as a whole. Damage becomes a BadRecord, and reading goes on after it: with the next line,
the next row group or the next file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks.datasets.file_order import numeric_order
from molmo_ground_ros.errors import BadRecord, BadSetting, MissingPackage

Values = dict[str, Any]

_BATCH = 8  # rows of parquet that are unpacked at once
_BUFFER = 2**20  # bytes of a column that are read at once
_WHY = 300  # characters of a reason
# JSON files without records, which `datasets` and the hub's Molmo2 sets put beside the records.
_NO_RECORDS = frozenset(
    {
        *('dataset_dict.json', 'dataset_info.json', 'dataset_infos.json', 'state.json'),
        *('video_original_fps.json', 'youtube_id_to_urls_mapping.json'),
    }
)


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One row, with its file and number."""

    file: str
    row: int  # from 1, in its file; of JSON Lines the line
    values: Values

    def bad(self, why: object) -> BadRecord:
        """The error to report for this row."""
        return bad_record(self.file, self.row, why)


def bad_record(file: str, row: int, why: object) -> BadRecord:
    """A BadRecord with a reason of bounded length, on one line."""
    return BadRecord(file, row, ' '.join(str(why)[:_WHY].split()))


def rows(path: Path) -> Iterator[DatasetRow | BadRecord]:
    """All rows of one file, or of the files below a folder in the order of their names.

    path: if `FOLDER/val` does not exist, the files of that split in FOLDER: `val-*` and `val.*`.
    Raises BadSetting if there is no data file, MissingPackage.
    """
    for file, kind in _files(path):
        yield from _READERS[kind](file)


def _files(path: Path) -> list[tuple[Path, str]]:
    """(file, suffix) of the files to read, in order."""
    if path.is_file():
        if path.suffix.lower() not in _READERS:
            raise BadSetting('data', str(path), f'is none of {", ".join(_READERS)}')
        return [(path, path.suffix.lower())]
    folder, split = (path, '') if path.is_dir() else (path.parent, path.name)
    below = folder.rglob('*') if not split else [*folder.glob('*'), *folder.glob('data/*')]
    files = [file for file in below if file.suffix.lower() in _READERS and file.is_file()]
    files = [file for file in files if file.name not in _NO_RECORDS and _is_split(file, split)]
    for suffix in _READERS:
        of_kind = [file for file in files if file.suffix.lower() == suffix]
        in_data = [file for file in of_kind if file.parent == folder / 'data']
        if of_kind:
            ordered = sorted(in_data or of_kind, key=lambda file: numeric_order(file.as_posix()))
            return [(file, suffix) for file in ordered]
    raise BadSetting('data', str(path), f'holds no {", ".join(_READERS)}')


def _is_split(path: Path, split: str) -> bool:
    return not split or path.stem == split or path.name.startswith(f'{split}-')


def _parquet(path: Path) -> Iterator[DatasetRow | BadRecord]:
    arrow, parquet = _arrow(), _parquet_module()
    try:
        file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER)
        groups = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
    except _damage(arrow) as error:
        yield bad_record(str(path), 0, f'is no parquet file: {error}')
        return
    with file:
        first = 1
        for group, number in enumerate(groups):
            at = first
            try:
                for batch in file.iter_batches(_BATCH, row_groups=[group], use_threads=False):
                    yield from _unpacked(path, at, batch)
                    at += batch.num_rows
            except _damage(arrow) as error:
                lost = f'row group {group} cannot be read on, to row {first + number - 1}'
                yield bad_record(str(path), at, f'{lost}: {error}')
            first += number


def _stream(path: Path) -> Iterator[DatasetRow | BadRecord]:
    """The rows of an Arrow stream, the format in which `datasets` saves to disk."""
    arrow = _arrow()
    at = 1
    try:
        with arrow.memory_map(str(path)) as source, arrow.ipc.open_stream(source) as reader:
            for batch in reader:
                # Without this Arrow follows damaged offsets out of the file.
                batch.validate(full=True)
                for start in range(0, batch.num_rows, _BATCH):
                    yield from _unpacked(path, at + start, batch.slice(start, _BATCH))
                at += batch.num_rows
    except _damage(arrow) as error:
        yield bad_record(str(path), at, f'the rest cannot be read: {error}')


def _damage(arrow: Any) -> tuple[type[Exception], ...]:
    """The errors that Arrow raises for damaged files; ValueError is for names that are no UTF-8."""
    return arrow.ArrowException, OSError, ValueError, OverflowError


def _unpacked(path: Path, at: int, batch: Any) -> Iterator[DatasetRow | BadRecord]:
    """The rows of a batch. A row that cannot be unpacked (no UTF-8) is a BadRecord by itself."""
    try:
        for number, values in enumerate(batch.to_pylist()):
            yield DatasetRow(str(path), at + number, values)
    except (ValueError, OverflowError) as error:
        if batch.num_rows == 1:
            yield bad_record(str(path), at, f'cannot be unpacked: {error}')
            return
        for number in range(batch.num_rows):
            yield from _unpacked(path, at + number, batch.slice(number, 1))


def _lines(path: Path) -> Iterator[DatasetRow | BadRecord]:
    number = 0
    try:
        with path.open('rb') as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _row(path, number, line)
    except OSError as error:
        yield bad_record(str(path), number, f'the rest cannot be read: {error}')
        return
    if not number:
        yield bad_record(str(path), 0, 'is empty')


def _row(path: Path, number: int, line: bytes) -> DatasetRow | BadRecord:
    try:
        return _checked(path, number, json.loads(line.decode('utf-8-sig')))
    except (ValueError, RecursionError) as error:
        return bad_record(str(path), number, f'is no JSON: {error}')


def _checked(path: Path, number: int, value: object) -> DatasetRow | BadRecord:
    if not isinstance(value, dict):
        return bad_record(str(path), number, f'is no record but a {type(value).__name__}')
    return DatasetRow(str(path), number, value)


def _list(path: Path) -> Iterator[DatasetRow | BadRecord]:
    try:
        content = read_json(path)
    except BadRecord as error:
        yield error
        return
    if not isinstance(content, list):
        yield bad_record(str(path), 0, f'is no list of records but a {type(content).__name__}')
        return
    for number, item in enumerate(content, start=1):
        yield _checked(path, number, item)


def read_json(path: Path) -> Any:
    """The value of a JSON file. Raises BadRecord if it cannot be read."""
    try:
        return json.loads(path.read_bytes().decode('utf-8-sig'))
    except (OSError, ValueError, RecursionError) as error:
        raise bad_record(str(path), 0, f'is no JSON: {error}') from error


_READERS = {'.parquet': _parquet, '.arrow': _stream, '.jsonl': _lines, '.json': _list}


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ModuleNotFoundError as err:
        raise MissingPackage('pyarrow', 'eval') from err
    return pyarrow


def _parquet_module() -> Any:
    import pyarrow.parquet

    return pyarrow.parquet
