# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A data set to evaluate on: read as often as it takes, an example at a time."""

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
    """Where it lies, and how much of it is asked for."""

    format: str
    folder: str
    limit: int = 0  # examples, from the first on; 0: all
    ignored: frozenset[Path] = frozenset()  # files that may lie there and are no data, resolved

    def __post_init__(self) -> None:
        """Refuse a limit below 0."""
        if self.limit < 0:
            raise BadSetting('limit', self.limit, 'is below 0')

    @property
    def name(self) -> str:
        """The format's own name, of datasets.FORMATS. Raises BadSetting."""
        return format_name(self.format, datasets.FORMATS)

    def examples(self, on_bad: OnBad = lambda _: None) -> Iterator[Example]:
        """The examples in their order; what cannot be used goes to `on_bad`, which may raise it.

        Raises as `datasets.read` does.
        """
        left = self.limit or -1
        for found in datasets.read(self.format, self.folder):
            if isinstance(found, BadRecord):
                if Path(found.file).resolve() not in self.ignored:
                    on_bad(found)
                continue
            yield found
            left -= 1
            if not left:
                return
