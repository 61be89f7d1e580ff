# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bar: right pixels of a simulated bag are placed within 5 mm by `analyze`.

`test/ros/test_simulated_places.py` holds the node to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip('pytransform3d', reason='needs the extra: pip install molmo_ground_ros[space]')

from support.place_bar import check

from tools.tabletop.bag import write_bag
from tools.tabletop.places import SPAN, analyzed, hand_held
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.render import Stage

Episode = tuple[Path, dict[str, Any]]


@pytest.fixture(scope='module', params=[False, True], ids=['tripod', 'hand'])
def episode(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, stage: Stage
) -> Episode:
    """A bag of seven seconds, and its truth; in a hand the camera moves and so does /tf."""
    del stage  # skips where nothing can be drawn
    scene = scene_from_seed(18, 8.0, calm=True)
    path = tmp_path_factory.mktemp('places') / 'episode.mcap'
    return path, write_bag(hand_held(scene) if request.param else scene, SPAN, path)


def test_analyze_places_right_pixels(episode: Episode) -> None:
    path, truth = episode
    (finding,) = analyzed(path, truth).findings
    check([sighting.point for track in finding.tracks for sighting in track.points], truth)


def test_the_truth_of_a_ball_lies_on_the_ball(episode: Episode) -> None:
    """A check of the truth that needs no depth: all of a ball is as far from its middle."""
    _, truth = episode
    widths = [thing['width_m'] for thing in truth['things']]
    balls = {n for n, thing in enumerate(truth['things']) if thing['kind'] == 'ball'}
    shares = [
        np.linalg.norm(np.subtract(row['surface_m'], row['position_m']))
        / (widths[row['thing']] / 2)
        for picture in truth['pictures']
        for row in picture['things']
        if row['thing'] in balls and row['visible'] > 0.9
    ]
    assert len(shares) > 5
    # A ball is drawn with 18 x 10 flat faces, whose middles lie inside it.
    assert 0.9 < min(shares) <= max(shares) < 1.01
