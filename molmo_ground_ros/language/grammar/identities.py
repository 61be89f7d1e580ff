# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ids that tell the objects of a whole answer apart. In the text they do so inside a block only."""

from __future__ import annotations

from molmo_ground_ros.language.grammar.parsed import Block


class AnswerIds:
    """Gives the ids of one answer's blocks, in the order of the blocks."""

    def __init__(self) -> None:
        # The lowest id that no block has had yet.
        self._next = 1

    def of_block(self, block: Block) -> dict[int, int]:
        """Map each id that the block writes to one that no earlier block has.

        Ids stay as they are if all are above those of earlier blocks. Otherwise the block's ids, in
        ascending order, get the next ones that are free.
        """
        ids = sorted({point.id for point in block.points})
        if not ids:
            return {}
        free = range(self._next, self._next + len(ids))
        new = ids if ids[0] >= self._next else free
        self._next = new[-1] + 1
        return dict(zip(ids, new, strict=True))
