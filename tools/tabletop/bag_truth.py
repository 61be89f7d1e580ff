# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is true of a simulated bag, out of the JSON file beside it. Needs no simulator."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.tabletop.shapes import half_extents

NEAR = 0.06  # of the picture's width: how far a point may be from the middle of its thing


class BagTruth:
    """Things are called by colour and kind: 'red block', and another one 'red block 2'."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """values: as `bag.write_bag` writes them."""
        self._width: float = values['width']
        self._names = _names(values['things'])
        self._halves_m = [
            float(half_extents(thing['kind'], thing['width_m'])[0]) for thing in values['things']
        ]
        self._events: list[dict[str, Any]] = values['events']
        self._pictures: dict[int, dict[str, dict[str, Any]]] = {
            picture['stamp_ns']: {self._names[thing['thing']]: thing for thing in picture['things']}
            for picture in values['pictures']
        }
        self._grippers = {
            picture['stamp_ns']: picture['gripper']
            for picture in values['pictures']
            if picture['gripper']
        }

    @classmethod
    def beside(cls, bag: Path) -> 'BagTruth':
        """Of a bag's file. Raises OSError if there is no truth beside it."""
        return cls(json.loads(bag.with_suffix('.json').read_text()))

    def events(self, kind: str, name: str) -> list[dict[str, Any]]:
        """Of a kind, that a thing has: each with `stamp_ns`, and `x` and `y` in pixels."""
        return [
            event
            for event in self._events
            if event['kind'] == kind and self._names[event['thing']] == name
        ]

    def moments(self, kind: str, name: str) -> list[int]:
        """Stamps of the events of a kind that a thing has."""
        return [event['stamp_ns'] for event in self.events(kind, name)]

    def half_m(self, name: str) -> float:
        """From a thing's middle to its side. Raises ValueError for one that is not there."""
        return self._halves_m[self._names.index(name)]

    def middles_m(self, name: str) -> dict[int, tuple[float, float, float]]:
        """A thing's middle in the world, in each picture with a truth that shows it, by stamp."""
        found = {}
        for stamp_ns, things in self._pictures.items():
            if name in things:
                x, y, z = things[name]['position_m']
                found[stamp_ns] = (x, y, z)
        return found

    def seen(self, name: str) -> float:
        """In which share of the pictures a thing, or the 'gripper', is seen."""
        return sum(self.place(stamp, name) is not None for stamp in self._pictures) / len(
            self._pictures
        )

    def is_on(self, point: Any, name: str) -> bool:
        """Whether a point is on a thing, in the picture with a truth that is nearest in time."""
        nearest = min(self._pictures, key=lambda stamp: abs(stamp - point.stamp_ns))
        place = self.place(nearest, name)
        if place is None:
            return False
        return math.hypot(point.x - place[0], point.y - place[1]) <= NEAR * self._width

    def place(self, stamp_ns: int, name: str) -> tuple[float, float] | None:
        """Where a picture with a truth shows a thing or the 'gripper', in pixels; None if not."""
        if name == 'gripper':
            return self._grippers.get(stamp_ns)
        thing = self._pictures[stamp_ns].get(name)
        return (thing['x'], thing['y']) if thing else None


def _names(things: Sequence[Mapping[str, Any]]) -> list[str]:
    names: list[str] = []
    for thing in things:
        name = f'{thing["colour"]} {thing["kind"]}'
        before = sum(one.startswith(name) for one in names)
        names.append(f'{name} {before + 1}' if before else name)
    return names
