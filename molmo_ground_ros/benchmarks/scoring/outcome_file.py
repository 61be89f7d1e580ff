# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the results of examples in a temporary file, so that memory does not grow with the data."""

from __future__ import annotations

import pickle
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from typing import IO

from molmo_ground_ros.benchmarks.scoring.predictions import ExampleResult


class OutcomeFile:
    """Results in their order. They are read again as often as needed; the file has no name."""

    def __init__(self, outcomes: Iterable[ExampleResult] = ()) -> None:
        """Raises OSError, e.g. if there is no room for temporary files."""
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        weakref.finalize(self, self._file.close)
        self._count = 0
        for outcome in outcomes:
            self.add(outcome)

    def __len__(self) -> int:
        """How many results there are."""
        return self._count

    def add(self, outcome: ExampleResult) -> None:
        """Append a result. Raises OSError, e.g. if the disk is full."""
        pickle.dump(outcome, self._file, pickle.HIGHEST_PROTOCOL)
        self._count += 1

    def __iter__(self) -> Iterator[ExampleResult]:
        """Each result, read from the file. Another iteration or `add` ends this one."""
        self._file.seek(0)
        for _ in range(self._count):
            outcome: ExampleResult = pickle.load(self._file)  # noqa: S301 - written by `add`
            yield outcome
        self._file.seek(0, 2)
