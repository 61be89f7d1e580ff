# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What each visual token of a frame is about, and the code that it is trained towards.

Token 2 c + r of a frame carries the r-th seen thing from the left that looks of colour c, whatever
cell of the picture it pools. So the language model finds a thing by its token, and compares it with
the tokens of its colour in the frame before. (An order by kind, which does not change when two
things pass each other, cannot be learned by a tower that does not know the kinds for sure: of pairs
of two kinds it gave the place of the wrong one in 0.41 of cases.) The code is a fixed function of
the truth: the language model can be trained on codes while vision is still learning them, and
vision can get better later without the language model noticing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.tabletop.network import TOKENS, WIDTH
from tools.tabletop.truth import (
    ABSENT,
    CLEARLY,
    COLOURS,
    FALLING,
    GRIPPER,
    KINDS,
    SIZES,
    TABLE,
    Truth,
)

SLOTS = TOKENS
RANKS = SLOTS // len(COLOURS)
SEEN = 0.05  # share of a thing that must be seen for it to have a token
OCTAVES = 2.0 ** np.arange(6)  # waves of a coordinate: 1/2, 1, ... 16 turns across the picture
SUPPORTS = (TABLE, GRIPPER, FALLING)  # then one for each colour of the thing it stands on
_PARTS = {
    'seen': 2,
    'visible': 1,
    'kind': len(KINDS),
    'size': len(SIZES),
    'x': 2 * len(OCTAVES),
    'y': 2 * len(OCTAVES),
    'state': 3,
    'support': len(SUPPORTS) + len(COLOURS),
    'grip_x': 2 * len(OCTAVES),
    'grip_y': 2 * len(OCTAVES),
    'grip': 2,
    'slot': len(COLOURS) + RANKS,
}
_ENDS = np.cumsum(list(_PARTS.values()))
CODE = int(_ENDS[-1])  # dimensions in use; the rest of WIDTH are 0
PLACE = {
    name: slice(int(end) - size, int(end))
    for (name, size), end in zip(_PARTS.items(), _ENDS, strict=True)
}
if CODE > WIDTH:
    raise ValueError(f'the code has {CODE} dimensions, a token {WIDTH}')


@dataclass(frozen=True)
class Slots:
    """F frames. Where a token has no thing, thing is -1 and every other field 0."""

    thing: NDArray[np.int64]  # (F, 16)
    visible: NDArray[np.float32]  # (F, 16)
    kind: NDArray[np.int64]  # (F, 16)
    size: NDArray[np.int64]  # (F, 16)
    point: NDArray[np.float32]  # (F, 16, 2)
    state: NDArray[np.float32]  # (F, 16, 3) held, lifted, lies on its side
    support: NDArray[np.int64]  # (F, 16) index into SUPPORTS, then colours
    grip: NDArray[np.float32]  # (F, 4) x, y, seen, opening in decimetres

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(F, 16) the token has a thing."""
        return self.thing >= 0


def slots_of(truth: Truth, rows: NDArray[np.intp]) -> Slots:
    """The tokens of some of a truth's frames."""
    point, grip = truth.point[rows], truth.gripper_point[rows]
    thing = _things(truth, rows, point)
    there, at = thing >= 0, np.maximum(thing, 0)
    frame = np.arange(len(rows))[:, None]

    def pick(values: NDArray[np.generic]) -> NDArray[np.generic]:
        chosen = values[frame, at]
        return np.where(there.reshape(there.shape + (1,) * (chosen.ndim - 2)), chosen, 0)

    sizes = np.array([SIZES.index(thing.size) for thing in truth.things])
    held, lifted = (values[rows][:, None] == thing for values in (truth.held, truth.lifted))
    lies = ~truth.upright[rows][frame, at]
    seen = ~np.isnan(grip[:, 0])
    form = np.stack([seen, truth.gripper_opening_m[rows] * 10.0], 1)
    return Slots(
        thing,
        pick(truth.visible[rows]).astype(np.float32),
        pick(truth.kind[rows]).astype(np.int64),
        np.where(there, sizes[at], 0),
        pick(point).astype(np.float32),
        (np.stack([held, lifted, lies], -1) & there[..., None]).astype(np.float32),
        np.where(there, _supports(truth, rows)[frame, at], 0),
        np.concatenate([np.nan_to_num(grip), form], 1).astype(np.float32),
    )


def _things(truth: Truth, rows: NDArray[np.intp], point: NDArray[np.float32]) -> NDArray[np.int64]:
    """(F, 16) index of each token's thing, or -1."""
    shown = (truth.visible[rows] >= SEEN) & ~np.isnan(point[..., 0])
    colour = truth.colour[rows]
    found = np.full((len(rows), SLOTS), -1, np.int64)
    for f in range(len(rows)):
        free = np.zeros(len(COLOURS), int)
        order = np.argsort(point[f, :, 0], kind='stable')
        for n in order[shown[f, order]]:
            c = int(colour[f, n])
            if free[c] < RANKS:
                found[f, RANKS * c + free[c]] = n
                free[c] += 1
    return found


def _supports(truth: Truth, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """(F, N) index into SUPPORTS, or len(SUPPORTS) + the colour of what the thing stands on."""
    under = truth.supported_by[rows].astype(np.int64)
    colour = np.take_along_axis(truth.colour[rows], np.maximum(under, 0), 1)
    result = np.where(under >= 0, len(SUPPORTS) + colour.astype(np.int64), 0)
    for number, value in enumerate(SUPPORTS):
        result[under == value] = number
    result[under == ABSENT] = 0
    return result


def waves(share: NDArray[np.floating]) -> NDArray[np.float32]:
    """(...,) in [0, 1] -> (..., 12) sines and cosines, so that near values are alike."""
    angle = np.pi * share[..., None] * OCTAVES
    return np.concatenate([np.sin(angle), np.cos(angle)], -1).astype(np.float32)


def code(slots: Slots) -> NDArray[np.float32]:
    """(F, 16, CODE): what a token says of its thing and of the gripper."""
    frames = len(slots.thing)
    seen = slots.seen[..., None]
    out = np.zeros((frames, SLOTS, CODE), np.float32)
    out[..., PLACE['seen']] = 2.0 * np.stack([slots.seen, slots.visible >= CLEARLY], -1)
    out[..., PLACE['visible']] = slots.visible[..., None]
    for name, values in (('kind', slots.kind), ('size', slots.size), ('support', slots.support)):
        span = PLACE[name]
        out[..., span] = 2.0 * seen * (values[..., None] == np.arange(span.stop - span.start))
    for axis, name in enumerate('xy'):
        out[..., PLACE[name]] = seen * waves(slots.point[..., axis])
        grip = waves(slots.grip[:, axis]) * slots.grip[:, 2:3]
        out[..., PLACE['grip_' + name]] = grip[:, None]
    out[..., PLACE['state']] = 2.0 * slots.state
    out[..., PLACE['grip']] = slots.grip[:, None, 2:]
    colour, rank = np.divmod(np.arange(SLOTS), RANKS)
    names = [colour[:, None] == np.arange(len(COLOURS)), rank[:, None] == np.arange(RANKS)]
    out[..., PLACE['slot']] = 2.0 * np.concatenate(names, 1)
    return out


_TABLE = np.linspace(0.0, 1.0, 1001)


def coordinates(parts: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 12) waves, as `waves` gives them but noisy, to shares of the picture."""
    places: NDArray[np.float64] = _TABLE[(parts @ waves(_TABLE).T).argmax(-1)]
    return places


def clear(slots: Slots) -> NDArray[np.bool_]:
    """(F, 16) clearly seen."""
    return slots.visible >= CLEARLY
