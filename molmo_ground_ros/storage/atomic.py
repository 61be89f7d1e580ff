# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The one way in which this package replaces a file: completely, or not at all.

The content goes to a file beside the target, which is renamed over the target at the end.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

SUFFIX = '.partial'  # of a file that is not complete yet

# How many bytes are handed to the operating system at once.
_CHUNK = 2**24


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; at the end of the block it is renamed to `path`.

    If the block raises, the unfinished file is deleted and an older `path` stays as it was. After a
    loss of power there is the old file or the complete new one. The name is random, so several
    writers of the same file do not meet. Raises OSError.
    """
    unfinished = path.with_name(f'{path.name}.{secrets.token_hex(4)}{SUFFIX}')
    try:
        yield unfinished
        # A full disk may be reported only when the data is forced out.
        _sync(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    # The file is in place: a network file system that cannot sync a folder is no error.
    with contextlib.suppress(OSError):
        _sync(path.absolute().parent)


def write_atomically(path: Path, *data: bytes | memoryview) -> None:
    """Write all of `data` to `path` through `atomic_file`; the folder is made. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as unfinished, unfinished.open('wb') as file:
        for block in data:
            for start in range(0, len(block), _CHUNK):
                file.write(block[start : start + _CHUNK])


def delete_unfinished(folder: Path) -> None:
    """Delete what writers that were killed left in a folder. Only while nobody writes there."""
    for path in folder.glob(f'*{SUFFIX}'):
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Force a file or a folder to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
