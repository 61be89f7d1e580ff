# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is merged, with what could not be decided about it."""

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
    """Mark what the matching leaves undecided; returns how many decisions that are.

    old, new: what the costs were of. The new of a pair is its old by now.
    """
    for i in matching.apart:
        old[i].marks.add(Mark.MAY_BE_TWO)
    paired_old = {i for i, _ in matching.pairs}
    paired_new = {j for _, j in matching.pairs}
    for i, j in sorted(matching.instead):
        if i not in paired_old and j not in paired_new:
            new[j].marks.add(Mark.MAY_BE_SAME)
            new[j].may_be.append(old[i])
            continue
        for one, other in ((old[i], new[j]), (new[j], old[i])):
            one.marks.add(Mark.WHICH)
            one.may_be.append(other)
    return len(matching.apart) + len(matching.instead)
