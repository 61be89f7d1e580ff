# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Both sides of the comparison are asked about one clip and judged at the same times."""

import cv2
import numpy as np
import pytest
from support import truths

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Query
from tools.tabletop.footage import Footage
from tools.tabletop.render import Stage
from tools.tabletop.scoring import Tally
from tools.tabletop.track_rates import ask, film, judge, window_of
from tools.tabletop.truth import CELL_EMPTY, COLOURS, Thing

BLOCK, BALL, TWIN = 0, 1, 2
THINGS = (
    Thing('block', 'red', 'small'),
    Thing('ball', 'blue', 'small'),
    Thing('ball', 'blue', 'small'),
)
JPEG = bytes(cv2.imencode('.jpg', np.zeros((480, 640, 3), np.uint8))[1])


def chance() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def footage() -> Footage:
    """Two seconds at 10 frames a second; the block is hidden in the last, two balls are alike."""
    points = np.broadcast_to([(0.15, 0.2), (0.7, 0.7), (0.9, 0.9)], (21, 3, 2)).copy()
    points[11:, BLOCK] = np.nan
    labels = np.full((21, 480, 640), CELL_EMPTY, np.uint8)
    labels[:11, 50:150, 50:150] = BLOCK
    grid = {'time_s': (np.arange(21) / 10).astype(np.float32), 'on_grid': np.arange(21) % 5 == 0}
    return Footage(truths.truth(THINGS, points, frames=21, **grid), (JPEG,) * 21, labels)


def test_the_rule_shows_more_frames_of_the_same_clip(footage: Footage) -> None:
    plain, hz = window_of(footage, None)
    assert (plain.seconds, hz) == ((0.0, 0.5, 1.0, 1.5, 2.0), 0)
    dense, hz = window_of(footage, TrackRule())
    assert (len(dense.frames), hz) == (21, 10)
    assert (dense.start_ns, dense.end_ns) == (plain.start_ns, plain.end_ns)


def test_what_is_asked_for_has_a_name_of_its_own(footage: Footage) -> None:
    asked = ask(footage, chance())
    assert (asked.question, asked.things) == ('Track the red block.', (BLOCK,))
    footage.truth.colour[15:, BLOCK] = COLOURS.index('green')
    assert ask(footage, chance()) is None


def test_points_between_the_times_that_are_asked_for_do_not_count(footage: Footage) -> None:
    asked = ask(footage, chance())
    window, _ = window_of(footage, TrackRule())
    text = '<tracks coords="0.0 1 156 208;0.3 1 900 900;0.5 1 900 900;1.0 1 156 208">red</tracks>'
    answer = Grounder(ReplayBackend([text])).ground(window, Query(asked.question))
    # Wrong at 0.5 s, where the block was, and right at 0 and 1 s.
    assert judge(footage, asked, answer) == Tally(2, 3, 3)


def test_the_truth_of_a_filmed_clip_is_right(camera: Stage) -> None:
    footage = film(0, 1, camera)
    asked = ask(footage, chance())
    window, _ = window_of(footage, None)
    assert len(window.frames) == footage.truth.on_grid.sum()
    answer = Grounder(ReplayBackend([asked.reply])).ground(window, Query(asked.question))
    assert judge(footage, asked, answer).f1 > 0.9
