# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.dataset_records import HEIGHT, WIDTH
from support.evaluations import TRACKS_RIGHT, mask, point_example, track_example

from molmo_ground_ros.benchmarks.datasets.examples import TrackedObject, TrackTruth
from molmo_ground_ros.benchmarks.scoring.answer_points import AnswerPoint
from molmo_ground_ros.benchmarks.scoring.predictions import AnswerState, NoPrediction, Prediction
from molmo_ground_ros.benchmarks.scoring.score import Rules, example_result
from molmo_ground_ros.benchmarks.scoring.segmenting import clicks, compared_frames, with_mask_scores
from molmo_ground_ros.errors import NoFrames

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
    prediction = NoPrediction(AnswerState.UNANSWERED, 'why') if text is None else Prediction(text)
    before = example_result(example, prediction, RULES)
    return with_mask_scores(example, before, Squares(), frames, RULES), before


def test_masks_of_right_points_are_right_wherever_there_is_a_true_one():
    result, before = judged(TRACKS_RIGHT)
    # All frames are compared; both objects were pointed to from the frame on which they appear.
    assert result.scores['j'] == result.scores['j_and_f'] == pytest.approx(1)
    assert dict(before.scores).items() <= dict(result.scores).items()


def test_object_that_was_not_pointed_to_costs_its_area():
    result, _ = judged(TRACKS_RIGHT.replace(' 2 625 417', ''))
    assert result.scores['j'] == pytest.approx((2 + 6 * 0.5) / 8)


@pytest.mark.parametrize('text', [None, 'There are none.'], ids=['unanswered', 'none'])
def test_no_points_score_0(text):
    result, _ = judged(text)
    assert (result.scores['j'], result.scores['f'], result.scores['j_and_f']) == (0, 0, 0)


def test_video_of_another_size_is_fitted_to_the_data():
    squares = Squares()
    example = track_example()
    before = example_result(example, Prediction(TRACKS_RIGHT), RULES)
    result = with_mask_scores(
        example, before, squares, lambda tracked: pictures(tracked, (90, 128)), RULES
    )
    assert squares.sizes == {(HEIGHT, WIDTH, 3)}
    assert result.scores['j'] == pytest.approx(1)


def test_video_that_cannot_be_read_leaves_the_other_scores_and_says_so():
    def gone(_):
        raise NoFrames('v', 'no such file')

    result, before = judged(TRACKS_RIGHT, frames=gone)
    assert result.scores == before.scores
    assert 'no such file' in result.why


def test_only_tracks_with_masks_are_segmented():
    example = point_example()
    before = example_result(example, Prediction(''), RULES)
    assert with_mask_scores(example, before, Squares(), pictures, RULES) is before


def test_clicks_are_pixels_on_the_frames_that_were_said():
    said = [
        AnswerPoint(0.5, 1, 0.5, 0.5),
        AnswerPoint(0.52, 1, 0.9, 0.9),
        AnswerPoint(1.0, 1, 1.0, 1.0),
        AnswerPoint(9.0, 2, 0, 0),
    ]
    assert clicks(track_example(fps=2.0), said) == {1: {1: (32.0, 24.0), 2: (63.0, 47.0)}}


@pytest.mark.parametrize(
    ('masked', 'frames'),
    [((2, 3, 7), list(range(10))), ((0, 5), [0, 5]), ((4,), list(range(10))), ((3, 8), [3, 8])],
)
def test_frames_that_are_compared(masked, frames):
    tracked = TrackedObject(1, {}, dict.fromkeys(masked, mask()))
    example = replace(track_example(), truth=TrackTruth((tracked,), 2.0, 10))
    assert list(compared_frames(example.truth)) == frames
