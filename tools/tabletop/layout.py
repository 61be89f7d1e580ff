# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How an episode begins: its cameras, its things and where they can stand."""

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.tabletop.shapes import WIDTH_M, half_extents
from tools.tabletop.truth import COLOURS, KINDS, SIZES
from tools.tabletop.world import RGB, Camera, Floats, Item, Wave

GAP_M = 0.04  # between things, so that a finger fits
MARGIN = 0.07  # things stay this share of the first picture away from its edge
LIFT_M = 0.12  # they are in the picture at this height, too
KIND_SHARES = (0.26, 0.15, 0.15, 0.13, 0.11, 0.10, 0.10)  # of KINDS
TWIN = 0.38  # chance that a thing is of another's kind and colour
ALIKE = 2  # things of one colour at most: the model's frames have that many tokens for a colour
_HUES = {'red': 0.0, 'green': 0.36, 'blue': 0.61, 'yellow': 0.155, 'purple': 0.79, 'orange': 0.072}


def cameras(rng: np.random.Generator) -> tuple[Camera, Camera]:
    """Two views; a hand holds the first in two episodes of five, the second in one."""
    first = _camera(rng, float(rng.uniform(-0.35, 0.35)), rng.random() < 0.4)
    turn = float(rng.choice((-1.0, 1.0)) * rng.uniform(0.8, 2.4))
    return first, _camera(rng, turn, rng.random() < 0.2)


def _camera(rng: np.random.Generator, azimuth: float, by_hand: bool) -> Camera:
    elevation, distance = rng.uniform(0.65, 1.1), rng.uniform(0.64, 0.84)
    target = np.array([rng.uniform(-0.03, 0.03), rng.uniform(-0.03, 0.03), 0.04])
    flat = math.cos(elevation)
    back = np.array(
        [math.sin(azimuth) * flat, -math.cos(azimuth) * flat, math.sin(elevation)], np.float64
    )
    return Camera(
        focal_px=float(rng.uniform(500.0, 600.0)),
        eye=target + distance * back,
        target=target,
        roll=float(rng.uniform(-0.04, 0.04)),
        barrel=0.0 if rng.random() < 0.4 else float(rng.uniform(-0.06, 0.16)),
        waves=_waves(rng) if by_hand else (),
    )


def _waves(rng: np.random.Generator) -> tuple[Wave, ...]:
    """Three slow swings and a small tremble."""
    size = rng.uniform(0.4, 1.0)
    slow = [(0.022, 0.014, rng.uniform(0.05, 0.3)) for _ in range(3)]
    return tuple(
        Wave(
            eye_m=size * eye * rng.standard_normal(3),
            target_m=size * target * rng.standard_normal(3),
            rate_hz=float(rate),
            phase=float(rng.uniform(0.0, 2 * math.pi)),
        )
        for eye, target, rate in [*slow, (0.0015, 0.0015, rng.uniform(1.5, 2.5))]
    )


@dataclass(frozen=True)
class Spot:
    """A taken place on the table."""

    x: float
    y: float
    radius: float


def footprint(kind: str, width_m: float, upright: bool = True) -> float:
    """Radius of the circle on the table that a thing needs."""
    x, y, z = half_extents(kind, width_m)
    return float(max(x, y) if upright else max(x, y, z))


@dataclass(frozen=True)
class Sight:
    """Which places on the table the cameras see well."""

    cameras: tuple[Camera, Camera]
    moments: tuple[float, ...] = (0.0, 1.7, 4.1, 7.9, 13.0, 21.0, 33.0, 52.0)

    def sees(self, x: float, y: float, margin: float = MARGIN, lift_m: float = LIFT_M) -> bool:
        """Whether the first camera always sees it, also lifted; the second may cut it a little."""
        ends = np.array([(x, y, 0.02), (x, y, 0.02 + lift_m)])
        for camera, edge in zip(self.cameras, (margin, margin - 0.05), strict=True):
            for moment in self.moments if camera.waves else (0.0,):
                places = camera.project(ends, moment)
                if places.min() < edge or places.max() > 1 - edge:
                    return False
        return True


