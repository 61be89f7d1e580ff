# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The finished parts of a long run, on disk as JSON Lines, so that an interrupted run goes on.

The first line names the run by a digest of everything that its results depend on. A line that
cannot be read, such as a last line that was cut off, counts as not finished.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from molmo_ground_ros.storage.closing import Closing

# The ending of the name of an older file, when a run begins anew, maybe by mistake.
BEFORE = '.before'


class JsonLinesFile(Closing):
    """The file of one run, open to add entries. Use as a context manager; for one thread."""

    def __init__(self, path: Path, digest: str, *, resume: bool) -> None:
        """Open the file, whose folder is made.

        The file begins anew without `resume`, or if it is of another run. Without `resume` an older
        file is renamed: its name ends in BEFORE, until the next run renames its own. Raises
        OSError.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        header = json.dumps({'run': digest}).encode() + b'\n'
        if not resume and path.exists():
            path.replace(path.with_name(path.name + BEFORE))
        older = _complete_lines(path)
        anew = not older.startswith(header)
        # The entries of earlier runs.
        self.entries: list[Any] = [] if anew else _entries(older[len(header) :])
        self._file = path.open('ab')
        self._file.truncate(0 if anew else len(older))
        if anew:
            self._write(header)

    def add(self, entry: Any) -> None:
        """Add an entry. Raises OSError; the entries before it stay."""
        self._write(json.dumps(entry).encode() + b'\n')

    def close(self) -> None:
        """Close the file, which stays."""
        self._file.close()

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()


def files(path: Path) -> list[tuple[str, int, int]]:
    """(path, bytes, time of change in ns) of a file, or of every file in a folder.

    Empty if there is neither. Raises OSError.
    """
    if not path.exists():
        return []
    path = path.resolve()
    paths = sorted(path.rglob('*')) if path.is_dir() else [path]
    stats = [(str(file), file.stat()) for file in paths if file.is_file()]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _entries(lines: bytes) -> list[Any]:
    entries = []
    for line in lines.splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def _complete_lines(path: Path) -> bytes:
    """The bytes of a file up to its last line end; b'' if there is no file."""
    if not path.is_file():
        return b''
    return path.read_bytes().rpartition(b'\n')[0] + b'\n'
