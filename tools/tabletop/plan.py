# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A seed to an episode: scene randomisation and the scripted gripper's plan. Pure numpy."""

import colorsys
import math
from dataclasses import dataclass, field

import numpy as np

from tools.tabletop.world import (
    CLEAR_M,
    COLOURS,
    HEIGHT,
    WIDTH,
    Action,
    Block,
    Camera,
    Floats,
    Hold,
    Look,
    Scene,
)

HUES = {'red': 0.0, 'green': 0.36, 'blue': 0.61, 'yellow': 0.155, 'purple': 0.79, 'orange': 0.072}
GAP_M = 0.05  # between blocks, so that a finger fits
TIP_M = 0.008  # height of the fingertips while gripping
MARGIN = 0.075  # blocks stay this share of the picture away from its edge


def scene_from_seed(seed: int, duration_s: float = 26.0) -> Scene:
    """The episode of a seed: the same seed gives the same episode."""
    rng = np.random.default_rng(seed)
    while True:
        camera = _camera(rng)
        blocks = _blocks(rng, camera)
        if len(blocks) >= 2:
            break
    script = _Script(rng, camera, blocks)
    script.run(duration_s)
    path = np.array(script.path)
    return Scene(
        seed,
        duration_s,
        camera,
        blocks,
        _look(rng),
        path,
        tuple(script.actions),
        tuple(script.holds),
    )


def _camera(rng: np.random.Generator) -> Camera:
    azimuth, elevation = rng.uniform(-0.35, 0.35), rng.uniform(0.72, 1.1)
    distance, roll = rng.uniform(0.58, 0.78), rng.uniform(-0.03, 0.03)
    target = np.array([rng.uniform(-0.03, 0.03), rng.uniform(-0.03, 0.03), 0.04])
    back = np.array(
        [
            math.sin(azimuth) * math.cos(elevation),
            -math.cos(azimuth) * math.cos(elevation),
            math.sin(elevation),
        ]
    )
    forward = -back
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = math.cos(roll), math.sin(roll)
    rotation = np.stack([c * right + s * down, c * down - s * right, forward], axis=1)
    return Camera(rng.uniform(500.0, 600.0), target + distance * back, rotation)


def _blocks(rng: np.random.Generator, camera: Camera) -> tuple[Block, ...]:
    """2 to 5 blocks of distinct colours, each 7 to 13 % of the picture's width at the centre."""
    count = int(rng.integers(2, 6))
    names = rng.choice(len(COLOURS), size=count, replace=False)
    metres_wide = WIDTH / camera.focal_px * float(np.linalg.norm(camera.position))
    widest = 0.13 if count < 4 else 0.11
    base = rng.uniform(0.075, widest - 0.005)
    blocks: list[Block] = []
    for name in names:
        size = metres_wide * float(np.clip(base + rng.uniform(-0.012, 0.012), 0.07, widest))
        place = free_place(rng, camera, blocks, [b.rest for b in blocks], size, lift=0.12)
        if place is None:
            continue
        rgb = _paint(rng, COLOURS[name])
        yaw = rng.uniform(-0.4, 0.4)
        blocks.append(Block(COLOURS[name], rgb, size, yaw, np.array([*place, size / 2])))
    return tuple(blocks)


def _paint(rng: np.random.Generator, colour: str) -> tuple[float, float, float]:
    hue = HUES[colour] + rng.uniform(-0.016, 0.016)
    saturation, value = rng.uniform(0.78, 1.0), rng.uniform(0.7, 1.0)
    if colour == 'red':
        hue = rng.uniform(-0.02, 0.008)
        value = rng.uniform(0.65, 0.95)
    if colour == 'purple':
        saturation, value = rng.uniform(0.55, 0.85), rng.uniform(0.55, 0.85)
    return colorsys.hsv_to_rgb(hue % 1.0, saturation, value)


