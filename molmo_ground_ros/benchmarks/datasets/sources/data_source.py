# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One source of annotated videos: where its authors put frames, truth and words.

A source is a row of `table.SOURCES`. Its layout is one of eight, which read the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo
from molmo_ground_ros.errors import BadRecord

Videos = Iterator[AnnotatedVideo | BadRecord]

COPY = 'a synthetic copy (make sources)'


class Layout(Protocol):
    """How frames, truth and words lie in a folder."""

    @property
    def fps(self) -> float | None:
        """Frames a second; None where the data says it for each video."""
        ...

    def videos(self, path: Path) -> Videos:
        """Every video of a folder. What cannot be used is yielded as a BadRecord in its place.

        Raises BadSetting if the folder holds none of the layout's files.
        """
        ...


@dataclass(frozen=True, slots=True)
class DataSource:
    """One row of the table of sources."""

    name: str  # of --format
    layout: Layout
    gives: Literal['masks', 'boxes']
    words: str  # where the words for the objects are
    absence: str  # how hidden objects and crowds are marked, and what becomes of them
    called: str  # what an object is called
    licence: str  # of the annotations, as their authors state it
    documented: str  # where the layout is documented
    compared: str  # what the layout was compared with on 2026-11-27, besides a synthetic copy
    # Patterns of files that one folder of the data holds, all of them; `a|b` is either.
    signs: tuple[str, ...]
    # Patterns that this folder does not hold: they are another source's.
    never: tuple[str, ...] = ()

    @property
    def checked(self) -> str:
        """What the layout was checked against."""
        return f'{self.compared}; {COPY}'

    @property
    def rate(self) -> str:
        """The frames a second, as text."""
        return 'in the data' if self.layout.fps is None else f'{self.layout.fps:g}'
