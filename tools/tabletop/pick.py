# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Actions with a thing in the gripper: it is grasped, lifted, carried, and set down or dropped.

Every action returns the things that it concerned, or None where it could not be done; then
nothing has been written.
"""

import math
from dataclasses import dataclass

import numpy as np

from tools.tabletop.motion import fall, rest, roll, tip, tipped_half_s
from tools.tabletop.script import LOW_M, SPARE_M, Body, Script, from_way
from tools.tabletop.shapes import BOWL_FLOOR, FLAT_STACKS, INNER_BOWL, TIPPING
from tools.tabletop.truth import CLEAR_M, FALLING, GRIPPER, TABLE
from tools.tabletop.world import Hold, Track, about_z, matrix_of, share_when, times

TALLEST_M = 0.21  # of a stack


@dataclass(frozen=True)
class Goal:
    """Where a held thing goes: its base's place, and what it stands on or in there."""

    x: float
    y: float
    base_z: float
    support: int


def place(script: Script, thing: int) -> set[int] | None:
    """Grasp it and set it down elsewhere on the table."""
    spot = script.free_place(thing)
    return _grasp(script, thing, None if spot is None else Goal(*spot, 0.0, TABLE))


def put_back(script: Script, thing: int) -> set[int] | None:
    """Lift it and set it down where it was."""
    body = script.bodies[thing]
    goal = Goal(float(body.place[0]), float(body.place[1]), body.base_z, body.support)
    return _grasp(script, thing, goal, carry=False)


def stack(script: Script, thing: int) -> set[int] | None:
    """Set it on a block or a cylinder, or into a bowl."""
    return _grasp(script, thing, goal_on_another(script, thing))


def drop(script: Script, thing: int) -> set[int] | None:
    """Let it go in the air, over the table."""
    spot = script.free_place(thing, gap=0.06)
    return _grasp(script, thing, None if spot is None else Goal(*spot, 0.0, TABLE), let_go=True)


def drop_into(script: Script, thing: int) -> set[int] | None:
    """Let it go over a bowl."""
    goal = goal_on_another(script, thing, bowls=True)
    return _grasp(script, thing, goal, let_go=True)


def goal_on_another(script: Script, thing: int, bowls: bool = False) -> Goal | None:
    """On which other thing, or in which, it can stand; None if on none. bowls: only in a bowl."""
    body = script.bodies[thing]
    fitting = [
        i
        for i in script.there()
        if i not in (thing, body.support) and script.free(i) and carries(script.bodies[i], body)
    ]
    if bowls:
        fitting = [i for i in fitting if script.bodies[i].kind == 'bowl']
    if not fitting:
        return None
    under = int(script.rng.choice(fitting))
    x, y = (float(v) for v in script.bodies[under].place[:2])
    return Goal(x, y, floor_z(script.bodies[under]), under)


def floor_z(under: Body) -> float:
    """The height at which something stands on it or in it."""
    if under.kind == 'bowl':
        return under.base_z + BOWL_FLOOR * under.item.width_m
    return under.top_z


def carries(under: Body, body: Body) -> bool:
    """Whether a thing can stand on another one, or in it."""
    if not under.upright:
        return False
    if under.kind == 'bowl':
        inside = INNER_BOWL * under.item.width_m
        return under.support == TABLE and body.kind != 'bowl' and body.radius < inside * 0.95
    wide = float(under.half[:2].min())
    return (
        under.kind in FLAT_STACKS
        and body.upright
        and body.kind != 'ball'
        and float(body.half[:2].min()) < wide * 1.15
        and under.top_z + 2 * body.half_height < TALLEST_M
    )


def _grasp(
    script: Script, thing: int, goal: Goal | None, carry: bool = True, let_go: bool = False
) -> set[int] | None:
    if goal is None or not script.free(thing):
        return None
    body = script.bodies[thing]
    concerned = {thing, body.support, goal.support}
    close_s, lift_s, offset_z = _raise(script, thing)
    if carry:
        _carry(script, thing, goal)
    finish = _let_go if let_go else _set_down
    low_s, release_s = finish(script, thing, goal, offset_z)
    script.holds.append(Hold(thing, close_s, lift_s, low_s, release_s))
    script.go(0.2, 0.3, opening=body.grip_width + SPARE_M)
    script.go(0.25, 0.45, z=max(body.top_z + 0.03, script.path[-1][3], 0.1))
    return {i for i in concerned if i >= 0}


