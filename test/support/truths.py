# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Truths that no simulator made: small, quick, and with what a test needs in them."""

import numpy as np

from tools.tabletop.truth import CELLS, COLOURS, KINDS, TABLE, Event, Thing, Truth

HALF_S = 0.5


def truth(
    things: tuple[Thing, ...],
    points: np.ndarray,  # (F, N, 2) or (N, 2)
    events: tuple[Event, ...] = (),
    frames: int = 8,
    **changes,
) -> Truth:
    """A truth whose things are all clearly seen, and stand on the table unless `changes` say so."""
    n = len(things)
    points = np.broadcast_to(np.asarray(points, np.float32), (frames, n, 2)).copy()
    shown = ~np.isnan(points[..., 0])
    values = {
        'seed': 20,
        'view': 0,
        'hand_held': False,
        'duration_s': frames * HALF_S,
        'things': things,
        'events': events,
        'time_s': (np.arange(frames) * HALF_S).astype(np.float32),
        'on_grid': np.ones(frames, bool),
        'point': points,
        'visible': shown.astype(np.float32),
        'position_m': np.concatenate(
            [points * [1, -1] * 0.5, np.full((frames, n, 1), 0.02)], -1
        ).astype(np.float32),
        'supported_by': np.full((frames, n), TABLE, np.int8),
        'upright': np.ones((frames, n), bool),
        'held': np.full(frames, -1, np.int8),
        'lifted': np.full(frames, -1, np.int8),
        'gripper_point': np.full((frames, 2), (0.5, 0.1), np.float32),
        'gripper_opening_m': np.full(frames, 0.08, np.float32),
        'colour': np.tile([COLOURS.index(t.colour) for t in things], (frames, 1)).astype(np.uint8),
        'kind': np.tile([KINDS.index(t.kind) for t in things], (frames, 1)).astype(np.uint8),
        'cells': np.full((frames, CELLS, CELLS), 255, np.uint8),
    }
    return Truth(**(values | changes))


def random_truth(seed: int, frames: int = 24) -> Truth:
    """Things that lie about, and some events."""
    rng = np.random.default_rng(seed)
    colours = rng.permutation(np.repeat(COLOURS, 2))[: rng.integers(3, 9)]
    sizes = rng.choice(['small', 'medium', 'large'], len(colours))
    things = tuple(
        Thing(str(rng.choice(KINDS)), str(c), str(s)) for c, s in zip(colours, sizes, strict=True)
    )
    points = rng.uniform(0.05, 0.95, (len(things), 2))
    moments = np.sort(rng.uniform(0, frames * HALF_S, 8))
    kinds = ('grasp', 'place', 'push', 'drop', 'miss', 'touch', 'vanish', 'fall_over')
    events = tuple(
        Event(k, int(rng.integers(len(things))), -1, t - 0.1, t, t + 0.1)
        for k, t in zip(kinds, moments, strict=True)
    )
    cells = rng.integers(0, len(things), (frames, CELLS, CELLS)).astype(np.uint8)
    return truth(things, points, events, frames, cells=cells)
