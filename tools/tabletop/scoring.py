# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers about a simulated clip against its truth. Points are (frame, x, y) in pixels of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.tabletop.footage import Footage
from tools.tabletop.questions import ANY

TOLERANCE_S = 0.5
Spot = tuple[int, float, float]  # frame number, x, y


@dataclass(frozen=True)
class Tally:
    """Right predictions, all predictions, all that there was to find."""

    hits: int
    said: int
    real: int

    def __add__(self, other: 'Tally') -> 'Tally':
        """Sum over questions."""
        return Tally(self.hits + other.hits, self.said + other.said, self.real + other.real)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where there was nothing and nothing was said."""
        return 2 * self.hits / (self.said + self.real) if self.said + self.real else 1.0


def label_at(footage: Footage, spot: Spot) -> int:
    """What the pixel shows: a colour's number, or more for the gripper and the table."""
    frame, x, y = spot
    height, width = footage.masks.shape[1:]
    column, row = int(np.clip(x, 0, width - 1)), int(np.clip(y, 0, height - 1))
    return int(footage.masks[frame, row, column])


def score_points(footage: Footage, colour: int, spots: Sequence[Spot]) -> Tally:
    """One point per block that is clearly visible somewhere; each block is hit at most once."""
    real = {c for c in np.flatnonzero(footage.clear.any(0)) if colour in (ANY, c)}
    found = {label_at(footage, spot) for spot in spots} & real
    return Tally(len(found), len(spots), len(real))


def score_track(footage: Footage, colour: int, spots: Sequence[Spot]) -> Tally:
    """One point per frame. Frames where the block is barely seen are not asked for."""
    at = {spot[0]: label_at(footage, spot) == colour for spot in reversed(spots)}
    asked = np.flatnonzero(footage.clear[:, colour])
    hits = sum(at.values())
    missed = sum(not at.get(int(frame), False) for frame in asked)
    return Tally(hits, len(spots), hits + missed)


def score_grasps(footage: Footage, colour: int, spots: Sequence[Spot]) -> Tally:
    """A point is right within 0.5 s of a lift of its block and in the block's mask then."""
    real = [(time_s, c) for time_s, c in footage.grasps if colour in (ANY, c)]
    open_ = list(real)
    for spot in spots:
        label, at = label_at(footage, spot), float(footage.times[spot[0]])
        near = [(abs(t - at), t) for t, c in open_ if c == label and abs(t - at) <= TOLERANCE_S]
        if near:
            open_.remove((min(near)[1], label))
    return Tally(len(real) - len(open_), len(spots), len(real))
