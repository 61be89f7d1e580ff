# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Actions that lift nothing: push, touch, miss, only approach, idle.

Every action returns the things that it concerned, or None where it could not be done; then
nothing has been written.
"""

import math

import numpy as np

from tools.tabletop.layout import spot_of
from tools.tabletop.motion import slide
from tools.tabletop.pick import clear_way, fall_over, free_fall, free_way, roll_on
from tools.tabletop.script import Body, Script
from tools.tabletop.shapes import TIPPING
from tools.tabletop.truth import TABLE

CLOSED_M = 0.004
FINGER_HALF_M = 0.016  # of a finger, along a push


def push(script: Script, thing: int) -> set[int] | None:
    """Push it from the side: it slides, rolls on, or falls over."""
    body = script.bodies[thing]
    if not script.free(thing) or body.support != TABLE:
        return None
    if body.upright and body.kind in TIPPING and script.rng.random() < 0.6:
        return _push_over(script, thing)
    length = float(script.rng.uniform(0.05, 0.1))
    reach = float(script.rng.uniform(0.08, 0.22)) if body.rolls() else 0.0
    lying = None if body.upright else [body.yaw, body.yaw + math.pi]
    way = _reachable(script, thing, length + reach, lying)
    if way is None:
        return None
    angle = math.atan2(way[1], way[0])
    began = _beside(script, thing, angle, low=0.3)
    if reach:
        _push_rolling(script, thing, angle, length, began)
    else:
        _push_sliding(script, thing, angle, math.hypot(*way), began)
    script.go(0.25, 0.45, z=max(0.12, body.top_z + 0.03))
    return {thing}


def _reachable(
    script: Script, thing: int, length: float, angles: list[float] | None
) -> tuple[float, float] | None:
    """A free way on which the gripper finds room behind the thing."""
    for _ in range(6):
        way = free_way(script, thing, length, angles)
        if way is None:
            return None
        if _room_behind(script, thing, math.atan2(way[1], way[0])):
            return way
    return None


def _room_behind(script: Script, thing: int, angle: float) -> bool:
    x, y = _behind(script.bodies[thing], angle, 0.02)
    apart = all(
        math.hypot(x - s.x, y - s.y) > s.radius + FINGER_HALF_M for s in script.taken({thing})
    )
    return apart and script.sight.sees(x, y, margin=0.03, lift_m=0.03)


def _reach(body: Body, angle: float) -> float:
    """From a thing's middle to its side, along an angle."""
    x, y, z = (float(v) for v in body.half)
    if body.upright and body.kind in ('ball', 'cylinder', 'cup', 'bowl'):
        return x
    if not body.upright:
        return body.half_height if body.kind in ('cylinder', 'cup') else max(y, z) * 0.85
    across, along = abs(math.cos(angle - body.yaw)), abs(math.sin(angle - body.yaw))
    if body.kind == 'block':
        return x * across + y * along
    return math.hypot(x * across, y * along)


def _behind(body: Body, angle: float, gap: float) -> tuple[float, float]:
    """Where the fingertips are before a push along an angle."""
    away = _reach(body, angle) + FINGER_HALF_M + gap
    x, y = float(body.place[0]), float(body.place[1])
    return x - away * math.cos(angle), y - away * math.sin(angle)


def _beside(script: Script, thing: int, angle: float, low: float) -> float:
    """Come down behind a thing, closed, and touch it. Returns when the way to it began."""
    body, began = script.bodies[thing], script.now
    x, y = _behind(body, angle, 0.02)
    z = max(script.tops((x, y), 0.03), body.top_z) + 0.03
    script.rise_to(z)
    turn = angle + math.pi / 2
    yaw = turn + math.pi * round((script.path[-1][5] - turn) / math.pi)
    script.go(0.5, 1.1, x=x, y=y, z=max(z, 0.08), yaw=yaw, opening=CLOSED_M)
    arrived = script.go(0.3, 0.5, z=body.base_z + 2 * body.half_height * low)
    script.tell('approach', thing, (began, arrived, arrived))
    x, y = _behind(body, angle, 0.0)
    script.go(0.12, 0.25, x=x, y=y)
    return arrived


def _push_sliding(script: Script, thing: int, angle: float, length: float, began: float) -> None:
    body, touched = script.bodies[thing], script.now
    x, y = script.path[-1][1:3]
    way = np.array((length * math.cos(angle), length * math.sin(angle), 0.0))
    seconds = length * 3.5 + 0.2
    ended = script.go(seconds, seconds * 1.5, x=x + way[0], y=y + way[1])
    body.move(slide(body.place, body.turn, way, touched, ended), TABLE)
    script.tell('push', thing, (began, touched, ended))
    script.go(0.1, 0.2, x=x + way[0] * 0.8, y=y + way[1] * 0.8)


