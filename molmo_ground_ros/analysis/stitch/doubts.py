# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Marks events and objects with what could not be decided about them."""

from __future__ import annotations

from collections.abc import Sequence

from molmo_ground_ros.analysis.stitch.assign import Matching
from molmo_ground_ros.analysis.stitch.finding import Mark


class Merged:
    """An event or an object, as it grows from window to window."""

    def __init__(self) -> None:
        self.marks: set[Mark] = set()
        self.may_be: list[Merged] = []


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