def _raise(script: Script, thing: int) -> tuple[float, float, float]:
    """Approach, close and lift. Returns when it closed, the grasp's moment, the tips' height."""
    rng, body = script.rng, script.bodies[thing]
    slip = rng.uniform(-0.004, 0.004, 2)
    arrived = script.above(thing, *slip)
    offset_z = 2 * body.half_height * LOW_M
    script.go(0.3, 0.55, z=body.base_z + offset_z)
    close_s = script.go(0.2, 0.35, opening=body.grip_width * 0.97)
    yaw = script.path[-1][5]
    offset = np.array((-slip[0], -slip[1], body.half_height - offset_z))
    held = Track(np.array([close_s]), offset[None], body.turn[None].copy(), held=True, yaw=yaw)
    body.tracks.append(held)
    rise = script.go(0.05, 0.3)
    height = float(rng.uniform(0.07, 0.11))
    top = script.go(0.35, 0.6, z=script.path[-1][3] + height)
    lift_s = rise + share_when(CLEAR_M / height) * (top - rise)
    body.carry_over(lift_s, GRIPPER)
    script.tell('grasp', thing, (arrived, lift_s, lift_s))
    script.tell('lift', thing, (rise, top, top))
    return close_s, lift_s, offset_z


def _carry(script: Script, thing: int, goal: Goal) -> None:
    body, row = script.bodies[thing], script.path[-1]
    slip_x, slip_y = row[1] - float(body.place[0]), row[2] - float(body.place[1])
    x, y = goal.x + slip_x, goal.y + slip_y
    over = max(script.tops((x, y), body.radius, {thing}) + 0.025, goal.base_z + 0.05)
    script.rise_to(over + 2 * body.half_height * LOW_M)
    began = script.now
    away = math.hypot(x - row[1], y - row[2])
    yaw = row[5] + (float(script.rng.uniform(-0.4, 0.4)) if goal.support == TABLE else 0.0)
    ended = script.go(0.45 + away, 0.8 + 1.6 * away, x=x, y=y, yaw=float(np.clip(yaw, -1.5, 1.5)))
    script.tell('carry', thing, (began, (began + ended) / 2, ended))
    if script.rng.random() < 0.3:
        script.go(0.1, 0.5)


def _turned(script: Script, thing: int) -> None:
    """What the gripper's turning has done to the thing that it held."""
    body = script.bodies[thing]
    track = body.tracks[-1]
    turn = script.path[-1][5] - track.yaw
    body.turn = times(about_z(turn), track.turns[0])
    body.yaw += turn
    body.place = np.array(script.path[-1][1:4]) + matrix_of(about_z(turn)) @ track.places[0]


def _set_down(script: Script, thing: int, goal: Goal, offset_z: float) -> tuple[float, float]:
    body, began, z = script.bodies[thing], script.now, script.path[-1][3]
    target = goal.base_z + offset_z
    down = script.go(0.35, 0.6, z=target)
    low_s = down - share_when(min(CLEAR_M / max(z - target, CLEAR_M), 1.0)) * (down - began)
    body.carry_over(down, goal.support)
    release = script.go(0.05, 0.15)
    _turned(script, thing)
    body.tracks.append(rest(body.place, body.turn, release))
    script.tell('place', thing, (began, down, release), goal.support)
    if goal.support >= 0 and script.bodies[goal.support].kind != 'bowl':
        script.tell('stack', thing, (began, down, release), goal.support)
    return low_s, release


