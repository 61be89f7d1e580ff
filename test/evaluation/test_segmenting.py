# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dataset_records import HEIGHT, WIDTH
from evaluations import TRACKS_RIGHT, mask, point_example, track_example

from molmo_ground_ros.datasets.values import Tracked, TrackTruth
from molmo_ground_ros.errors import NoFrames
from molmo_ground_ros.evaluation.reading import Spot
from molmo_ground_ros.evaluation.score import Rules, outcome
from molmo_ground_ros.evaluation.segmenting import clicks, compared, segmented
from molmo_ground_ros.evaluation.values import Said, Silence, State

RULES = Rules()


class Squares:
    """Makes the square around each object's last point."""

    def __init__(self):
        self.given = None
        self.sizes = set()

    def track_points(self, frames, points):
        self.given = points
        last = {}
        for k, frame in enumerate(frames):
            self.sizes.add(frame.shape)
            last |= {number: spots[k] for number, spots in points.items() if k in spots}
            yield {number: mask(round(x) - 4, round(y) - 4) for number, (x, y) in last.items()}


def pictures(example, size=(HEIGHT, WIDTH)):
    return (np.zeros((*size, 3), np.uint8) for _ in range(example.truth.frames))


def judged(text, example=None, frames=pictures):
    example = example or track_example()
    heard = Silence(State.UNANSWERED, 'why') if text is None else Said(text)
    before = outcome(example, heard, RULES)
    return segmented(example, before, Squares(), frames, RULES), before


def test_masks_of_right_points_are_right_wherever_there_is_a_true_one():
    found, before = judged(TRACKS_RIGHT)
    # All frames are compared; both objects were pointed to from the frame on which they appear.
    assert found.scores['j'] == found.scores['j_and_f'] == pytest.approx(1)
    assert dict(before.scores).items() <= dict(found.scores).items()


def test_object_that_was_not_pointed_to_costs_its_area():
    found, _ = judged(TRACKS_RIGHT.replace(' 2 625 417', ''))
    assert found.scores['j'] == pytest.approx((2 + 6 * 0.5) / 8)


@pytest.mark.parametrize('text', [None, 'There are none.'], ids=['unanswered', 'none'])
def test_no_points_score_0(text):
    found, _ = judged(text)
    assert (found.scores['j'], found.scores['f'], found.scores['j_and_f']) == (0, 0, 0)


def test_video_of_another_size_is_fitted_to_the_data():
    squares = Squares()
    example = track_example()
    before = outcome(example, Said(TRACKS_RIGHT), RULES)
    found = segmented(example, before, squares, lambda one: pictures(one, (90, 128)), RULES)
    assert squares.sizes == {(HEIGHT, WIDTH, 3)}
    assert found.scores['j'] == pytest.approx(1)


def test_video_that_cannot_be_read_leaves_the_other_scores_and_says_so():
    def gone(_):
        raise NoFrames('v', 'no such file')

    found, before = judged(TRACKS_RIGHT, frames=gone)
    assert found.scores == before.scores
    assert 'no such file' in found.why


def test_only_tracks_with_masks_are_segmented():
    example = point_example()
    before = outcome(example, Said(''), RULES)
    assert segmented(example, before, Squares(), pictures, RULES) is before


def test_clicks_are_pixels_on_the_frames_that_were_said():
    said = [
        Spot(0.5, 1, 0.5, 0.5), Spot(0.52, 1, 0.9, 0.9), Spot(1.0, 1, 1.0, 1.0), Spot(9.0, 2, 0, 0),
    ]  # fmt: skip
    assert clicks(track_example(fps=2.0), said) == {1: {1: (32.0, 24.0), 2: (63.0, 47.0)}}


@pytest.mark.parametrize(
    ('masked', 'frames'),
    [((2, 3, 7), list(range(10))), ((0, 5), [0, 5]), ((4,), list(range(10))), ((3, 8), [3, 8])],
)
def test_frames_that_are_compared(masked, frames):
    one = Tracked(1, {}, dict.fromkeys(masked, mask()))
    example = replace(track_example(), truth=TrackTruth((one,), 2.0, 10))
    assert list(compared(example.truth)) == frames
