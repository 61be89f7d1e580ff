# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which tokens may follow: a patch, then a subpatch, then a location, in ascending order.

Restated from molmo2 f3cb108, olmo/hf_model/modeling_molmo_point.py:553-674, the logits processor
that the model's authors recommend. Knows token ids, no model.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from molmo_ground_ros.backends.molmo_point.point_config import LOCATIONS


@dataclass(frozen=True, slots=True)
class GroundingBounds:
    """What the grounding tokens of one clip mean: its patches, "no more", subpatches, locations.

    first: the id of the first patch. patches: tokens of the video. subpatches: of one patch.
    """

    first: int
    patches: int
    subpatches: int

    @property
    def no_more(self) -> int:
        """The id of "no more points", which is selected in place of a patch."""
        return self.first + self.patches

    @property
    def first_subpatch(self) -> int:
        """The id of the first subpatch."""
        return self.no_more + 1

    @property
    def first_location(self) -> int:
        """The id of the first location."""
        return self.first_subpatch + self.subpatches

    def is_patch(self, token: int) -> bool:
        """Whether an id is that of a patch, or of "no more"."""
        return self.first <= token <= self.no_more

    def is_subpatch(self, token: int) -> bool:
        """Whether an id is that of a subpatch."""
        return self.first_subpatch <= token < self.first_location

    def is_location(self, token: int) -> bool:
        """Whether an id is that of a location."""
        return self.first_location <= token < self.first_location + LOCATIONS


class Turn(enum.Enum):
    """What kind of token comes next."""

    TEXT = 'text, and no patch'
    TEXT_OR_PATCH = 'text or a patch'
    SUBPATCH = 'a subpatch'
    LOCATION = 'a location'


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may come next. least: the first patch or subpatch, counted from 0, that may."""

    turn: Turn
    least: int = 0


def next_allowed(
    grounding: Sequence[tuple[int, int]], length: int, bounds: GroundingBounds
) -> Allowed:
    """What may follow `length` tokens.

    grounding: the (place, id) of every grounding token among them, in order.
    parity: a point counts as complete once two tokens follow its patch, and two its subpatch.
    """
    if any(token == bounds.no_more for _, token in grounding):
        return Allowed(Turn.TEXT)
    last = grounding[-1][1] if grounding and grounding[-1][0] == length - 1 else -1
    if bounds.is_subpatch(last):
        return Allowed(Turn.LOCATION)
    complete = [token for place, token in grounding if place < length - 2]
    patch = next((token for token in reversed(complete) if bounds.is_patch(token)), None)
    subpatch = next((token for token in reversed(complete) if bounds.is_subpatch(token)), None)
    if bounds.is_patch(last):
        again = patch == last and subpatch is not None
        return Allowed(Turn.SUBPATCH, (subpatch or 0) - bounds.first_subpatch + 1 if again else 0)
    if patch is None:
        return Allowed(Turn.TEXT_OR_PATCH)
    # After its last subpatch, a patch has none left that comes later.
    spent = subpatch == bounds.first_location - 1
    return Allowed(Turn.TEXT_OR_PATCH, patch - bounds.first + spent)
