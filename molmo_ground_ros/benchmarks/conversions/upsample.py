# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pointing records with many points more than once.

The article: counts of 0 to 5 dominate, so "medium and high count examples are upsampled during
training". The reference repeats records (molmo2 f3cb108, olmo/data/molmo2_datasets.py:942-951); so
does this, in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Record = dict[str, Any]

# Points of a record, up to and including, and how often it is there.
BINS = ((5, 1), (25, 2))
MOST = 4  # with more points


def repeats(count: int) -> int:
    """How often a record of so many points is there."""
    return next((times for most, times in BINS if count <= most), MOST)


def upsampled(records: Iterable[Record]) -> Iterator[Record]:
    """Each record as often as its points ask for, one after the other, in the order given.

    The column `repeat`, from 1, tells them apart: a file may not hold a row twice.
    """
    for record in records:
        for number in range(1, repeats(record['count']) + 1):
            yield record | {'repeat': number}
