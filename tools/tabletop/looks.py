# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What only the picture knows: table, lights, clutter, and the camera's sensor."""

import colorsys
import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.tabletop.layout import Spot
from tools.tabletop.world import RGB, Clutter, Look

TEXTURE = 256  # pixels of a table's pattern, which spans TEXTURE_M
TEXTURE_M = 0.8
CLUTTER = ('pen', 'book', 'ring', 'cone', 'cable', 'plate')
_CLUTTER_RADIUS = {'pen': 0.02, 'book': 0.07, 'ring': 0.03, 'cone': 0.03, 'cable': 0.02}


def look(rng: np.random.Generator) -> Look:
    """An episode's look."""
    pattern = str(rng.choice(('wood', 'cloth', 'checks', 'plain'), p=(0.32, 0.22, 0.11, 0.35)))
    table, second = _table(rng, pattern)
    grey = float(rng.choice((rng.uniform(0.1, 0.2), rng.uniform(0.4, 0.85))))
    angle, height = rng.uniform(0.0, 2 * math.pi), rng.uniform(0.9, 1.8)
    return Look(
        pattern=pattern,
        pattern_seed=int(rng.integers(2**31)),
        table_rgb=table,
        second_rgb=second,
        floor_rgb=_hsv(rng, (0.0, 1.0), (0.0, 0.25), (0.15, 0.6)),
        edge_m=(rng.uniform(0.45, 0.6), rng.uniform(0.38, 0.5)) if rng.random() < 0.25 else None,
        gripper_rgb=_hsv(rng, (0.0, 1.0), (0.0, 0.08), (grey, grey)),
        finger_rgb=_hsv(rng, (0.0, 1.0), (0.0, 0.06), (0.12, 0.75)),
        finger_m=float(rng.uniform(0.009, 0.015)),
        arm_to=(rng.uniform(-0.4, 0.4), rng.uniform(0.5, 0.9), rng.uniform(0.9, 1.4)),
        light_from=(math.cos(angle), math.sin(angle), height),
        light=float(rng.uniform(0.4, 0.65)),
        ambient=float(rng.uniform(0.46, 0.62)),
        shadow=0.0 if rng.random() < 0.15 else float(rng.uniform(0.12, 0.5)),
        softness_m=float(rng.uniform(0.002, 0.012)),
        gain=(rng.uniform(0.94, 1.06), rng.uniform(0.96, 1.04), rng.uniform(0.94, 1.06)),
        gamma=float(rng.uniform(0.88, 1.15)),
        noise_std=float(rng.uniform(0.0, 5.0)),
        blur=0.0 if rng.random() < 0.5 else float(rng.uniform(0.0, 0.0035)),
        vignette=0.0 if rng.random() < 0.4 else float(rng.uniform(0.0, 0.35)),
        jpeg_quality=int(rng.integers(75, 96)),
    )


def _hsv(
    rng: np.random.Generator,
    hue: tuple[float, float],
    saturation: tuple[float, float],
    value: tuple[float, float],
) -> RGB:
    return colorsys.hsv_to_rgb(rng.uniform(*hue), rng.uniform(*saturation), rng.uniform(*value))


def _table(rng: np.random.Generator, pattern: str) -> tuple[RGB, RGB]:
    """A table's colour and its pattern's second one: never as strong as a thing's."""
    if pattern == 'wood':
        hue = rng.uniform(0.055, 0.1)
        strong, value = rng.uniform(0.2, 0.45), rng.uniform(0.42, 0.78)
        light = colorsys.hsv_to_rgb(hue, strong, value)
        return light, colorsys.hsv_to_rgb(hue, min(strong + 0.08, 0.5), value * 0.72)
    table = _hsv(rng, (0.0, 1.0), (0.0, 0.26), (0.3, 0.85))
    if pattern == 'checks':
        return table, _hsv(rng, (0.0, 1.0), (0.0, 0.28), (0.35, 0.85))
    shade = rng.uniform(0.82, 0.95)
    return table, (table[0] * shade, table[1] * shade, table[2] * shade)


def clutter(rng: np.random.Generator, taken: Sequence[Spot], free: int) -> tuple[Clutter, ...]:
    """Up to `free` pieces that stand apart from the things; muted colours."""
    pieces: list[Clutter] = []
    spots = list(taken)
    for _ in range(free * 12):
        if len(pieces) == free:
            break
        shape = str(rng.choice(CLUTTER))
        x, y = float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.45, 0.45))
        radius = _CLUTTER_RADIUS.get(shape, 0.06)
        if all(math.hypot(x - s.x, y - s.y) > s.radius + radius + 0.03 for s in spots):
            pieces.append(_piece(rng, shape, x, y))
            spots.append(Spot(x, y, radius))
    return tuple(pieces)


