# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Columns of Parquet files. Every fault of a file is an error that names the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from molmo_ground_ros.errors import BagError, MissingPackage

_WHY = 200  # characters of a reason
_BUFFER = 1 << 20  # bytes of a column that are read at once
_MOST_BYTES = 1 << 31  # of unpacked columns that are read as a whole

EXTRA = 'lerobot'


def arrow() -> Any:
    """The module pyarrow, with its part for Parquet. Raises MissingPackage."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as err:
        raise MissingPackage('pyarrow', EXTRA) from err
    return pyarrow


@contextmanager
def faults_of(path: Path) -> Iterator[None]:
    """Raise BagError with the name of the file for whatever pyarrow raises."""
    pyarrow = arrow()
    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError, LookupError, TypeError) as err:
        why = ' '.join(str(err).split())[:_WHY] or type(err).__name__
        raise BagError(str(path), f'it cannot be read: {why}') from err


def open_parquet(path: Path) -> Any:
    """A pyarrow.parquet.ParquetFile. Raises BagError, MissingPackage."""
    with faults_of(path):
        return arrow().parquet.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)


def read_columns(path: Path, names: Sequence[str] | None = None) -> Any:
    """A pyarrow.Table of the columns, or of those that are no statistics (lerobot's stats/...).

    Raises BagError where the file, or a column of it, cannot be read, and MissingPackage.
    """
    file = open_parquet(path)
    with faults_of(path), file:
        columns = file.schema_arrow.names
        useful = [name for name in columns if not name.startswith('stats/')]
        missing = set(names or ()) - set(columns)
        if missing:
            raise BagError(str(path), f"it has no column '{min(missing)}'")
        groups = (file.metadata.row_group(number) for number in range(file.num_row_groups))
        if sum(max(group.total_byte_size, 0) for group in groups if not names) > _MOST_BYTES:
            raise BagError(str(path), f'its tables have more than {_MOST_BYTES} bytes')
        return file.read(columns=list(names or useful))
