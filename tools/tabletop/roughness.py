# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Codes of the truth as an imperfect vision tower would give them.

The figures are from what the tower of step 15,800 said of 38 unseen episodes (2026-11-27). It
doubts a thing's kind all through a clip (the error of one frame and that of the next correlate by
0.86) and was right about 0.71 of them. Where the code says 2 of what is held, it said 0.94 with a
deviation of 0.52, and of what is not held 0.07, in one of a hundred cases above 1.13. Places were
off by 0.006 in the median, by 0.037 in one of twenty cases, and by 0.37, which is another thing's
place, in one of a hundred. That last kind of error is not imitated.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.tabletop import slots
from tools.tabletop.slots import PLACE, SLOTS, Slots
from tools.tabletop.truth import KINDS

Codes = NDArray[np.float32]


@dataclass(frozen=True)
class Roughness:
    """How far codes are off. Chances are for a token, and hold for the whole clip."""

    place: float = 0.006  # of the picture, one standard deviation
    far: float = 0.1  # chance that places are off by so much more:
    far_place: float = 0.02
    noise: float = 0.12  # on every dimension, in every frame
    doubted: float = 0.6  # chance that a thing's kind is doubted
    doubt: float = 0.9  # at most this share of it says another kind
    state: tuple[float, float] = (0.1, 0.85)  # what is said of a state, as a share of the truth
    false_state: float = 0.04  # chance that a state is said which is not there
    lost: float = 0.01  # chance that a frame's token shows nothing

    def apply(self, code: Codes, found: Slots, rng: np.random.Generator) -> Codes:
        """A code (F, 16, CODE) as an imperfect tower would give it; `code` is changed."""
        seen = found.seen[..., None]
        far = rng.random(SLOTS) < self.far
        spread = np.where(far, self.far_place, self.place)[None, :, None]
        moved = found.point + spread * rng.normal(size=found.point.shape)
        for axis, name in enumerate('xy'):
            code[..., PLACE[name]] = seen * slots.waves(moved[..., axis])
        self._doubt_kinds(code[..., PLACE['kind']], seen, rng)
        self._weaken_states(code[..., PLACE['state']], seen, rng)
        lost = (rng.random(found.thing.shape) < self.lost)[..., None]
        kept = code[..., PLACE['slot']].copy()
        code = np.where(lost, 0.0, code)
        code[..., PLACE['slot']] = kept
        return (code + rng.normal(0, self.noise, code.shape)).astype(np.float32)

    def _doubt_kinds(self, kinds: Codes, seen: NDArray[np.bool_], rng: np.random.Generator) -> None:
        other = rng.integers(len(KINDS), size=SLOTS)[:, None] == np.arange(len(KINDS))
        doubted = rng.random(SLOTS) < self.doubted
        doubt = np.where(doubted, rng.uniform(0, self.doubt, SLOTS), 0.0)[:, None]
        kinds[:] = (1 - doubt) * kinds + 2.0 * doubt * other * seen

    def _weaken_states(
        self, states: Codes, seen: NDArray[np.bool_], rng: np.random.Generator
    ) -> None:
        shape = (SLOTS, states.shape[-1])
        said = rng.uniform(*self.state, shape)
        false = (rng.random(shape) < self.false_state) * rng.uniform(0.1, 0.8, shape)
        states[:] = np.where(states > 0, said * states, 2.0 * false * seen)
