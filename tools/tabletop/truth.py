# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything that is true of an episode's frames and events. Values only.

Times are seconds from the episode's start. Places are shares of the picture in [0, 1], x right, y
down. Metres are in the world: x right, y away from the first camera, z up, the table at z = 0.
F frames, N things. A second view of the same episode is another Truth with the same events.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = ('block', 'ball', 'cylinder', 'cup', 'bowl', 'duck', 'dog')
ANIMALS = ('duck', 'dog')
COLOURS = ('red', 'green', 'blue', 'yellow', 'purple', 'orange', 'white', 'black')
SIZES = ('small', 'medium', 'large')

# What a thing stands on or in, where it is no other thing's index.
TABLE, GRIPPER, FALLING, ABSENT = -1, -2, -3, -4
NOTHING = -1  # as a thing's index: no thing

ACTIONS = {
    'approach': 'the gripper, on its way to a thing, has come to a halt over it or beside it',
    'grasp': 'the thing that the gripper holds is clear of its support by 1 cm for the first time',
    'lift': 'the held thing has reached the height at which it is carried',
    'carry': 'the held thing is half-way along its path through the air',
    'place': 'the held thing first stands on its new support: `other`, or the table if -1',
    'stack': 'the same instant as its place: `other` is the block or cylinder it now stands on',
    'push': 'the thing begins to slide or to tip or to roll because the gripper pushes it',
    'drop': 'the thing leaves the fingers in the air; `other` is the thing it lands in, or -1',
    'miss': 'the fingers have closed on nothing, beside or above the thing',
    'touch': 'the gripper first touches the thing, which stays where it is',
    'roll': 'the thing begins to roll on its own: nothing touches it any more',
    'fall_over': 'the thing, tipping over, is past half of its way (45 degrees)',
}
ARTEFACTS = {
    'vanish': 'the first instant without the thing',
    'appear': 'the first instant with the thing',
    'jump': 'the first instant at which the thing is elsewhere',
    'change_colour': 'the first instant with the other colour',
    'change_shape': 'the first instant with the other shape (its kind)',
    'melt': 'the thing, sliding by itself, is deepest inside `other`, which stays where it is',
}
EVENTS = tuple(ACTIONS) + tuple(ARTEFACTS)

CELLS = 42  # a frame's `cells` are CELLS x CELLS
CELL_GRIPPER, CELL_EMPTY = 254, 255

CLEAR_M = 0.01  # a held thing counts as lifted once it is this far above its support
CLEARLY = 0.35  # share of a thing that must be seen for it to count as clearly visible
VERSION = 1  # of the files


@dataclass(frozen=True)
class Thing:
    """An object as it is at the start. Several may look alike."""

    kind: str  # of KINDS
    colour: str  # of COLOURS
    size: str  # of SIZES


@dataclass(frozen=True)
class Event:
    """Something that happened; kind is of EVENTS, where the meaning of moment_s is said.

    thing, other: indices of things, -1 where none is meant. start_s <= moment_s <= end_s.
    """

    kind: str
    thing: int
    other: int
    start_s: float
    moment_s: float
    end_s: float


@dataclass(frozen=True)
class Truth:
    """An episode as one camera saw it. Events ascend by moment_s."""

    seed: int
    view: int  # 0 or 1: the same episode has one seed
    hand_held: bool  # the camera moves
    duration_s: float  # of the episode; frames may show a part of it
    things: tuple[Thing, ...]
    events: tuple[Event, ...]
    time_s: NDArray[np.float32]  # (F,) ascending
    on_grid: NDArray[np.bool_]  # (F,) lies on the grid of 0.5 s
    point: NDArray[np.float32]  # (F, N, 2) inside the visible mask; nan if it is hardly seen
    visible: NDArray[np.float32]  # (F, N) seen share of its silhouette, in [0, 1]
    position_m: NDArray[np.float32]  # (F, N, 3) middle; nan while ABSENT
    supported_by: NDArray[np.int8]  # (F, N) a thing's index, TABLE, GRIPPER, FALLING or ABSENT
    upright: NDArray[np.bool_]  # (F, N) stands on its base; balls and blocks always do
    held: NDArray[np.int8]  # (F,) the thing between the closed fingers, or NOTHING
    lifted: NDArray[np.int8]  # (F,) the thing that is held and clear of its support, or NOTHING
    gripper_point: NDArray[np.float32]  # (F, 2) inside the gripper's mask; nan if hardly seen
    gripper_opening_m: NDArray[np.float32]  # (F,) between the fingers
    colour: NDArray[np.uint8]  # (F, N) index into COLOURS, as it looks
    kind: NDArray[np.uint8]  # (F, N) index into KINDS, as it looks
    cells: NDArray[np.uint8]  # (F, CELLS, CELLS) thing seen at a cell's middle, or CELL_...

    def clear(self) -> NDArray[np.bool_]:
        """(F, N) clearly visible."""
        return self.visible >= CLEARLY


def save(path: Path, frames: NDArray[np.uint8], truth: Truth) -> None:
    """Write an episode's file; it appears all at once. frames: (F, S, S, 3) RGB."""
    row = {f.name: getattr(truth, f.name) for f in fields(truth)}
    things, events = row.pop('things'), row.pop('events')
    arrays: dict[str, Any] = {
        **row,
        'version': VERSION,
        'frames': frames,
        'things': np.array([list(asdict(thing).values()) for thing in things], 'U8'),
        'event_kind': np.array([event.kind for event in events], 'U16'),
        'event_things': np.array([(e.thing, e.other) for e in events], np.int8).reshape(-1, 2),
        'event_times': np.array(
            [(e.start_s, e.moment_s, e.end_s) for e in events], np.float64
        ).reshape(-1, 3),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix('.partial')
    with partial.open('wb') as file:
        np.savez(file, **arrays)
    partial.rename(path)


def load(path: Path, frames: bool = True) -> tuple[NDArray[np.uint8], Truth]:
    """Read an episode's file. Without frames their array is empty, and reading is quicker."""
    with np.load(path) as arrays:
        names = [f.name for f in fields(Truth) if f.name not in ('things', 'events')]
        row = {name: arrays[name] for name in names}
        row |= {name: value.item() for name, value in row.items() if value.ndim == 0}
        kinds, pairs = arrays['event_kind'].tolist(), arrays['event_things'].tolist()
        times = arrays['event_times'].tolist()
        events = tuple(
            Event(kind, *pair, *when) for kind, pair, when in zip(kinds, pairs, times, strict=True)
        )
        things = tuple(Thing(*words) for words in arrays['things'].tolist())
        pictures = arrays['frames'] if frames else np.zeros((0, 0, 0, 3), np.uint8)
    return pictures, Truth(things=things, events=events, **row)
