# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Repeats pointing records that have many points.

The article: counts of 0 to 5 dominate, so "medium and high count examples are upsampled during
training". The reference repeats such records while it loads them (molmo2 f3cb108,
olmo/data/molmo2_datasets.py:942-951). Here they are repeated in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Record = dict[str, Any]

# (largest number of points, how often such a record is written), in ascending order.
BINS = ((5, 1), (25, 2))
# How often a record with more points is written.
MOST = 4


def repeats(count: int) -> int:
    """How often a record with so many points is written."""
    return next((times for most, times in BINS if count <= most), MOST)


def upsampled(records: Iterable[Record]) -> Iterator[Record]:
    """Each record as often as `repeats` says, one copy after the other, in the order of `records`.

    The column `repeat`, from 1, tells the copies apart: a file may not hold the same row twice.
    """
    for record in records:
        for number in range(1, repeats(record['count']) + 1):
            yield record | {'repeat': number}