def free_place(
    rng: np.random.Generator,
    camera: Camera,
    blocks: list[Block],
    centres: list[Floats],
    size: float,
    lift: float,
) -> tuple[float, float] | None:
    """A spot on the table, in the picture even when lifted, clear of the blocks; or None."""
    for _ in range(60):
        x, y = rng.uniform(-0.36, 0.36), rng.uniform(-0.34, 0.34)
        ends = np.array([(x, y, size / 2), (x, y, size / 2 + lift)])
        share = camera.project(ends) / (WIDTH, HEIGHT)
        if share.min() < MARGIN or share.max() > 1 - MARGIN:
            continue
        reach = [(b.size_m + size) * 0.62 + GAP_M for b in blocks]
        if all(math.hypot(x - c[0], y - c[1]) > r for c, r in zip(centres, reach, strict=True)):
            return x, y
    return None


def _look(rng: np.random.Generator) -> Look:
    def grey(low: float, high: float, tint: float) -> tuple[float, float, float]:
        value, hue = rng.uniform(low, high), rng.uniform(0.0, 1.0)
        return colorsys.hsv_to_rgb(hue, rng.uniform(0.0, tint), value)

    table, mat = grey(0.25, 0.95, 0.22), grey(0.2, 0.95, 0.2)
    if rng.random() < 0.3:  # wood
        table = colorsys.hsv_to_rgb(
            rng.uniform(0.06, 0.1), rng.uniform(0.2, 0.42), rng.uniform(0.4, 0.75)
        )
    box = (
        rng.uniform(-0.3, 0.3),
        rng.uniform(-0.3, 0.3),
        rng.uniform(0.05, 0.4),
        rng.uniform(0.05, 0.4),
    )
    if rng.random() < 0.5:
        box = (0.0, 0.0, 0.0, 0.0)
    return Look(
        table_rgb=table,
        mat_rgb=mat,
        mat_box=box,
        gripper_rgb=grey(0.12, 0.9, 0.08),
        light_position=(rng.uniform(-1.2, 1.2), rng.uniform(-1.2, 1.2), rng.uniform(1.2, 2.2)),
        light_diffuse=rng.uniform(0.35, 0.65),
        ambient=rng.uniform(0.3, 0.5),
        gain=(rng.uniform(0.93, 1.07), rng.uniform(0.95, 1.05), rng.uniform(0.93, 1.07)),
        gamma=rng.uniform(0.85, 1.2),
        noise_std=rng.uniform(0.0, 5.0),
        jpeg_quality=int(rng.integers(75, 96)),
    )


