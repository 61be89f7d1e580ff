# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes records to files that the hub's loaders read: parquet, or JSON Lines.

For points, columns and types are those that the hub lists for Molmo2-VideoPoint, plus `width` and
`height`, with which points can be read as pixels. The hub's list for tracks is not public: their
columns are those that the loader needs (see `video_tracks`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks.datasets.row_reader import DatasetRow
from molmo_ground_ros.benchmarks.datasets.video_points import videopoint, videopointeval
from molmo_ground_ros.benchmarks.datasets.video_tracks import videotrack, videotrackeval
from molmo_ground_ros.errors import BadArgument, BadField, BadSetting, MissingPackage
from molmo_ground_ros.storage.atomic import atomic_file

Record = Mapping[str, Any]

_GROUP = 256  # rows of parquet that are held and written at once
_LIST, _STRUCT = 'list', 'struct'

# A type is its name, ('list', type) or ('struct', {name: type}).
_TRACK: dict[str, Any] = {
    'id': 'string',
    'video': 'string',
    'clip': 'string',
    'fps': 'int64',
    'start_frame': 'int64',
    'end_frame': 'int64',
    'video_dataset': 'string',
    'exp': 'string',
    'w': 'int64',
    'h': 'int64',
    'mask_id': (_LIST, 'string'),
    'points': (
        _LIST,
        (_STRUCT, {'object_id': 'string', 'points': (_LIST, (_LIST, 'double'))}),
    ),
}
_RLE = (_STRUCT, {'size': (_LIST, 'int64'), 'counts': 'string'})
_POINT: dict[str, Any] = {
    'video_id': 'string',
    'question': 'string',
    'label': 'string',
    'count': 'int64',
    'two_fps_timestamps': (_LIST, 'double'),
    'points': (_LIST, (_LIST, (_STRUCT, {'x': 'double', 'y': 'double'}))),
    'raw_frames': (_LIST, 'int64'),
    'raw_timestamps': (_LIST, 'double'),
    'annotator_unsure': 'bool_',
    'category': 'string',
    'video_duration': 'double',
    'video_source': 'string',
    'clip_start': 'double',
    'clip_end': 'double',
    'width': 'int64',
    'height': 'int64',
}
# Upsampled records have a number, so that no row is in the file twice.
_REPEATED = {'repeat': 'int64'}
# Of each object one point in pixels, and masks by number of the frame, two a second.
_POINT_EVAL: dict[str, Any] = {
    name: _POINT[name]
    for name in (
        *('video_id', 'video_source', 'video_duration', 'category', 'label', 'count'),
        *('two_fps_timestamps', 'width', 'height'),
    )
} | {
    'points': (_LIST, (_STRUCT, {'x': 'double', 'y': 'double'})),
    'masks': (_LIST, (_LIST, (_STRUCT, {'frame_id': 'int64', 'rle': _RLE}))),
}
_COLUMNS: dict[str, dict[str, Any]] = {
    'videopoint': _POINT,
    'videopointeval': _POINT_EVAL,
    'videopoint-repeated': _POINT | _REPEATED,
    'videotrack': _TRACK,
    'videotrackeval': _TRACK
    | {'masks': (_LIST, (_STRUCT, {'object_id': 'string', 'masks': (_LIST, _RLE)}))},
}
# Columns that are null if a record does not have them.
_OPTIONAL = frozenset({'width', 'height'})
_READERS = {
    'videopoint': videopoint,
    'videopointeval': videopointeval,
    'videopoint-repeated': videopoint,
    'videotrack': videotrack,
    'videotrackeval': videotrackeval,
}


def write(path: Path, records: Iterable[Record], kind: str) -> int:
    """Write records of one kind, and return how many there were.

    kind: `videopoint` (`videopoint-repeated` with the column `repeat`), `videopointeval`,
    `videotrack` or `videotrackeval`. path: ends in .parquet or .jsonl. After an error the file is
    as it was before.
    Raises BadField for a record that our own reader of this kind would refuse, BadArgument for
    another kind or another suffix, OSError, MissingPackage.
    """
    if kind not in _COLUMNS:
        raise BadArgument('kind', kind, f'is none of {", ".join(_COLUMNS)}')
    if path.suffix not in _WRITERS:
        raise BadArgument('file', str(path), f'ends in none of {", ".join(_WRITERS)}')
    with atomic_file(path) as partial:
        return _WRITERS[path.suffix](partial, _checked(path, records, kind), kind)


def write_json_lines(path: Path, records: Iterable[Record]) -> None:
    """Write records as they are. Raises OSError, and leaves an older file as it was."""
    with atomic_file(path) as partial, partial.open('w', encoding='utf-8') as file:
        for record in records:
            file.write(json.dumps(record, allow_nan=False) + '\n')


def _checked(path: Path, records: Iterable[Record], kind: str) -> Iterator[dict[str, Any]]:
    """The records, checked, with the columns of the kind in their order."""
    columns = _COLUMNS[kind]
    for number, record in enumerate(records, start=1):
        wrong = (set(record) | _OPTIONAL & set(columns)) ^ set(columns)
        if wrong:
            why = f'are missing, or are no columns of {kind}'
            raise BadField(f'record {number}', sorted(wrong), why)
        values = {name: record.get(name) for name in columns}
        try:
            _READERS[kind](DatasetRow(str(path), number, values), number - 1)
        except BadField as error:
            raise BadField(f'record {number}', error.field, str(error)) from error
        except BadSetting as error:
            raise BadField(f'record {number}', error.name, str(error)) from error
        yield values


def _lines(path: Path, records: Iterator[dict[str, Any]], kind: str) -> int:
    del kind
    count = 0
    with path.open('w', encoding='utf-8') as file:
        for record in records:
            file.write(json.dumps(record, allow_nan=False) + '\n')
            count += 1
    return count


def _parquet(path: Path, records: Iterator[dict[str, Any]], kind: str) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as err:
        raise MissingPackage('pyarrow', 'eval') from err
    schema = pyarrow.schema([(name, _type(pyarrow, of)) for name, of in _COLUMNS[kind].items()])
    number = 0
    with parquet.ParquetWriter(path, schema) as writer:
        while group := list(islice(records, _GROUP)):
            try:
                table = pyarrow.Table.from_pylist(group, schema)
            except (pyarrow.ArrowException, TypeError, ValueError) as err:
                why = f'do not have the types of a {kind} record: {err}'
                raise BadField('records', f'{number + 1} to {number + len(group)}', why) from err
            writer.write_table(table)
            number += len(group)
    return number


def _type(arrow: Any, of: Any) -> Any:
    if isinstance(of, str):
        return getattr(arrow, {'double': 'float64'}.get(of, of))()
    kind, inner = of
    if kind == _LIST:
        return arrow.list_(_type(arrow, inner))
    return arrow.struct([(name, _type(arrow, inner_type)) for name, inner_type in inner.items()])


_WRITERS = {'.parquet': _parquet, '.jsonl': _lines}
