# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = '.partial'


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a name beside `path` to write to; it takes the place of `path` if nothing was raised.

    Else it is deleted, and an older `path` is as it was. Raises OSError.
    """
    partial = path.with_name(path.name + SUFFIX)
    try:
        yield partial
        with partial.open('rb') as file:
            os.fsync(file.fileno())  # a disk may say only now that it is full
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
