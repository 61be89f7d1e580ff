# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.annotated import HEIGHT, WIDTH, box_of, boxed, square, video
from support.sam2_checkpoint import write_sam2

from molmo_ground_ros.backends.segmenter import load_segmenter
from molmo_ground_ros.benchmarks.conversions.boxes import box_around, box_iou, is_doubtful, segment
from molmo_ground_ros.benchmarks.datasets.examples import Expression
from molmo_ground_ros.frames.masks import mask_of

BOTH, ONE, TWO = Expression('both', (1, 2)), Expression('one', (1,)), Expression('two', (2,))


class Squares:
    """Follows boxes exactly, but for the objects of `wrong`, whose squares are too small."""

    def __init__(self, wrong=(), gone=()):
        self.wrong, self.gone = wrong, gone
        self.doubts = []

    def track_boxes(self, frames, boxes, doubt=None):
        for index, _ in enumerate(frames):
            self.doubts.append(doubt)
            yield {
                number: mask_of(square(index, number, 4 if number in self.wrong else 9))
                for number in boxes
                if (number, index) not in self.gone
            }


def frames(count=40):
    return (np.zeros((HEIGHT, WIDTH, 3), np.uint8) for _ in range(count))


def blocks():
    return video({1: range(3, 30), 2: range(0, 40, 4)}, expressions=(BOTH, ONE, TWO))


def test_masks_take_the_place_of_boxes_on_the_frames_that_have_one():
    made = segment(boxed(blocks()), frames(), Squares())
    assert made.annotated == replace(blocks(), file='', row=0)
    assert (made.dropped, made.unsaid) == ((), ())


def test_tracks_that_sam2_loses_are_dropped_with_what_is_said_of_them():
    made = segment(boxed(blocks()), frames(), Squares(wrong={2}))
    assert [track.id for track in made.annotated.tracks] == [1]
    assert made.annotated.expressions == (ONE,)
    assert made.unsaid == (BOTH, TWO)
    (dropped,) = made.dropped
    assert (dropped.id, dropped.label) == (2, 'red block')
    assert dropped.iou == pytest.approx(16 / 81)


def test_agreement_is_a_mean_over_the_frames_with_a_box():
    # 27 frames have a box: masks on 14 of them are a mean over one half, on 13 under it.
    gone = {(1, k) for k in range(3, 16)}
    assert not segment(boxed(blocks()), frames(), Squares(gone=gone)).dropped
    (dropped,) = segment(boxed(blocks()), frames(), Squares(gone=gone | {(1, 16)})).dropped
    assert dropped.iou == pytest.approx(13 / 27)


def test_tracks_that_have_masks_stay_as_they_are():
    whole = blocks()
    mixed = replace(whole, tracks=(boxed(whole).tracks[0], whole.tracks[1]))
    made = segment(mixed, frames(), Squares())
    assert made.annotated.tracks == whole.tracks


def test_an_object_without_a_box_is_never_there():
    made = boxed(blocks())
    empty = replace(made, tracks=(made.tracks[0], replace(made.tracks[1], boxes={})))
    segmented = segment(empty, frames(), Squares())
    assert not segmented.dropped
    assert segmented.annotated.tracks[1].masks == {}


def test_later_boxes_are_prompts_only_where_asked():
    quiet, asking = Squares(), Squares()
    segment(boxed(blocks()), frames(), quiet)
    segment(boxed(blocks()), frames(), asking, reprompt=True)
    assert set(quiet.doubts) == {None}
    assert set(asking.doubts) == {is_doubtful}


@pytest.mark.parametrize(
    ('pixels', 'doubts'),
    [
        pytest.param(square(0, 1), False, id='the object'),
        pytest.param(square(0, 1, 6), True, id='less than half of the box'),
        pytest.param(square(0, 1, 7), False, id='more than half of it'),
        pytest.param(square(0, 1, 10), False, id='a fifth outside'),
        pytest.param(square(0, 1, 11), True, id='a third outside'),
    ],
)
def test_a_mask_is_doubtful_where_it_is_not_the_box(pixels, doubts):
    assert is_doubtful(mask_of(pixels), box_of(0, 1)) is doubts


def test_no_mask_is_doubtful():
    assert is_doubtful(None, box_of(0, 1))


def test_box_around_a_mask_touches_its_pixels():
    assert box_around(mask_of(square(5, 2))) == box_of(5, 2)


@pytest.mark.parametrize(
    ('one', 'other', 'iou'),
    [
        ((0, 0, 4, 4), (0, 0, 4, 4), 1.0),
        ((0, 0, 4, 4), (2, 0, 4, 4), 1 / 3),
        ((0, 0, 4, 4), (4, 0, 4, 4), 0.0),
        ((0, 0, 4, 4), (9, 9, 4, 4), 0.0),
        ((0, 0, 2, 2), (0, 0, 4, 4), 0.25),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
    ],
)
def test_iou_of_boxes(one, other, iou):
    assert box_iou(one, other) == box_iou(other, one) == pytest.approx(iou)


def test_real_sam2_with_random_weights_keeps_or_drops_by_the_same_rule(tmp_path):
    segmenter = load_segmenter(str(write_sam2(tmp_path)), 'cpu')
    small = video({1: range(2, 10), 2: range(6)}, frames=12)
    made = boxed(small)
    noise = np.random.default_rng(1).integers(0, 255, (12, HEIGHT, WIDTH, 3), dtype=np.uint8)
    segmented = segment(made, noise, segmenter)
    by_hand = {1: [], 2: []}
    boxes = {track.id: track.boxes for track in made.tracks}
    for index, masks in enumerate(segmenter.track_boxes(noise, boxes)):
        for number, of_frame in boxes.items():
            if index in of_frame:
                mask = masks.get(number)
                around = box_around(mask) if mask else (0, 0, 0, 0)
                by_hand[number].append(box_iou(around, of_frame[index]))
    means = {number: float(np.mean(values)) for number, values in by_hand.items()}
    assert {one.id: pytest.approx(one.iou) for one in segmented.dropped} == {
        number: mean for number, mean in means.items() if mean < 0.5
    }
    assert segmented.dropped  # random weights follow nothing