def _piece(rng: np.random.Generator, shape: str, x: float, y: float) -> Clutter:
    muted = _hsv(rng, (0.0, 1.0), (0.05, 0.35), (0.25, 0.8))
    place = np.array((x, y, 0.0))
    return Clutter(
        shape, muted, place, float(rng.uniform(0.0, 2 * math.pi)), float(rng.uniform(0.8, 1.25))
    )


def pattern(look: Look) -> NDArray[np.uint8]:
    """(TEXTURE, TEXTURE, 3) RGB of the table's top."""
    rng = np.random.default_rng(look.pattern_seed)
    mix = _MIXES[look.pattern](rng)[..., None]  # share of the second colour
    first, second = np.array(look.table_rgb), np.array(look.second_rgb)
    rgb = first * (1 - mix) + second * mix
    grain = rng.standard_normal((TEXTURE, TEXTURE, 1)) * 0.012
    painted: NDArray[np.uint8] = np.clip((rgb + grain) * 255 + 0.5, 0, 255).astype(np.uint8)
    return painted


def _wood(rng: np.random.Generator) -> NDArray[np.float64]:
    """Boards with a grain along them."""
    rows, columns = np.mgrid[0:TEXTURE, 0:TEXTURE] / TEXTURE
    boards = int(rng.integers(3, 7))
    board = np.floor(rows * boards).astype(int)
    offset, tone = rng.uniform(0, 50, boards)[board], rng.uniform(0, 0.35, boards)[board]
    wobble = np.sin(columns * 2 * np.pi * rng.integers(1, 3) + offset) * rng.uniform(0.01, 0.04)
    rings = np.sin((rows + wobble) * 2 * np.pi * rng.uniform(12, 30) + offset)
    fine = cv2.GaussianBlur(rng.standard_normal((TEXTURE, TEXTURE)), (31, 1), 8) * 0.6
    seam = (rows * boards) % 1.0 < 0.03
    mixed: NDArray[np.float64] = np.clip(0.25 + tone + 0.2 * rings + fine + 0.5 * seam, 0, 1)
    return mixed


def _cloth(rng: np.random.Generator) -> NDArray[np.float64]:
    """A weave, with soft folds."""
    rows, columns = np.mgrid[0:TEXTURE, 0:TEXTURE] / TEXTURE
    threads = int(rng.integers(20, 60))
    weave = np.sin(rows * 2 * np.pi * threads) * np.sin(columns * 2 * np.pi * threads)
    angle = rng.uniform(0, 2 * np.pi)
    along = rows * math.cos(angle) + columns * math.sin(angle)
    folds = np.sin(along * 2 * np.pi * rng.uniform(1.0, 4.0) + rng.uniform(0, 6))
    return np.asarray(np.clip(0.5 + 0.3 * weave + 0.4 * folds, 0, 1), np.float64)


def _checks(rng: np.random.Generator) -> NDArray[np.float64]:
    rows, columns = np.mgrid[0:TEXTURE, 0:TEXTURE] / TEXTURE
    squares = int(rng.integers(4, 14)) * 2
    if rng.random() < 0.4:  # stripes
        return np.asarray(np.floor(columns * squares) % 2, np.float64)
    crossed = np.floor(rows * squares) % 2 + np.floor(columns * squares) % 2
    return np.asarray(crossed / 2, np.float64)


def _plain(rng: np.random.Generator) -> NDArray[np.float64]:
    cloud = cv2.resize(rng.uniform(0, 1, (6, 6)), (TEXTURE, TEXTURE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(cloud, 0, 1) * rng.uniform(0.0, 1.0), np.float64)


_MIXES = {'wood': _wood, 'cloth': _cloth, 'checks': _checks, 'plain': _plain}


def photograph(image: NDArray[np.uint8], look: Look, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(H, W, 3) rendered RGB as the camera gives it: blur, vignette, gain, gamma, noise."""
    if look.blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), max(look.blur * image.shape[1], 0.1)))
    ramp = np.linspace(0.0, 1.0, 256, dtype=np.float32)[:, None]
    table = 255.0 * np.clip(ramp * np.array(look.gain, np.float32), 0.0, 1.0) ** look.gamma
    exposed = np.asarray(cv2.LUT(image, table[None]), np.float32)
    if look.vignette:
        exposed *= _vignette(image.shape[0], image.shape[1], look.vignette)[..., None]
    exposed += rng.standard_normal(image.shape, np.float32) * look.noise_std
    rounded: NDArray[np.uint8] = np.clip(exposed + 0.5, 0, 255).astype(np.uint8)
    return rounded


def _vignette(height: int, width: int, strength: float) -> NDArray[np.float32]:
    y = np.linspace(-0.6, 0.6, height, dtype=np.float32)[:, None]
    x = np.linspace(-0.8, 0.8, width, dtype=np.float32)[None]
    return np.asarray(1 - strength * (x * x + y * y), np.float32)


def jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """(H, W, 3) RGB as a JPEG file."""
    return bytes(cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1])