def _let_go(script: Script, thing: int, goal: Goal, offset_z: float) -> tuple[float, float]:
    """Open in the air, at least 5 cm over what is below."""
    body, rng = script.bodies[thing], script.rng
    height = float(rng.uniform(0.05, 0.13))
    script.go(0.2, 0.4, z=goal.base_z + offset_z + height)
    release = script.now
    _turned(script, thing)
    body.carry_over(release, FALLING)
    track = fall(body.place, body.turn, goal.base_z + body.half_height, release)
    body.tracks.append(track)
    body.place = track.places[-1].copy()
    landed = float(track.times_s[-1])
    body.carry_over(landed, goal.support)
    script.tell('drop', thing, (release, release, landed), goal.support)
    if goal.support == TABLE:
        after_landing(script, thing, landed)
    return release, release


def after_landing(script: Script, thing: int, landed: float) -> None:
    """A ball that was dropped rolls on; what is tall may fall over."""
    body = script.bodies[thing]
    if body.rolls() and script.rng.random() < 0.8:
        way = free_way(script, thing, float(script.rng.uniform(0.06, 0.2)))
        if way is not None:
            roll_on(script, thing, way, float(script.rng.uniform(0.18, 0.4)), landed)
    elif body.upright and body.kind in TIPPING and script.rng.random() < 0.5:
        angle = free_fall(script, thing)
        if angle is not None:
            fall_over(script, thing, angle, landed)


def roll_on(
    script: Script, thing: int, way: tuple[float, float], speed: float, at_s: float
) -> None:
    """It rolls along a way on its own."""
    body = script.bodies[thing]
    track = roll(body.place, body.turn, np.array((*way, 0.0)), speed, body.half_height, at_s)
    body.move(track, TABLE)
    script.tell('roll', thing, (at_s, at_s, float(track.times_s[-1])))


def fall_over(script: Script, thing: int, angle: float, at_s: float) -> None:
    """It tips over towards an angle."""
    body = script.bodies[thing]
    x, _, z = body.half
    track = tip(body.place, body.turn, (float(x), float(z)), angle, at_s)
    body.upright = False
    body.yaw = angle if body.kind in ('duck', 'dog') else angle + math.pi / 2
    body.move(track, TABLE)
    script.tell('fall_over', thing, (at_s, tipped_half_s(at_s), float(track.times_s[-1])))


def fall_angles(script: Script, body: Body) -> list[float]:
    """Directions in which it can tip over: an animal only to its sides."""
    if body.kind in ('duck', 'dog'):
        return [body.yaw, body.yaw + math.pi]
    return [float(a) for a in script.rng.uniform(-math.pi, math.pi, 10)]


def free_fall(script: Script, thing: int, angles: list[float] | None = None) -> float | None:
    """A direction in which it can fall over without hitting another thing."""
    body = script.bodies[thing]
    x, _, z = (float(v) for v in body.half)
    for angle in fall_angles(script, body) if angles is None else angles:
        way = (math.cos(angle) * (x + z), math.sin(angle) * (x + z))
        if clear_way(script, thing, way, max(float(body.half[1]), z)):
            return angle
    return None


def free_way(
    script: Script, thing: int, length: float, angles: list[float] | None = None
) -> tuple[float, float] | None:
    """A way on which it can roll freely, of that length or of half of it."""
    body = script.bodies[thing]
    if angles is None and not body.upright:
        angles = [body.yaw, body.yaw + math.pi]
    drawn = [float(a) for a in script.rng.uniform(-math.pi, math.pi, 12)]
    for reach in (length, length / 2):
        for angle in drawn if angles is None else angles:
            way = (reach * math.cos(angle), reach * math.sin(angle))
            if clear_way(script, thing, way, body.radius):
                return way
    return None


def clear_way(script: Script, thing: int, way: tuple[float, float], radius: float) -> bool:
    """Whether nothing stands in its way, and the cameras see where it ends."""
    body = script.bodies[thing]
    start = (float(body.place[0]), float(body.place[1]))
    end = (start[0] + way[0], start[1] + way[1])
    apart = all(
        from_way(start, end, (spot.x, spot.y)) > spot.radius + radius + 0.012
        for spot in script.taken({thing})
    )
    return apart and script.sight.sees(*end, lift_m=0.05)
