# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A seed to an episode: the scene, and what happens in it. The same seed gives the same episode."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tools.tabletop import artefacts, contact, pick
from tools.tabletop.layout import Sight, cameras, footprint, free_place, items
from tools.tabletop.looks import clutter, look
from tools.tabletop.motion import OFF_STAGE, tip
from tools.tabletop.script import Body, Script, standing, steps
from tools.tabletop.truth import ABSENT, TABLE, Event
from tools.tabletop.world import Item, Scene

_ACTIONS: dict[str, tuple[Callable[[Script, int], set[int] | None], float]] = {
    'place': (pick.place, 0.26),
    'put_back': (pick.put_back, 0.08),
    'stack': (pick.stack, 0.14),
    'drop': (pick.drop, 0.10),
    'drop_into': (pick.drop_into, 0.03),
    'push': (contact.push, 0.13),
    'touch': (contact.touch, 0.09),
    'miss': (contact.miss, 0.09),
    'approach': (contact.approach, 0.04),
    'idle': (contact.idle, 0.04),
}
COUNTS = (0.04, 0.10, 0.16, 0.20, 0.20, 0.16, 0.09, 0.05)  # chance of 1, 2, ... things
SPOILED = 0.35  # of episodes have artefacts


def scene_from_seed(seed: int, duration_s: float = 30.0, calm: bool = False) -> Scene:
    """The episode of a seed. calm: without artefacts, hands on cameras or bent lenses."""
    rng = np.random.default_rng(seed)
    first, second = (replace(c, waves=(), barrel=0.0) if calm else c for c in cameras(rng))
    views = (first, second)
    sight = Sight(views)
    spoiled = bool(rng.random() < SPOILED) and not calm
    bodies = _bodies(rng, sight, hidden=bool(spoiled and rng.random() < 0.5))
    script = Script(rng, sight, bodies, pace=float(rng.uniform(0.85, 1.3)))
    dressing = look(rng)
    pieces = clutter(rng, script.taken(), int(rng.choice(4, p=(0.4, 0.3, 0.2, 0.1))))
    for body in bodies:
        body.start()
    _run(script, duration_s, spoiled)
    return Scene(
        seed=seed,
        duration_s=duration_s,
        cameras=views,
        items=tuple(body.item for body in bodies),
        clutter=pieces,
        look=dressing,
        path=np.array(script.path),
        tracks=tuple(tuple(body.tracks) for body in bodies),
        supports=tuple(steps(body.supports) for body in bodies),
        colours=tuple(steps(body.colours) for body in bodies),
        kinds=tuple(steps(body.kinds) for body in bodies),
        holds=tuple(script.holds),
        events=_events(script, duration_s),
    )


def _events(script: Script, duration_s: float) -> tuple[Event, ...]:
    """Those whose moment the episode shows, by moment; their ends are cut off."""
    inside = [event for event in script.events if event.moment_s <= duration_s]
    cut = [
        Event(e.kind, e.thing, e.other, e.start_s, e.moment_s, min(e.end_s, duration_s))
        for e in inside
    ]
    return tuple(sorted(cut, key=lambda event: event.moment_s))


def _bodies(rng: np.random.Generator, sight: Sight, hidden: bool) -> list[Body]:
    """1 to 8 things. hidden: and one more, which is absent at first."""
    count = 1 + int(rng.choice(len(COUNTS), p=COUNTS))
    while True:
        bodies: list[Body] = []
        *drawn, last = items(rng, count + 1)
        for item in drawn:
            body = _first_place(rng, sight, bodies, item)
            if body is not None:
                bodies.append(body)
        if bodies:
            break
    if hidden:
        later = standing(last, 0.0, 0.0, float(rng.uniform(-0.6, 0.6)), 0.0, ABSENT)
        later.place = OFF_STAGE.copy()
        bodies.append(later)
    return bodies


def _first_place(
    rng: np.random.Generator, sight: Sight, bodies: list[Body], item: Item
) -> Body | None:
    yaw = float(rng.uniform(-math.pi, math.pi) if rng.random() < 0.4 else rng.uniform(-0.6, 0.6))
    if bodies and rng.random() < 0.12:
        loaded = _loaded(rng, bodies, item, yaw)
        if loaded is not None:
            return loaded
    taken = Script(rng, sight, bodies, 1.0).taken()
    spot = free_place(rng, sight, taken, footprint(item.kind, item.width_m))
    if spot is None:
        return None
    body = standing(item, *spot, yaw, 0.0, TABLE)
    if item.kind in ('cylinder', 'cup') and rng.random() < 0.2:
        _lay(rng, body)
    return body


def _loaded(rng: np.random.Generator, bodies: list[Body], item: Item, yaw: float) -> Body | None:
    """Standing on another thing, or in it, if one fits."""
    tried = standing(item, 0.0, 0.0, yaw, 0.0, TABLE)
    used = {body.support for body in bodies}
    fitting = [i for i, under in enumerate(bodies) if i not in used and pick.carries(under, tried)]
    if not fitting:
        return None
    index = int(rng.choice(fitting))
    under = bodies[index]
    x, y = float(under.place[0]), float(under.place[1])
    return standing(item, x, y, yaw, pick.floor_z(under), index)


def _lay(rng: np.random.Generator, body: Body) -> None:
    """Lay a standing thing down where it stands."""
    angle = float(rng.uniform(-math.pi, math.pi))
    x, _, z = (float(v) for v in body.half)
    track = tip(body.place, body.turn, (x, z), angle, 0.0)
    body.turn, body.upright, body.yaw = track.turns[-1], False, angle + math.pi / 2
    body.place[2] = x


def _run(script: Script, duration_s: float, spoiled: bool) -> None:
    """Act until past the duration. One favourite thing gets more of the attention."""
    rng = script.rng
    x, y = float(rng.uniform(-0.25, 0.25)), float(rng.uniform(-0.1, 0.3))
    z = max((body.top_z for body in script.bodies), default=0.0) + 0.04
    script.path.append((0.0, x, y, max(z, 0.1), float(rng.uniform(0.03, 0.1)), 0.0))
    names, shares = list(_ACTIONS), np.array([share for _, share in _ACTIONS.values()])
    favourite = int(rng.integers(len(script.bodies)))
    activity = 0.0 if rng.random() < 0.03 else float(rng.uniform(0.6, 1.0))
    while script.now <= duration_s:
        began = script.now
        thing = favourite if rng.random() < 0.25 else int(rng.integers(len(script.bodies)))
        name = str(rng.choice(names, p=shares)) if rng.random() < activity else 'idle'
        if name in ('stack', 'drop_into'):
            thing = _stackable(script, thing, bowls=name == 'drop_into')
        if script.bodies[thing].support == ABSENT or not _quiet(script, thing):
            continue
        busy = _ACTIONS[name][0](script, thing)
        if busy is not None and spoiled and rng.random() < 0.25:
            artefacts.happen(script, began, busy)


def _stackable(script: Script, thing: int, bowls: bool) -> int:
    """A thing that can be set on or into another; the given one if there is none."""
    fitting = [
        i
        for i in script.there()
        if script.free(i) and pick.goal_on_another(script, i, bowls) is not None
    ]
    return int(script.rng.choice(fitting)) if fitting else thing


def _quiet(script: Script, thing: int) -> bool:
    """Whether it rests before the gripper can be there; else the gripper waits a little."""
    still = float(script.bodies[thing].tracks[-1].times_s[-1]) < script.now + 0.4
    if not still:
        script.go(0.1, 0.4)
    return still
