# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The data set of an evaluation, read as often as needed, one example at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.benchmarks import datasets
from molmo_ground_ros.benchmarks.datasets.examples import Example
from molmo_ground_ros.benchmarks.datasets.registry import format_name
from molmo_ground_ros.errors import BadRecord, BadSetting

OnBad = Callable[[BadRecord], None]


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """The folder and format of a data set, and how much of it is used."""

    format: str
    folder: str
    limit: int = 0  # the number of examples, from the first on; 0 means all
    ignored: frozenset[Path] = frozenset()  # files in the folder that are no data, resolved
    videos: frozenset[str] = frozenset()  # the only ones that are used; empty: all
    in_boxes: bool = False  # a point in the box of an object is right, if it has no masks

    def __post_init__(self) -> None:
        """Raise BadSetting for a limit below 0."""
        if self.limit < 0:
            raise BadSetting('limit', self.limit, 'is below 0')

    @property
    def name(self) -> str:
        """The format's own name, one of datasets.FORMATS. Raises BadSetting."""
        return format_name(self.format, datasets.FORMATS)

    def examples(self, on_bad: OnBad = lambda _: None) -> Iterator[Example]:
        """The examples in their order. on_bad: called with each record that cannot be used.

        Raises as `datasets.read` and `on_bad` do.
        """
        remaining = self.limit or -1
        for example in datasets.read(self.format, self.folder, in_boxes=self.in_boxes):
            if isinstance(example, BadRecord):
                if Path(example.file).resolve() not in self.ignored:
                    on_bad(example)
                continue
            if self.videos and example.media.name not in self.videos:
                continue
            yield example
            remaining -= 1
            if not remaining:
                return
