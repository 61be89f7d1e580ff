# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The rows of the table, and how each side compares with the peer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.timing import Spread

PEER = 'generate'  # the column of transformers itself


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of every side that has it."""

    key: str
    title: str
    unit: str  # 'ms', 'MB', ...; '' is a plain number
    cells: Mapping[str, Spread]  # by side
    ratios: Mapping[str, float] = field(default_factory=dict)  # by side: how many times better

    def record(self) -> dict[str, Any]:
        """The row as a JSON object."""
        cells = {
            side: {'median': cell.median, 'p10': cell.low, 'p90': cell.high, 'count': cell.count}
            for side, cell in self.cells.items()
        }
        return {
            'key': self.key,
            'title': self.title,
            'unit': self.unit,
            'cells': cells,
            'ratios': dict(self.ratios),
        }


def against_peer(key: str, title: str, cells_s: Mapping[str, Spread]) -> Row:
    """A row of times, given in seconds, shown in milliseconds; how many times less ours are."""
    peer = cells_s[PEER].median
    ratios = {side: peer / cell.median for side, cell in cells_s.items() if side != PEER}
    cells = {side: cell.times(1e3) for side, cell in cells_s.items()}
    return Row(key, title, 'ms', cells, ratios)