def _push_rolling(script: Script, thing: int, angle: float, length: float, began: float) -> None:
    """Half-way along the push, where the gripper is fastest, it rolls off."""
    body, touched = script.bodies[thing], script.now
    x, y = script.path[-1][1:3]
    forward = np.array((math.cos(angle), math.sin(angle), 0.0))
    ended = script.go(0.35, 0.5, x=x + length * forward[0], y=y + length * forward[1])
    leaves, speed = (touched + ended) / 2, 1.5 * length / (ended - touched)
    share = np.linspace(0.0, 0.5, 8)
    track = slide(body.place, body.turn, length * forward, touched, ended)
    spent = touched + share * (ended - touched)
    places = np.stack([np.interp(spent, track.times_s, track.places[:, i]) for i in range(3)], 1)
    body.move(type(track)(spent, places, np.repeat(body.turn[None], 8, 0)), TABLE)
    reach = float(np.clip(speed * script.rng.uniform(0.3, 0.6), 0.06, 0.2))
    way = (float(reach * forward[0]), float(reach * forward[1]))
    if not clear_way(script, thing, way, body.radius):
        way = (way[0] / 2, way[1] / 2)
    roll_on(script, thing, way, speed, leaves)
    script.tell('push', thing, (began, touched, leaves))


def _push_over(script: Script, thing: int) -> set[int] | None:
    body = script.bodies[thing]
    angle = free_fall(script, thing)
    if angle is None or not _room_behind(script, thing, angle):
        return None
    began = _beside(script, thing, angle, low=0.75)
    touched = script.now
    x, y = script.path[-1][1:3]
    ended = script.go(0.25, 0.35, x=x + 0.03 * math.cos(angle), y=y + 0.03 * math.sin(angle))
    fall_over(script, thing, angle, touched)
    script.tell('push', thing, (began, touched, ended))
    script.go(0.25, 0.45, z=max(0.12, 2 * float(body.half[2]) + 0.03))
    return {thing}


def touch(script: Script, thing: int) -> set[int] | None:
    """Close on it, or tap its top, and leave it where it is."""
    body = script.bodies[thing]
    if not script.free(thing):
        return None
    arrived = script.above(thing)
    if script.rng.random() < 0.55:
        script.go(0.3, 0.55, z=body.base_z + 2 * body.half_height * 0.35)
        touched = script.go(0.2, 0.35, opening=body.grip_width)
        script.go(0.2, 0.7)
        ended = script.go(0.2, 0.35, opening=body.grip_width + 0.034)
    else:
        script.go(0.15, 0.3, opening=CLOSED_M)
        touched = script.go(0.25, 0.45, z=_skin_z(body) + 0.001)
        ended = script.go(0.1, 0.5)
    script.tell('touch', thing, (arrived, touched, ended))
    script.go(0.25, 0.45, z=max(body.top_z + 0.05, 0.1))
    return {thing}


def _skin_z(body: Body) -> float:
    """Height at which closed fingers over its middle touch it: inside a cup or a bowl its floor."""
    if body.upright and body.kind in ('cup', 'bowl'):
        return body.base_z + 0.1 * body.item.width_m
    return body.top_z


def miss(script: Script, thing: int) -> set[int] | None:
    """Close beside it or above it, and come up with nothing."""
    body = script.bodies[thing]
    if body.support != TABLE or not script.free(thing):
        return None
    if script.rng.random() < 0.35:
        arrived = script.above(thing)
        script.go(0.25, 0.45, z=body.top_z + 0.012)
    else:
        away = body.radius + body.grip_width / 2 + 0.045
        beside = _clear_side(script, thing, away)
        if beside is None:
            return None
        arrived = script.above(thing, *beside)
        script.go(0.3, 0.55, z=2 * body.half_height * 0.3)
    closed = script.go(0.2, 0.4, opening=CLOSED_M)
    ended = script.go(0.05, 0.3)
    script.tell('miss', thing, (arrived, closed, ended))
    script.go(0.35, 0.6, z=max(body.top_z + 0.05, 0.1))
    return {thing}


def _clear_side(script: Script, thing: int, away: float) -> tuple[float, float] | None:
    body = script.bodies[thing]
    reach = body.grip_width / 2 + 0.03
    spots = [*script.taken({thing}), spot_of(body.place, body.radius)]
    for angle in script.rng.uniform(-math.pi, math.pi, 20):
        dx, dy = float(away * math.cos(angle)), float(away * math.sin(angle))
        x, y = float(body.place[0]) + dx, float(body.place[1]) + dy
        apart = all(math.hypot(x - s.x, y - s.y) > s.radius + reach for s in spots[:-1])
        if apart and script.sight.sees(x, y, margin=0.05, lift_m=0.05):
            return dx, dy
    return None


def approach(script: Script, thing: int) -> set[int] | None:
    """Come over it, look, and do nothing."""
    script.above(thing)
    script.go(0.2, 0.8)
    return {thing}


def idle(script: Script, thing: int) -> set[int] | None:
    """Move somewhere, or stand still."""
    del thing
    rng = script.rng
    if rng.random() < 0.3:
        script.go(0.4, 1.6)
        return set()
    x, y = float(rng.uniform(-0.25, 0.25)), float(rng.uniform(-0.2, 0.28))
    z = max(script.tops((x, y), 0.06) + 0.03, float(rng.uniform(0.1, 0.16)))
    script.rise_to(z)
    script.go(0.5, 1.5, x=x, y=y, z=z, opening=float(rng.uniform(0.02, 0.1)))
    script.go(0.0, 0.8)
    return set()
