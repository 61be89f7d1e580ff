# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What cannot be, as generated videos show it: things vanish, appear, jump, change, melt.

It happens to a thing that stands on the table alone, between two times, and nobody touches it
then. Every function returns whether it has happened; if not, nothing has been written.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from tools.tabletop.layout import footprint, free_colours
from tools.tabletop.motion import OFF_STAGE, rest, slide
from tools.tabletop.script import Body, Script, from_way
from tools.tabletop.truth import ABSENT, COLOURS, KINDS, TABLE
from tools.tabletop.world import Floats, about_z, share_when

JUMP_M = 0.13  # at least
_SHAPES = ('block', 'ball', 'cylinder', 'cup', 'duck', 'dog')
_UNALIKE = {'orange': ('red', 'yellow'), 'red': ('orange',), 'yellow': ('orange',)}


def happen(script: Script, began: float, busy: set[int]) -> bool:
    """One artefact of any kind, at some time since `began`."""
    kinds = list(_MAKERS)
    script.rng.shuffle(kinds)
    kinds.sort(key=lambda kind: kind != 'appear')  # the rarest first: most episodes hide nothing
    at_s = float(script.rng.uniform(began + 0.2, max(script.now - 0.2, began + 0.3)))
    return any(_MAKERS[kind](script, at_s, busy) for kind in kinds)


def _idle(script: Script, at_s: float, busy: set[int]) -> list[int]:
    """Things to which it can happen, in any order."""
    fitting = [
        i
        for i in script.there()
        if i not in busy and script.bodies[i].support == TABLE and script.free(i)
    ]
    quiet = [i for i in fitting if script.bodies[i].tracks[-1].times_s[-1] < at_s - 0.5]
    script.rng.shuffle(quiet)
    return quiet


def _tell(script: Script, kind: str, thing: int, at_s: float) -> None:
    script.tell(kind, thing, (at_s, at_s, at_s))


def _vanish(script: Script, at_s: float, busy: set[int]) -> bool:
    if len(script.there()) < 3:
        return False
    for thing in _idle(script, at_s, busy)[:1]:
        body = script.bodies[thing]
        body.move(rest(OFF_STAGE, body.turn, at_s), ABSENT)
        _tell(script, 'vanish', thing, at_s)
        return True
    return False


def _appear(script: Script, at_s: float, busy: set[int]) -> bool:
    del busy
    hidden = [i for i, body in enumerate(script.bodies) if body.support == ABSENT]
    for thing in hidden:
        body = script.bodies[thing]
        spot = _apart(script, thing, began=at_s)
        if spot is not None and not _was_there(script, thing):
            body.turn = about_z(body.yaw) if body.upright else body.turn
            place = np.array((*spot, body.half_height))
            body.move(rest(place, body.turn, at_s), TABLE)
            _tell(script, 'appear', thing, at_s)
            return True
    return False


def _was_there(script: Script, thing: int) -> bool:
    """Whether it vanished before: it stays away then."""
    return any(event.kind == 'vanish' and event.thing == thing for event in script.events)


def _jump(script: Script, at_s: float, busy: set[int]) -> bool:
    for thing in _idle(script, at_s, busy)[:3]:
        body = script.bodies[thing]
        spot = _apart(script, thing, began=at_s)
        if spot is None or math.dist(spot, body.place[:2]) < JUMP_M:
            continue
        body.move(rest(np.array((*spot, body.place[2])), body.turn, at_s), TABLE)
        _tell(script, 'jump', thing, at_s)
        return True
    return False


def _apart(script: Script, thing: int, began: float) -> tuple[float, float] | None:
    """A free place that is free of where things were a moment ago, too, and of the hand."""
    spot = script.free_place(thing, gap=0.05)
    if spot is None:
        return None
    radius = script.bodies[thing].radius
    rows = [row for row in script.path if row[0] > began - 4.0]
    if any(from_way(a[1:3], b[1:3], spot) < radius + 0.03 for a, b in pairwise(rows)):
        return None
    return spot


def _change_colour(script: Script, at_s: float, busy: set[int]) -> bool:
    for thing in _idle(script, at_s, busy)[:1]:
        body = script.bodies[thing]
        now = COLOURS[body.colours[-1][1]]
        worn = [COLOURS[other.colours[-1][1]] for other in script.bodies]
        others = [c for c in free_colours(worn) if c != now and c not in _UNALIKE.get(now, ())]
        body.colours.append((at_s, COLOURS.index(str(script.rng.choice(others)))))
        _tell(script, 'change_colour', thing, at_s)
        return True
    return False


def _change_shape(script: Script, at_s: float, busy: set[int]) -> bool:
    for thing in _idle(script, at_s, busy):
        body = script.bodies[thing]
        fitting = [kind for kind in _SHAPES if kind != body.kind and _fits(script, thing, kind)]
        if not body.upright or not fitting:
            continue
        body.kind = str(script.rng.choice(fitting))
        body.kinds.append((at_s, KINDS.index(body.kind)))
        place = np.array((*body.place[:2], body.half_height))
        body.move(rest(place, about_z(body.yaw), at_s), TABLE)
        _tell(script, 'change_shape', thing, at_s)
        return True
    return False


def _fits(script: Script, thing: int, kind: str) -> bool:
    body = script.bodies[thing]
    radius = footprint(kind, body.item.width_m)
    x, y = float(body.place[0]), float(body.place[1])
    return all(
        math.hypot(x - s.x, y - s.y) > s.radius + radius + 0.01 for s in script.taken({thing})
    )


def _melt(script: Script, at_s: float, busy: set[int]) -> bool:
    """One slides through another, to its far side."""
    idle = _idle(script, at_s, busy)
    for thing in idle:
        for other in idle:
            way = _way_through(script, thing, other) if other != thing else None
            if way is not None:
                lasts = float(script.rng.uniform(1.2, 2.0))
                body = script.bodies[thing]
                ends = at_s + lasts
                deepest = at_s + lasts * _deepest(body, script.bodies[other], way)
                body.move(slide(body.place, body.turn, way, at_s, ends), TABLE)
                script.tell('melt', thing, (at_s, deepest, ends), other)
                script.wait_until(ends)
                return True
    return False


def _way_through(script: Script, thing: int, other: int) -> Floats | None:
    body, through = script.bodies[thing], script.bodies[other]
    apart = (through.place - body.place) * (1.0, 1.0, 0.0)
    distance = float(np.linalg.norm(apart))
    beyond = body.radius + through.radius + 0.04
    if distance > 0.3:
        return None
    way = apart / distance * (distance + beyond)
    start, end = body.place[:2], (body.place + way)[:2]
    clear = all(
        from_way(tuple(start), tuple(end), (s.x, s.y)) > s.radius + body.radius + 0.01
        for s in script.taken({thing, other})
    )
    return way if clear and script.sight.sees(float(end[0]), float(end[1]), lift_m=0.05) else None


def _deepest(body: Body, through: Body, way: Floats) -> float:
    """Of the way's time, the share after which the two are nearest."""
    distance = float(np.linalg.norm((through.place - body.place)[:2]))
    return share_when(distance / float(np.linalg.norm(way)))


_MAKERS: dict[str, Callable[[Script, float, set[int]], bool]] = {
    'vanish': _vanish,
    'appear': _appear,
    'jump': _jump,
    'change_colour': _change_colour,
    'change_shape': _change_shape,
    'melt': _melt,
}