@dataclass
class _Script:
    """Writes the gripper's path one action after another."""

    rng: np.random.Generator
    camera: Camera
    blocks: tuple[Block, ...]
    path: list[tuple[float, float, float, float, float, float]] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)

    def run(self, duration_s: float) -> None:
        """Act until past the duration. One favourite block gets about half of the attention."""
        rng = self.rng
        self.centres = [block.rest.copy() for block in self.blocks]
        self.widest = max(b.size_m for b in self.blocks) + rng.uniform(0.035, 0.05)
        self.hover = max(b.size_m for b in self.blocks) + rng.uniform(0.09, 0.14)
        self.pace = rng.uniform(0.85, 1.25)
        start = rng.uniform((-0.25, -0.1), (0.25, 0.3))
        self.path.append((0.0, start[0], start[1], self.hover, self.widest, 0.0))
        favourite = int(rng.integers(len(self.blocks)))
        while self.path[-1][0] < duration_s:
            block = favourite if rng.random() < 0.35 else int(rng.integers(len(self.blocks)))
            kind = str(rng.choice(('grasp', 'miss', 'touch', 'idle'), p=(0.62, 0.15, 0.13, 0.1)))
            began = self.path[-1][0]
            done = getattr(self, f'_{kind}')(block)
            if done:
                end = self.path[-1][0]
                self.actions.append(Action(kind, -1 if kind == 'idle' else block, began, end))

    def _go(self, low_s: float, high_s: float, **change: float) -> float:
        """Append a waypoint; x, y, z, opening or yaw change, the rest stays. Returns its time."""
        _, x, y, z, opening, yaw = self.path[-1]
        spent = float(self.rng.uniform(low_s, high_s)) * self.pace
        time_s = self.path[-1][0] + spent
        row = {'x': x, 'y': y, 'z': z, 'opening': opening, 'yaw': yaw, **change}
        self.path.append((time_s, row['x'], row['y'], row['z'], row['opening'], row['yaw']))
        return time_s

    def _above(self, block: int, dx: float = 0.0, dy: float = 0.0) -> None:
        x, y, _ = self.centres[block]
        goal = {'x': x + dx, 'y': y + dy, 'z': self.hover, 'yaw': self.blocks[block].yaw}
        self._go(0.45, 1.1, opening=self.widest, **goal)

    def _grasp(self, block: int) -> bool:
        size, tallest = self.blocks[block].size_m, max(b.size_m for b in self.blocks)
        lift = max(0.08, tallest + float(self.rng.uniform(0.01, 0.04)))
        others = [i for i in range(len(self.blocks)) if i != block]
        if self.rng.random() < 0.15:  # put back where it was
            goal: tuple[float, float] | None = tuple(self.centres[block][:2])
        else:
            kept = [self.blocks[i] for i in others]
            spots = [self.centres[i] for i in others]
            goal = free_place(self.rng, self.camera, kept, spots, size, lift)
        if goal is None:
            return False
        slip = self.rng.uniform(-0.004, 0.004)
        self._above(block, slip, slip)
        self._go(0.3, 0.55, z=TIP_M)
        close = self._go(0.2, 0.35, opening=size)
        rise = self._go(0.05, 0.3)
        top = self._go(0.35, 0.6, z=TIP_M + lift)
        self._go(0.5, 1.2, x=goal[0] + slip, y=goal[1] + slip)
        low = self.path[-1][0]
        down = self._go(0.35, 0.6, z=TIP_M)
        release = self._go(0.05, 0.15)
        self._go(0.2, 0.3, opening=self.widest)
        self._go(0.25, 0.45, z=self.hover)
        share = CLEAR_M / lift
        offset = self.centres[block] - (
            self.centres[block][0] + slip,
            self.centres[block][1] + slip,
            TIP_M,
        )
        self.centres[block] = np.array([goal[0], goal[1], size / 2])
        lifted, placed = rise + share * (top - rise), down - share * (down - low)
        self.holds.append(
            Hold(block, close, lifted, placed, release, offset, self.centres[block].copy())
        )
        return True

    def _miss(self, block: int) -> bool:
        """Close beside the block, or above it, and come up with nothing."""
        size = self.blocks[block].size_m
        if self.rng.random() < 0.3:
            self._above(block)
            self._go(0.25, 0.45, z=size + 0.012)
        else:
            away = size * 0.75 + self.widest / 2 + 0.02
            beside = self._clear_direction(block, away)
            if beside is None:
                return False
            self._above(block, *beside)
            self._go(0.3, 0.55, z=TIP_M)
        self._go(0.2, 0.4, opening=0.004)
        self._go(0.05, 0.3)
        self._go(0.35, 0.6, z=self.hover)
        return True

    def _clear_direction(self, block: int, away: float) -> tuple[float, float] | None:
        x, y, _ = self.centres[block]
        for _ in range(20):
            angle = self.rng.uniform(0.0, 2 * math.pi)
            dx, dy = away * math.cos(angle), away * math.sin(angle)
            gaps = [
                math.hypot(x + dx - c[0], y + dy - c[1]) - b.size_m * 0.7 - self.widest / 2
                for c, b in zip(self.centres, self.blocks, strict=True)
            ]
            share = self.camera.project(np.array([x + dx, y + dy, 0.0])) / (WIDTH, HEIGHT)
            if min(gaps) > 0.0 and share.min() > 0.04 and share.max() < 0.96:
                return dx, dy
        return None

    def _touch(self, block: int) -> bool:
        """Close on the block, or tap its top, and leave it where it is."""
        size = self.blocks[block].size_m
        self._above(block)
        if self.rng.random() < 0.6:
            self._go(0.3, 0.55, z=TIP_M)
            self._go(0.2, 0.35, opening=size)
            self._go(0.2, 0.7)
            self._go(0.2, 0.35, opening=self.widest)
        else:
            self._go(0.15, 0.3, opening=0.004)
            self._go(0.25, 0.45, z=size + 0.002)
            self._go(0.1, 0.5)
        self._go(0.25, 0.45, z=self.hover)
        return True

    def _idle(self, block: int) -> bool:
        x, y = self.rng.uniform(-0.25, 0.25), self.rng.uniform(-0.25, 0.25)
        self._go(0.5, 1.5, x=x, y=y, z=self.hover, opening=self.rng.uniform(0.02, self.widest))
        self._go(0.0, 0.8)
        del block
        return True