def free_place(
    rng: np.random.Generator, sight: Sight, taken: Sequence[Spot], radius: float, gap: float = GAP_M
) -> tuple[float, float] | None:
    """A place that is seen and free, or None if none is found."""
    for _ in range(80):
        x, y = float(rng.uniform(-0.36, 0.36)), float(rng.uniform(-0.34, 0.34))
        if all(math.hypot(x - s.x, y - s.y) > s.radius + radius + gap for s in taken) and (
            sight.sees(x, y)
        ):
            return x, y
    return None


def items(rng: np.random.Generator, count: int) -> list[Item]:
    """Things of an episode, some of them twins of each other; ALIKE of a colour at most."""
    drawn: list[Item] = []
    paint = {colour: _paint(rng, colour) for colour in COLOURS}
    for _ in range(count):
        kind, colour = _words(rng, drawn)
        drawn.append(_item(rng, kind, colour, paint))
    return drawn


def free_colours(used: Sequence[str]) -> list[str]:
    """Colours that one more thing may have."""
    return [colour for colour in COLOURS if list(used).count(colour) < ALIKE]


def _words(rng: np.random.Generator, drawn: Sequence[Item]) -> tuple[str, str]:
    """Kind and colour of one more thing."""
    free = free_colours([item.colour for item in drawn])
    kind, colour = str(rng.choice(KINDS, p=KIND_SHARES)), str(rng.choice(free))
    others = [item for item in drawn if item.colour in free]
    if others and rng.random() < TWIN:
        twin = others[int(rng.integers(len(others)))]
        return twin.kind, twin.colour
    if drawn and rng.random() < 0.3:
        return drawn[int(rng.integers(len(drawn)))].kind, colour
    if others and rng.random() < 0.15:
        return kind, others[int(rng.integers(len(others)))].colour
    return kind, colour


def _item(rng: np.random.Generator, kind: str, colour: str, paint: dict[str, RGB]) -> Item:
    size = str(rng.choice(SIZES, p=(0.3, 0.4, 0.3)))
    width = WIDTH_M[size] * float(rng.uniform(0.95, 1.06))
    if kind in ('duck', 'dog'):
        width *= 1.12  # they are made of small parts
    elif kind == 'bowl':
        width *= 0.92
    paints = tuple(_worn(rng, paint[c]) for c in COLOURS)
    return Item(kind, colour, size, width, paints, handle=bool(rng.random() < 0.5))


def _worn(rng: np.random.Generator, rgb: RGB) -> RGB:
    """Nearly the same paint: twins are not quite alike."""
    r, g, b = (float(np.clip(v * rng.uniform(0.97, 1.03), 0.0, 1.0)) for v in rgb)
    return r, g, b


def _paint(rng: np.random.Generator, colour: str) -> RGB:
    """An episode's red, green, ..."""
    if colour == 'white':
        return colorsys.hsv_to_rgb(
            rng.uniform(0.0, 1.0), rng.uniform(0.0, 0.03), rng.uniform(0.94, 1.0)
        )
    if colour == 'black':
        return colorsys.hsv_to_rgb(
            rng.uniform(0.0, 1.0), rng.uniform(0.0, 0.1), rng.uniform(0.06, 0.12)
        )
    hue = _HUES[colour] + rng.uniform(-0.014, 0.014)
    saturation, value = rng.uniform(0.8, 1.0), rng.uniform(0.7, 1.0)
    if colour == 'red':
        hue, value = rng.uniform(-0.02, 0.006), rng.uniform(0.65, 0.9)
    elif colour == 'orange':
        hue, value = rng.uniform(0.066, 0.085), rng.uniform(0.92, 1.0)
    elif colour == 'yellow':
        value = rng.uniform(0.88, 1.0)
    elif colour == 'purple':
        saturation, value = rng.uniform(0.55, 0.85), rng.uniform(0.5, 0.8)
    return colorsys.hsv_to_rgb(hue % 1.0, saturation, value)


def spot_of(place: Floats, radius: float) -> Spot:
    """The place that a thing takes."""
    return Spot(float(place[0]), float(place[1]), radius)
