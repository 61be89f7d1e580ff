# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The recordings below a folder, and the files that each consists of. Opens none of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from molmo_ground_ros.recording import metadata, video

_BAGS = frozenset({'.mcap', '.db3', '.bag'})
_PACKED = '.zstd'


def recordings_below(folder: Path) -> list[Path]:
    """The recordings at or below `folder`, in order.

    A folder that holds metadata.yaml is one recording. Elsewhere each bag and each video is one.
    Hidden folders are left out, and links to folders are not followed. Raises OSError where
    `folder` cannot be listed.
    """
    if folder.is_file():
        return [folder]
    return sorted(_found(folder))


def files_of(path: Path) -> list[Path]:
    """The bags and videos that the recording at `path` consists of, in order. Raises OSError."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and is_recording(file))


def is_recording(path: Path) -> bool:
    """Whether the name is that of a bag or a video."""
    name = path.with_suffix('') if path.suffix == _PACKED else path
    return name.suffix.lower() in _BAGS | video.SUFFIXES


def _found(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        # A folder below that cannot be listed is left out; the first one is an error.
        if error.filename == str(folder):
            raise error

    for place, below, names in os.walk(folder, onerror=refuse):
        inside = Path(place)
        if metadata.NAME in names and any(is_recording(inside / name) for name in names):
            below.clear()
            yield inside
            continue
        below[:] = [name for name in below if not name.startswith('.')]
        for name in names:
            if is_recording(inside / name) and not name.startswith('.'):
                yield inside / name
