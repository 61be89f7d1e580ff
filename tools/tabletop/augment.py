# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The same scene seen a little otherwise: mirrored, shifted, turned, nearer, in other light.

A rendered scene costs as much as training on it twice, so that vision sees every one several times.
What a picture shows, and where, is true of the changed one as well.
"""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.tabletop.truth import Truth

SHIFT = 0.045  # of the picture, at most, to each side
ZOOM = 0.08  # at most, nearer or farther
TURN_DEG = 5.0  # at most, either way
GAIN, TINT = 0.2, 0.05  # of the light: at most, and of each colour of it by itself


@dataclass(frozen=True)
class View:
    """A change of the camera. matrix: (2, 3), shares of the picture before to those after."""

    matrix: NDArray[np.float64]
    gain: NDArray[np.float64]  # (3,) of red, green and blue

    @staticmethod
    def drawn(rng: np.random.Generator) -> 'View':
        """A random view; half of them are mirrored."""
        turn = np.deg2rad(rng.uniform(-TURN_DEG, TURN_DEG))
        zoom = rng.uniform(1 - ZOOM, 1 + ZOOM)
        matrix = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        if rng.random() < 0.5:
            matrix = matrix @ np.diag([-1.0, 1.0])
        middle = np.full(2, 0.5)
        shift = middle - matrix @ middle + rng.uniform(-SHIFT, SHIFT, 2)
        gain = rng.uniform(1 - GAIN, 1 + GAIN) * rng.uniform(1 - TINT, 1 + TINT, 3)
        return View(np.column_stack([matrix, shift]), gain)

    def pictures(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(F, S, S, 3) as this view shows them; beyond the edge the edge goes on."""
        steps = np.clip(np.arange(256)[:, None] * self.gain, 0, 255).round().astype(np.uint8)
        return np.stack(
            [cv2.LUT(self._warped(frame, cv2.INTER_LINEAR), steps[None]) for frame in frames]
        )

    def places(self, share: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., 2) places; nan where they have left the picture."""
        moved = share @ self.matrix[:, :2].T + self.matrix[:, 2]
        inside = ((moved >= 0) & (moved < 1)).all(-1, keepdims=True)
        return np.where(inside, moved, np.nan).astype(np.float32)

    def truth(self, episode: Truth, rows: NDArray[np.intp]) -> Truth:
        """What is true of some of an episode's frames in this view; all its events are kept."""
        chosen: dict[str, Any] = {
            name: value[rows]
            for name, value in vars(episode).items()
            if isinstance(value, np.ndarray)
        }
        chosen['point'] = self.places(chosen['point'])
        chosen['gripper_point'] = self.places(chosen['gripper_point'])
        chosen['visible'] = np.where(np.isnan(chosen['point'][..., 0]), 0, chosen['visible'])
        chosen['cells'] = np.stack(
            [self._warped(cells, cv2.INTER_NEAREST) for cells in chosen['cells']]
        )
        return replace(episode, **chosen)

    def _warped(self, picture: NDArray[np.uint8], how: int) -> NDArray[np.uint8]:
        """One picture or one frame's cells."""
        side = len(picture)
        # In pixels a share s has its middle at s * side - 0.5.
        shift = self.matrix[:, :2] @ np.full(2, 0.5) + self.matrix[:, 2] * side - 0.5
        matrix = np.column_stack([self.matrix[:, :2], shift])
        moved = cv2.warpAffine(
            picture, matrix, (side, side), flags=how, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(moved, np.uint8)
