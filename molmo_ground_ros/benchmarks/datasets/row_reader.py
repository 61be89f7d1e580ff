# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The rows of a data set's files, one at a time, as they were written. Knows no column.

Takes a folder as the hub serves it (`data/train-00000-of-00003.parquet`, a folder a config), as the
reference keeps it (`save_to_disk`: `data-00000-of-00002.arrow`), JSON Lines or a JSON list. Files
of one kind are read, the first of these that are there; a folder `data` beside folders of configs
holds all of theirs, so it alone is read.

At most a few rows are in memory, and of parquet the columns of one row group as they are packed; a
JSON list is read whole. What cannot be read is a BadRecord, and the rest goes on: after a torn line
with the next, after a damaged row group with the next, after a damaged file with the next.
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
# JSON beside the records that holds none: of `datasets`, and of the hub's Molmo2 sets.
_NO_RECORDS = frozenset(
    {
        *('dataset_dict.json', 'dataset_info.json', 'dataset_infos.json', 'state.json'),
        *('video_original_fps.json', 'youtube_id_to_urls_mapping.json'),
    }
)


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One row, and where it stands."""

    file: str
    row: int  # from 1: of the file, or its line
    values: Values

    def bad(self, why: object) -> BadRecord:
        """The row, reported."""
        return bad_record(self.file, self.row, why)


def bad_record(file: str, row: int, why: object) -> BadRecord:
    """A BadRecord with a reason of bounded length, on one line."""
    return BadRecord(file, row, ' '.join(str(why)[:_WHY].split()))


def rows(path: Path) -> Iterator[DatasetRow | BadRecord]:
    """All rows below a folder, or of a file, in the order of the files' names and numbers.

    `FOLDER/val`, where there is no such folder, is the files of that split: `val-*` and `val.*`.
    Raises BadSetting where there is no data file, MissingPackage.
    """
    for file, kind in _files(path):
        yield from _READERS[kind](file)


def _files(path: Path) -> list[tuple[Path, str]]:
    if path.is_file():
        if path.suffix.lower() not in _READERS:
            raise BadSetting('data', str(path), f'is none of {", ".join(_READERS)}')
        return [(path, path.suffix.lower())]
    folder, split = (path, '') if path.is_dir() else (path.parent, path.name)
    below = folder.rglob('*') if not split else [*folder.glob('*'), *folder.glob('data/*')]
    found = [one for one in below if one.suffix.lower() in _READERS and one.is_file()]
    found = [one for one in found if one.name not in _NO_RECORDS and _is_split(one, split)]
    for suffix in _READERS:
        of_kind = [one for one in found if one.suffix.lower() == suffix]
        whole = [one for one in of_kind if one.parent == folder / 'data']
        if of_kind:
            ordered = sorted(whole or of_kind, key=lambda path: numeric_order(path.as_posix()))
            return [(one, suffix) for one in ordered]
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
    """Arrow's stream, as `datasets` saves to disk."""
    arrow = _arrow()
    at = 1
    try:
        with arrow.memory_map(str(path)) as source, arrow.ipc.open_stream(source) as reader:
            for batch in reader:
                batch.validate(full=True)  # arrow follows offsets that lead out of the file
                for start in range(0, batch.num_rows, _BATCH):
                    yield from _unpacked(path, at + start, batch.slice(start, _BATCH))
                at += batch.num_rows
    except _damage(arrow) as error:
        yield bad_record(str(path), at, f'the rest cannot be read: {error}')


def _damage(arrow: Any) -> tuple[type[Exception], ...]:
    """What arrow raises for files that are damaged; ValueError for names that are no UTF-8."""
    return arrow.ArrowException, OSError, ValueError, OverflowError


def _unpacked(path: Path, at: int, batch: Any) -> Iterator[DatasetRow | BadRecord]:
    """Rows of a batch; where one cannot be unpacked (no UTF-8), the others still are."""
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


def _checked(path: Path, number: int, found: object) -> DatasetRow | BadRecord:
    if not isinstance(found, dict):
        return bad_record(str(path), number, f'is no record but a {type(found).__name__}')
    return DatasetRow(str(path), number, found)


def _list(path: Path) -> Iterator[DatasetRow | BadRecord]:
    try:
        found = read_json(path)
    except BadRecord as error:
        yield error
        return
    if not isinstance(found, list):
        yield bad_record(str(path), 0, f'is no list of records but a {type(found).__name__}')
        return
    for number, item in enumerate(found, start=1):
        yield _checked(path, number, item)


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises BadRecord where it cannot be read."""
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
