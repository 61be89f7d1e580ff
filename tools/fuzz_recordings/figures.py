# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The sums over the cases that were read, as they are kept between runs and printed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from molmo_ground_ros.storage.atomic import write_atomically
from tools.fuzz_recordings.bags import PICTURES


@dataclass
class Figures:
    """What was read so far."""

    next_case: int
    cases: dict[str, int] = field(default_factory=dict)  # by sample, as the next two
    pictures: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    losses: dict[str, int] = field(default_factory=dict)  # cases with such a loss, by its kind
    slowest_s: float = 0.0
    slowest_case: int = -1
    peak_kib: int = 0
    bad: list[str] = field(default_factory=list)

    def add(self, case: Mapping[str, Any]) -> None:
        """Add a case by what `child` says of it."""
        sample = case['sample']
        for sums, value in (
            (self.cases, 1),
            (self.pictures, case['pictures']),
            (self.refused, int(case['error'])),
        ):
            sums[sample] = sums.get(sample, 0) + value
        self.losses = dict(Counter(self.losses) + Counter(case['losses']))
        if case['seconds'] > self.slowest_s:
            self.slowest_s, self.slowest_case = case['seconds'], case['case']
        self.peak_kib = max(self.peak_kib, case['peak_kib'])
        self.next_case = case['case'] + 1
        if case['bad']:
            damages = ', '.join(case['damages'])
            self.bad.append(f'case {case["case"]} ({sample}, {damages}): {case["bad"]}')

    def lines(self) -> Iterator[str]:
        """The figures for a person."""
        yield f'{sum(self.cases.values())} cases read, {len(self.bad)} bad'
        yield f'slowest: {self.slowest_s:.2f} s of processor time (case {self.slowest_case})'
        yield f'peak memory of a process: {self.peak_kib / 1024:.0f} MiB'
        for name, count in self.cases.items():
            share = self.pictures[name] / (PICTURES * count)
            refused = self.refused[name]
            yield f'{name}: {count} cases, {share:.0%} of pictures found, {refused} refused'
        counts = Counter(self.losses).most_common()
        yield 'told: ' + ', '.join(f'{kind} {count}' for kind, count in counts)
        yield from self.bad

    def save(self, path: Path) -> None:
        """Write the figures, whole or not at all."""
        write_atomically(path, json.dumps(asdict(self)).encode())


def load(path: Path | None, first: int) -> Figures:
    """The figures of an earlier run, or new ones that begin with case `first`."""
    if path is None or not path.exists():
        return Figures(first)
    return Figures(**json.loads(path.read_text()))
