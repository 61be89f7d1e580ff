# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the gripper's actions write on: the hand's path, the things on the table, the events."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from tools.tabletop.layout import Sight, Spot, footprint, free_place, spot_of
from tools.tabletop.motion import rest
from tools.tabletop.truth import ABSENT, COLOURS, KINDS, Event
from tools.tabletop.world import Floats, Hold, Item, Steps, Track, about_z, half_sizes

LOW_M = 0.35  # of a thing's height: how high the fingertips grip it
SPARE_M = 0.034  # how much wider than the thing the gripper opens
_ROUND = ('ball', 'cylinder', 'cup', 'bowl')


@dataclass
class Body:
    """A thing while the script is written: how it stands now, and all its tracks so far."""

    item: Item
    kind: str
    place: Floats  # (3,) middle
    turn: Floats  # quaternion
    yaw: float  # of the axis on which the gripper closes
    support: int
    upright: bool = True
    tracks: list[Track] = field(default_factory=list)
    supports: list[tuple[float, int]] = field(default_factory=list)
    colours: list[tuple[float, int]] = field(default_factory=list)
    kinds: list[tuple[float, int]] = field(default_factory=list)

    def start(self) -> None:
        """Write down how it is at the start."""
        self.tracks.append(rest(self.place, self.turn, 0.0))
        self.supports.append((0.0, self.support))
        self.colours.append((0.0, COLOURS.index(self.item.colour)))
        self.kinds.append((0.0, KINDS.index(self.kind)))

    @property
    def half(self) -> Floats:
        """Half extents in its own frame."""
        return half_sizes(self.item, self.kind)

    @property
    def half_height(self) -> float:
        """Half of its height as it stands or lies."""
        x, y, z = self.half
        del y
        return float(z if self.upright else x)

    @property
    def grip_width(self) -> float:
        """Between the fingers that hold it."""
        x, _, z = self.half
        lying = z if self.kind in ('duck', 'dog') else x
        return 2 * float(x if self.upright else lying)

    @property
    def radius(self) -> float:
        """Of the circle that it takes on the table."""
        return footprint(self.kind, self.item.width_m, self.upright)

    @property
    def base_z(self) -> float:
        """Height of its lowest point."""
        return float(self.place[2]) - self.half_height

    @property
    def top_z(self) -> float:
        """Height of its highest point."""
        return float(self.place[2]) + self.half_height

    @property
    def any_yaw(self) -> bool:
        """Whether the gripper may close on it from every side."""
        return self.kind in _ROUND and self.upright

    def rolls(self) -> bool:
        """Whether it rolls when it is pushed."""
        return self.kind == 'ball' or (self.kind in ('cylinder', 'cup') and not self.upright)

    def move(self, track: Track, support: int) -> None:
        """Follow a track to its end, and stand there."""
        self.tracks.append(track)
        self.place, self.turn = track.places[-1].copy(), track.turns[-1].copy()
        self.carry_over(float(track.times_s[0]), support)

    def carry_over(self, at_s: float, support: int) -> None:
        """Have another support from a time on."""
        if support != self.support:
            self.supports.append((at_s, support))
            self.support = support


def steps(rows: list[tuple[float, int]]) -> Steps:
    """Rows as a value of the scene."""
    return Steps(tuple(at for at, _ in rows), tuple(value for _, value in rows))


