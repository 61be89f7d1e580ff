# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Both sides of the comparison are asked about one clip and judged at the same times."""

import cv2
import numpy as np
import pytest

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Query
from tools.tabletop.footage import Footage
from tools.tabletop.render import EMPTY
from tools.tabletop.track_rates import clip_of, judge

RED = 0
JPEG = bytes(cv2.imencode('.jpg', np.zeros((480, 640, 3), np.uint8))[1])


@pytest.fixture
def footage() -> Footage:
    """Two seconds at 10 frames a second, red at x and y from 50 to 150 but in the last second."""
    masks = np.full((21, 480, 640), EMPTY, np.uint8)
    masks[:11, 50:150, 50:150] = RED
    clear = np.zeros((21, 6), bool)
    clear[:11, RED] = True
    return Footage(1, np.arange(21) / 10, (JPEG,) * 21, masks, clear, np.arange(6) < 1, ())


def test_the_rule_shows_more_frames_of_the_same_clip(footage):
    plain, hz = clip_of(footage, None)
    assert (plain.seconds, hz) == ((0.0, 0.5, 1.0, 1.5, 2.0), 0)
    dense, hz = clip_of(footage, TrackRule())
    assert (len(dense.frames), hz) == (21, 10)
    assert (dense.start_ns, dense.end_ns) == (plain.start_ns, plain.end_ns)


def test_points_between_the_times_that_are_asked_for_do_not_count(footage):
    clip, _ = clip_of(footage, TrackRule())
    text = '<tracks coords="0.0 1 156 208;0.3 1 900 900;0.5 1 900 900;1.0 1 156 208">red</tracks>'
    answer = Grounder(ReplayBackend([text])).ground(clip, Query('Track the red block.'))
    tally = judge(footage, RED, answer)
    # Wrong at 0.5 s, where the block was, and right at 0 and 1 s.
    assert (tally.hits, tally.said, tally.real) == (2, 3, 3)
