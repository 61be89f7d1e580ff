# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A scene in which something happens that cannot: a block vanishes, or is elsewhere at once."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tools.tabletop.footage import Footage
from tools.tabletop.plan import free_place
from tools.tabletop.render import OFF_STAGE
from tools.tabletop.world import COLOURS, Hold, Scene, state_at

LEAD = 2  # frames before it, and after
_JUMP_M = 0.12  # at least


@dataclass(frozen=True)
class Anomaly:
    """What is wrong: from `frame` on the block is not where it was in the frame before."""

    kind: str  # 'vanish' or 'jump'
    colour: int
    frame: int

    def shows_in(self, footage: Footage) -> bool:
        """Whether a viewer can see it: the block clearly before it, and where it jumped to."""
        before, now = footage.clear[self.frame - 1 : self.frame + 1, self.colour]
        return bool(before and (now or self.kind == 'vanish'))


def spoiled(
    scene: Scene, start: float, times: NDArray[np.float64], rng: np.random.Generator
) -> tuple[Scene, Anomaly] | None:
    """The scene with an anomaly between two frames of a clip; None where no block can have one.

    It happens to a block that nobody holds from a second before on. start, times: as `film_scene`.
    """
    if len(times) < 2 * LEAD + 1:
        return None
    frame = int(rng.integers(LEAD, len(times) - LEAD + 1))
    at = start + float(times[frame - 1] + times[frame]) / 2
    end = start + float(times[-1])
    busy = {hold.block for hold in scene.holds if hold.release_s > at - 1.0 and hold.close_s < end}
    idle = [index for index in range(len(scene.blocks)) if index not in busy]
    if not idle:
        return None
    index = int(rng.choice(idle))
    kind = str(rng.choice(('vanish', 'jump')))
    place = OFF_STAGE if kind == 'vanish' else _elsewhere(scene, index, at, end, rng)
    if place is None:
        return None
    # A hold that is over already: its block is where it was put. It lifted nothing.
    moved = Hold(index, at, -1.0, at, at, np.zeros(3), np.array(place))
    holds = sorted([*scene.holds, moved], key=lambda hold: hold.close_s)
    colour = COLOURS.index(scene.blocks[index].colour)
    return replace(scene, holds=tuple(holds)), Anomaly(kind, colour, frame)


def _elsewhere(
    scene: Scene, index: int, at: float, end: float, rng: np.random.Generator
) -> tuple[float, float, float] | None:
    """A free spot on the table, away from where the block is; None if there is none."""
    others = [k for k in range(len(scene.blocks)) if k != index]
    blocks, spots = [], []
    for time_s in (at, end):  # what is put down in between stands in the way, too
        centres = state_at(scene, time_s).blocks
        blocks += [scene.blocks[k] for k in others]
        spots += [centres[k] for k in others]
    size = scene.blocks[index].size_m
    found = free_place(rng, scene.camera, blocks, spots, size, 0.0)
    was = state_at(scene, at).blocks[index]
    if found is None or np.hypot(found[0] - was[0], found[1] - was[1]) < _JUMP_M:
        return None
    return found[0], found[1], size / 2