@dataclass
class Script:
    """The gripper's path and all that happens, written one action after another."""

    rng: np.random.Generator
    sight: Sight
    bodies: list[Body]
    pace: float
    path: list[tuple[float, float, float, float, float, float]] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def now(self) -> float:
        """Up to when the path is written."""
        return self.path[-1][0]

    def go(self, low_s: float, high_s: float, **change: float) -> float:
        """Append a row to the path; x, y, z, opening or yaw change. Returns its time."""
        time_s, x, y, z, opening, yaw = self.path[-1]
        spent = float(self.rng.uniform(low_s, high_s)) * self.pace
        row = {'x': x, 'y': y, 'z': z, 'opening': opening, 'yaw': yaw, **change}
        x, y, z, opening, yaw = row.values()
        self.path.append((time_s + spent, x, y, z, opening, yaw))
        return time_s + spent

    def wait_until(self, time_s: float) -> None:
        """Stay until a time."""
        if time_s > self.now:
            self.path.append((time_s, *self.path[-1][1:]))

    def tell(
        self, kind: str, thing: int, when: tuple[float, float, float], other: int = -1
    ) -> None:
        """Write an event down. when: start, moment, end."""
        self.events.append(Event(kind, thing, other, *when))

    def there(self) -> list[int]:
        """Indices of the things that are not absent."""
        return [i for i, body in enumerate(self.bodies) if body.support != ABSENT]

    def loaded(self, thing: int) -> bool:
        """Whether something stands on it or in it."""
        return any(body.support == thing for body in self.bodies)

    def free(self, thing: int) -> bool:
        """Whether it can be moved alone: it is there, and nothing stands on it."""
        return self.bodies[thing].support != ABSENT and not self.loaded(thing)

    def taken(self, without: Collection[int] = ()) -> list[Spot]:
        """The places that things take."""
        bodies = [self.bodies[i] for i in self.there() if i not in without]
        return [spot_of(body.place, body.radius) for body in bodies]

    def free_place(
        self, thing: int, without: Collection[int] = (), gap: float = 0.04
    ) -> tuple[float, float] | None:
        """A free place for a thing to stand."""
        taken = self.taken({thing, *without})
        return free_place(self.rng, self.sight, taken, self.bodies[thing].radius, gap)

    def tops(self, end: tuple[float, float], reach: float, without: Collection[int] = ()) -> float:
        """The highest top that is nearer than `reach` to the straight way from the hand to end."""
        start = (self.path[-1][1], self.path[-1][2])
        highest = 0.0
        for i in self.there():
            body = self.bodies[i]
            away = from_way(start, end, (float(body.place[0]), float(body.place[1])))
            if i not in without and away < reach + body.radius:
                highest = max(highest, body.top_z)
        return highest

    def above(self, thing: int, dx: float = 0.0, dy: float = 0.0, tell: bool = True) -> float:
        """Move over a thing, opened for it. Returns when the gripper is there."""
        body, began = self.bodies[thing], self.now
        x, y = float(body.place[0]) + dx, float(body.place[1]) + dy
        opening = body.grip_width + SPARE_M
        z = max(self.tops((x, y), opening / 2), body.top_z) + float(self.rng.uniform(0.02, 0.05))
        self.rise_to(z)
        yaw = self.yaw_for(body)
        arrived = self.go(0.45, 1.1, x=x, y=y, z=max(z, 0.09), yaw=yaw, opening=opening)
        if tell:
            self.tell('approach', thing, (began, arrived, arrived))
        return arrived

    def rise_to(self, z: float) -> None:
        """Rise first if the hand is lower than that."""
        if self.path[-1][3] < z - 0.01:
            self.go(0.2, 0.4, z=z)

    def yaw_for(self, body: Body) -> float:
        """A yaw that closes on the thing, near to the gripper's own."""
        now = self.path[-1][5]
        if body.any_yaw:
            return float(np.clip(now + self.rng.uniform(-0.4, 0.4), -1.2, 1.2))
        turn = math.pi / 2 if body.kind == 'block' else math.pi
        return body.yaw + turn * round((now - body.yaw) / turn)


def from_way(
    start: tuple[float, float], end: tuple[float, float], place: tuple[float, float]
) -> float:
    """Distance from a place to the straight way between two others."""
    a, b, p = np.array(start), np.array(end), np.array(place)
    length2 = float((b - a) @ (b - a))
    share = 0.0 if length2 < 1e-12 else float(np.clip((p - a) @ (b - a) / length2, 0.0, 1.0))
    return float(np.linalg.norm(a + share * (b - a) - p))


def standing(item: Item, x: float, y: float, yaw: float, base_z: float, support: int) -> Body:
    """A thing that stands upright at the start."""
    place = np.array((x, y, base_z + half_sizes(item, item.kind)[2]))
    return Body(item, item.kind, place, about_z(yaw), yaw, support)
