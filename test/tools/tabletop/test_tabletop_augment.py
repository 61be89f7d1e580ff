# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A changed view shows what its truth says, where it says."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from support import truths

from tools.tabletop.augment import View
from tools.tabletop.truth import CELL_EMPTY, CELLS, Thing

SIDE, RADIUS = 168, 8
RED, GREEN = Thing('ball', 'red', 'small'), Thing('ball', 'green', 'small')
PLACES = np.array([(0.3, 0.4), (0.75, 0.6)])
COLOURS = ((200, 0, 0), (0, 200, 0))


def scene():
    """Two discs at their places, and the cells that they cover."""
    picture = np.full((SIDE, SIDE, 3), 90, np.uint8)
    cells = np.full((CELLS, CELLS), CELL_EMPTY, np.uint8)
    for number, (place, colour) in enumerate(zip(PLACES, COLOURS, strict=True)):
        middle = tuple(np.floor(place * SIDE).astype(int).tolist())
        cv2.circle(picture, middle, RADIUS, colour, -1)
        cv2.circle(cells, tuple(v * CELLS // SIDE for v in middle), 2, number, -1)
    truth = truths.truth((RED, GREEN), PLACES, frames=1)
    return picture[None], replace(truth, cells=cells[None])


@pytest.mark.parametrize('seed', range(20))
def test_points_and_cells_move_with_the_picture(seed):
    frames, truth = scene()
    view = View.drawn(np.random.default_rng(seed))
    pictures, changed = view.pictures(frames), view.truth(truth, np.array([0]))
    assert pictures.shape == frames.shape
    for number, colour in enumerate(COLOURS):
        column, row = np.floor(changed.point[0, number] * SIDE).astype(int)
        shown = pictures[0, row, column].astype(int)
        assert shown.argmax() == np.argmax(colour)
        assert shown.max() == pytest.approx(200 * view.gain[np.argmax(colour)], abs=56)
        assert changed.cells[0, row * CELLS // SIDE, column * CELLS // SIDE] == number


def test_half_of_the_views_are_mirrored():
    rng = np.random.default_rng(0)
    mirrored = [np.linalg.det(View.drawn(rng).matrix[:, :2]) < 0 for _ in range(200)]
    assert 70 < sum(mirrored) < 130


def test_what_leaves_the_picture_is_not_seen():
    _, truth = scene()
    away = View(np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]), np.ones(3))
    changed = away.truth(truth, np.array([0]))
    assert np.isnan(changed.point[0, 1]).all()
    assert changed.visible[0].tolist() == [1.0, 0.0]
