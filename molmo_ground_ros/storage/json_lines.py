# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a long run has finished, on disk as JSON Lines, so that an interrupted one goes on.

The first line names the run by a digest of all that its results depend on. What cannot be read (a
last line that was cut off) counts as not done.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from molmo_ground_ros.storage.closing import Closing

BEFORE = '.before'  # of a run that was begun anew, maybe by mistake


class JsonLinesFile(Closing):
    """One run's file, open to add to. Use as a context manager; for one thread."""

    def __init__(self, path: Path, digest: str, *, resume: bool) -> None:
        """Open it; its folder is made. Without `resume`, or if it is another run's, it begins anew.

        What was there then keeps a name that ends in BEFORE if `resume` is not given, until the
        next time. Raises OSError.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        header = json.dumps({'run': digest}).encode() + b'\n'
        if not resume and path.exists():
            path.replace(path.with_name(path.name + BEFORE))
        kept = _whole_lines(path)
        anew = not kept.startswith(header)
        self.kept: list[Any] = [] if anew else _entries(kept[len(header) :])  # of earlier times
        self._file = path.open('ab')
        self._file.truncate(0 if anew else len(kept))
        if anew:
            self._write(header)

    def add(self, entry: Any) -> None:
        """Keep one more. Raises OSError; what was kept before stays."""
        self._write(json.dumps(entry).encode() + b'\n')

    def close(self) -> None:
        """Close the file, which stays."""
        self._file.close()

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()


def files(path: Path) -> list[tuple[str, int, int]]:
    """(path, bytes, time of change) of a file, or of all in a folder; empty if it is none.

    Raises OSError.
    """
    if not path.exists():
        return []
    path = path.resolve()
    found = sorted(path.rglob('*')) if path.is_dir() else [path]
    stats = [(str(file), file.stat()) for file in found if file.is_file()]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _entries(lines: bytes) -> list[Any]:
    found = []
    for line in lines.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def _whole_lines(path: Path) -> bytes:
    """What a file holds up to its last line end; b'' where there is no file."""
    if not path.is_file():
        return b''
    return path.read_bytes().rpartition(b'\n')[0] + b'\n'
