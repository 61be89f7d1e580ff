# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The files of a source in their order, about a hundred bytes each: a Path takes ten times that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path


class PathList:
    """Different paths below a folder, in the order of their parts. Made anew for each iteration."""

    def __init__(self, folder: Path, paths: Iterable[Path]) -> None:
        """folder: above all the paths."""
        self._folder = folder
        texts = {path.relative_to(folder).as_posix() for path in paths}
        # A folder's files stand together: 'a/b' before 'a-b'.
        self._texts = sorted(texts, key=lambda text: text.replace('/', '\0'))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._texts)

    def __iter__(self) -> Iterator[Path]:
        """Each path."""
        return (self._folder / text for text in self._texts)


def found_below(folder: Path, patterns: Iterable[str]) -> PathList:
    """What the patterns find below a folder."""
    return PathList(folder, (path for pattern in patterns for path in folder.glob(pattern)))
