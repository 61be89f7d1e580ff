# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The scene of the example bag: its images, their times, and what is done to the red block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.frames import image
from molmo_ground_ros.recording import open_recording
from molmo_ground_ros.types import CompressedImage
from tools.tabletop.bag_truth import BagTruth

ROOT = Path(__file__).resolve().parents[2]
BAG = ROOT / 'examples/tabletop.mcap'
QUESTION = 'How many times was the red block grasped?'
FPS = 10


@dataclass(frozen=True)
class SceneFilm:
    """Images of one camera, ten a second."""

    jpegs: tuple[bytes, ...]
    stamps: NDArray[np.int64]  # (N,) ns, as in the example bag
    grasps: tuple[tuple[int, float, float], ...]  # of the red block: (stamp, x, y)

    def pixels(self, number: int) -> NDArray[np.uint8]:
        """(H, W, 3) RGB of an image."""
        return image.decode(CompressedImage('jpeg', self.jpegs[number]))


def read_film(count: int = 0) -> SceneFilm:
    """The example bag's film, or its first `count` images."""
    with open_recording(BAG) as recording:
        stamps = recording.stamps.copy()[: count or None]
        jpegs = []
        for stamp_ns in stamps.tolist():
            message = recording.message(stamp_ns).image
            jpegs.append(bytes(message.data))
    grasps = tuple(
        (grasp['stamp_ns'], grasp['x'], grasp['y'])
        for grasp in BagTruth.beside(BAG).events('grasp', 'red block')
        if grasp['stamp_ns'] <= int(stamps[-1])
    )
    return SceneFilm(tuple(jpegs), stamps, grasps)
