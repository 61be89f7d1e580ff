# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Marks events and objects with what could not be decided about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from molmo_ground_ros.grounding.stitch.assign import Matching
from molmo_ground_ros.grounding.stitch.finding import Mark
from molmo_ground_ros.grounding.stitch.json_values import integer


class Merged:
    """An event or an object, as it grows from window to window.

    number: 0 until it is numbered, which `RunningStitcher` does once, and `Stitcher` at every
    result anew.
    """

    def __init__(self, number: int = 0) -> None:
        self.marks: set[Mark] = set()
        self.may_be: list[Merged] = []
        self.number = number

    def may_be_numbers(self) -> tuple[int, ...]:
        """Ascending numbers of those that it may be; those without a number are left out."""
        return tuple(sorted({other.number for other in self.may_be if other.number}))

    def doubts_state(self) -> dict[str, Any]:
        """Its number, marks and `may_be` as JSON; `restore_doubts` reads them."""
        return {
            'number': self.number,
            'marks': sorted(self.marks),
            'may_be': self.may_be_numbers(),
        }

    def restore_doubts(self, state: Mapping[str, Any]) -> None:
        """Take what `doubts_state` gave. Raises ValueError, TypeError or LookupError."""
        self.number = integer(state['number'])
        self.marks = {Mark(name) for name in state['marks']}
        self.may_be = [Merged(integer(number)) for number in state['may_be']]


def note(matching: Matching, old: Sequence[Merged], new: Sequence[Merged]) -> int:
    """Mark what the matching leaves undecided; returns how many decisions those are.

    old, new: the items that were matched. In place of the new item of a pair stands its old one.
    """
    for i in matching.apart:
        old[i].marks.add(Mark.MAY_BE_TWO)
    paired_old = {i for i, _ in matching.pairs}
    paired_new = {j for _, j in matching.pairs}
    for i, j in sorted(matching.alternatives):
        if i not in paired_old and j not in paired_new:
            new[j].marks.add(Mark.MAY_BE_SAME)
            new[j].may_be.append(old[i])
            continue
        for item, other in ((old[i], new[j]), (new[j], old[i])):
            item.marks.add(Mark.WHICH)
            item.may_be.append(other)
    return len(matching.apart) + len(matching.alternatives)
