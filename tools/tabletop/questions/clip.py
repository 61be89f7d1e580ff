# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is true of a clip: some frames of an episode, and what happens between them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.tabletop.truth import CLEARLY, COLOURS, KINDS, NOTHING, SIZES, Truth

DOUBTFUL = 0.1  # share seen of a thing from which on it cannot be said not to be there
THE_GRIPPER = -2  # in place of a thing's index


@dataclass(frozen=True)
class Spot:
    """A point of an answer. x, y: shares of the picture."""

    frame: int
    thing: int
    x: float
    y: float


@dataclass(frozen=True)
class Happening:
    """An event of the clip: frame is the first one at or after its moment."""

    kind: str
    thing: int
    other: int
    moment_s: float  # from the clip's first frame
    spot: Spot | None  # None if the thing is hidden then


class Clip:
    """F frames of an episode, its times re-zeroed."""

    def __init__(self, truth: Truth, rows: NDArray[np.intp]) -> None:
        """rows: (F,) ascending numbers of the truth's frames."""
        self.truth, self.rows = truth, rows
        self.times = (truth.time_s[rows] - truth.time_s[rows[0]]).astype(np.float64)
        self.labels = tuple(f'{max(time_s, 0.0):.1f}' for time_s in self.times)
        self.frames = len(rows)
        self.things = len(truth.things)
        self.visible: NDArray[np.float32] = truth.visible[rows]  # (F, N)
        self.point: NDArray[np.float32] = truth.point[rows]  # (F, N, 2)
        self.clear = (self.visible >= CLEARLY) & ~np.isnan(self.point[..., 0])
        self.colour, self.kind = truth.colour[rows], truth.kind[rows]  # (F, N) as they look
        self.held = truth.held[rows]
        self.gripper: NDArray[np.float32] = truth.gripper_point[rows]

    @cached_property
    def sizes(self) -> list[int]:
        """Each thing's place in SIZES."""
        return [SIZES.index(thing.size) for thing in self.truth.things]

    @cached_property
    def happenings(self) -> tuple[Happening, ...]:
        """What happens after the first frame and not after the last, in order of time."""
        start = float(self.truth.time_s[self.rows[0]])
        events = [
            (event, event.moment_s - start)
            for event in self.truth.events
            if 1e-6 < event.moment_s - start <= self.times[-1] + 1e-6
        ]
        return tuple(
            Happening(event.kind, event.thing, event.other, moment, self._spot(event.thing, moment))
            for event, moment in events
        )

    def _spot(self, thing: int, moment_s: float) -> Spot | None:
        """Where a thing is at a moment: in the first frame from then on, else in the one before."""
        frame = min(int(np.searchsorted(self.times, moment_s - 1e-6)), self.frames - 1)
        if thing == NOTHING:
            return self._gripper_spot(frame)
        for seen in (frame, frame - 1):
            if seen >= 0 and not np.isnan(self.point[seen, thing, 0]):
                x, y = (float(v) for v in self.point[seen, thing])
                return Spot(frame, thing, x, y)
        return self._gripper_spot(frame) if self.held[frame] == thing else None

    def _gripper_spot(self, frame: int) -> Spot | None:
        x, y = (float(v) for v in self.gripper[frame])
        return None if np.isnan(x) else Spot(frame, THE_GRIPPER, x, y)

    def spot(self, thing: int, frame: int) -> Spot | None:
        """A thing in a frame, or None if it is hidden there."""
        if thing == THE_GRIPPER:
            return self._gripper_spot(frame)
        x, y = (float(v) for v in self.point[frame, thing])
        return None if np.isnan(x) else Spot(frame, thing, x, y)

    def gripper_first(self) -> Spot | None:
        """The gripper in the first frame that shows it."""
        frames = np.flatnonzero(~np.isnan(self.gripper[:, 0]))
        return self._gripper_spot(int(frames[0])) if len(frames) else None


@dataclass(frozen=True)
class Spec:
    """Words that things may answer to. kind: of KINDS, 'animal' or 'object'; '' is any."""

    kind: str = 'object'
    colour: str = ''
    size: str = ''

    def matches(self, clip: Clip) -> NDArray[np.bool_]:
        """(F, N) the thing looks like this in this frame, whether or not it is seen."""
        fits = np.ones((clip.frames, clip.things), bool)
        if self.kind == 'animal':
            fits &= np.isin(clip.kind, [KINDS.index('duck'), KINDS.index('dog')])
        elif self.kind != 'object':
            fits &= clip.kind == KINDS.index(self.kind)
        if self.colour:
            fits &= clip.colour == COLOURS.index(self.colour)
        if self.size:
            fits &= np.array(clip.sizes)[None] == SIZES.index(self.size)
        return fits

    def clear(self, clip: Clip) -> list[int] | None:
        """The things that clearly look like this somewhere; None if that cannot be said."""
        fits = self.matches(clip)
        sure = (fits & clip.clear).any(0)
        perhaps = (fits & (clip.visible >= DOUBTFUL)).any(0)
        if (perhaps & ~sure).any():
            return None
        return [int(n) for n in np.flatnonzero(sure)]

    def firsts(self, clip: Clip) -> tuple[Spot, ...] | None:
        """Each such thing where it is first clearly seen; None if that cannot be said."""
        things = self.clear(clip)
        if things is None:
            return None
        fits = self.matches(clip) & clip.clear
        spots = [clip.spot(n, int(np.argmax(fits[:, n]))) for n in things]
        return tuple(spot for spot in spots if spot is not None)
