# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small sound folders of pictures with their times."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tools.fuzz_recordings.bags import PERIOD_NS, PICTURES, ZERO_NS

_SUFFIXES = ('.png', '.jpg', '.bmp', '.webp')


def write_tum(folder: Path) -> Path:
    """`rgb/` and `rgb.txt`: a line of seconds and a path for each picture."""
    names = [f'{number}{_SUFFIXES[number % len(_SUFFIXES)]}' for number in range(PICTURES)]
    _write_pictures(folder / 'rgb', names)
    times = ((ZERO_NS + number * PERIOD_NS) / 1e9 for number in range(PICTURES))
    lines = [f'{time:.6f} rgb/{name}' for time, name in zip(times, names, strict=True)]
    (folder / 'rgb.txt').write_text('\n'.join(['# timestamp filename', *lines]))
    return folder


def write_kitti(folder: Path) -> Path:
    """`data/` and `timestamps.txt`: a date for each picture, in the order of their names."""
    _write_pictures(folder / 'data', [f'{number:010}.png' for number in range(PICTURES)])
    lines = [
        f'2011-09-26 13:02:{number // 10:02}.{number % 10}00000000' for number in range(PICTURES)
    ]
    (folder / 'timestamps.txt').write_text('\n'.join(lines))
    return folder


def _write_pictures(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 256, (12, 16, 3), np.uint8)
        cv2.imwrite(str(folder / name), pixels)


WRITERS = {'pictures_tum': write_tum, 'pictures_kitti': write_kitti}
