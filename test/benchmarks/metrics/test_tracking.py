# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tracks against masks: brute force, the reference's quirks beside our default, worked cases."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ground_ros.benchmarks.metrics.hota import hota
from molmo_ground_ros.benchmarks.metrics.tracking import sampled_frames, track_score
from molmo_ground_ros.errors import BadArgument
from molmo_ground_ros.frames.masks import mask_of

WIDTH, HEIGHT, FPS = 40, 30, 6


def box(left, top, right, bottom):
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[top:bottom, left:right] = True
    return mask_of(pixels)


LEFT, RIGHT, EMPTY = box(0, 0, 10, 10), box(20, 0, 30, 10), box(0, 0, 0, 0)
MID_LEFT, MID_RIGHT, NOWHERE = (5.0, 5.0), (25.0, 5.0), (35.0, 25.0)
SECONDS = (0, 6, 12)  # frames at 0, 1 and 2 s


def still(mask, frames=SECONDS):
    return dict.fromkeys(frames, mask)


def said(identity, place, times=(0.0, 1.0, 2.0)):
    return [(time_s, identity, *place) for time_s in times]


def shares(scores):
    return (scores.precision, scores.recall, scores.f1)


def both(predicted, objects, points, **more):
    """Under parity, and by default."""
    return [track_score(predicted, objects, points, FPS, parity=p, **more) for p in (True, False)]


# -- brute force

SPOTS = st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1))
FRAMES = st.sampled_from([0, 6, 12])


@st.composite
def clips(draw):
    """Up to three objects in some of three frames, and up to four points in each."""
    objects, points = [], []
    for _ in range(draw(st.integers(1, 3))):
        there = draw(st.lists(FRAMES, unique=True))
        places = {frame: draw(SPOTS) for frame in there}
        objects.append(
            {k: box(max(x - 3, 0), max(y - 5, 0), x + 4, y + 4) for k, (x, y) in places.items()}
        )
        points.append({k: (float(x), float(y)) for k, (x, y) in places.items()})
    spots = [place for track in points for place in track.values()]
    near = st.one_of(SPOTS, *([st.sampled_from(spots)] if spots else []))
    predicted = [
        (frame / FPS, identity, *map(float, draw(near)))
        for frame in SECONDS
        for identity in draw(st.lists(st.sampled_from([1, 2, 3, 10]), unique=True, max_size=4))
    ]
    return predicted, objects, points


def pairings(said, real):
    """Every way of pairing as many as can be."""
    small, large = sorted((said, real))
    for chosen in itertools.permutations(range(large), small):
        yield [(i, j) if said <= real else (j, i) for i, j in enumerate(chosen)]


def f1_of(scores, said, real, epsilon=0.0):
    precision, recall = scores / said, scores / real
    return 2 * precision * recall / (precision + recall + epsilon) if scores else 0.0


def by_frame(predicted):
    return {k: [track[2:] for track in predicted if track[0] == k / FPS] for k in SECONDS}


@given(clips())
@settings(deadline=None, max_examples=150)
def test_default_f1_is_that_of_brute_force(clip):
    predicted, objects, points = clip
    f1s = []
    for frame, spots in by_frame(predicted).items():
        masks = [track[frame] for track in objects if frame in track]
        if not masks and not spots:
            continue
        if not masks or not spots:
            f1s.append(0.0)
            continue
        best = max(
            sum(masks[j].contains(*map(int, spots[i])) for i, j in pairs)
            for pairs in pairings(len(spots), len(masks))
        )
        f1s.append(f1_of(best, len(spots), len(masks)))
    scores = track_score(predicted, objects, points, FPS, annotated=SECONDS)

    if any(objects):
        assert scores.f1 == pytest.approx(np.mean(f1s) if f1s else 1.0, abs=1e-12)
        assert scores.unjudged == 0
    else:
        assert math.isnan(scores.f1)


@given(clips())
@settings(deadline=None, max_examples=150)
def test_parity_f1_is_that_of_brute_force(clip):
    predicted, objects, points = clip
    lows, highs = [], []  # where pairings are as cheap, any of them may be taken
    for frame, spots in by_frame(predicted).items():
        there = [track[frame] for track in points if frame in track]
        if not there and not spots:
            continue
        possible = {0.0}
        if there and spots:
            every = list(pairings(len(spots), len(there)))
            costs = [sum(math.dist(spots[i], there[j]) for i, j in pairs) for pairs in every]
            possible = {
                f1_of(
                    sum(
                        frame in objects[j] and objects[j][frame].contains(*map(int, spots[i]))
                        for i, j in pairs
                    ),
                    len(spots),
                    len(objects),
                    1e-10,
                )
                for pairs, cost in zip(every, costs, strict=True)
                if cost <= min(costs) + 1e-9
            }
        lows.append(min(possible))
        highs.append(max(possible))
    scores = track_score(predicted, objects, points, FPS, parity=True)

    low, high = (np.mean(ends) if ends else 1.0 for ends in (lows, highs))
    assert low - 1e-12 <= scores.f1 <= high + 1e-12


# -- quirks, parity and default side by side


def test_parity_punishes_two_frames_a_second_where_the_truth_has_one():
    halves = said(1, MID_LEFT, (0.0, 0.5, 1.0, 1.5, 2.0))
    parity, default = both(halves, [still(LEFT)], [still(MID_LEFT)])

    assert shares(parity) == pytest.approx((3 / 5, 3 / 5, 3 / 5))
    assert (parity.frames, parity.unjudged) == (5, 0)
    assert (parity.deta, parity.hota) == pytest.approx((3 / 5, 3 / 5))
    assert shares(default) == (1, 1, 1)
    assert (default.frames, default.unjudged) == (3, 2)
    assert default.hota == 1


def test_where_an_annotated_object_is_absent_a_prediction_is_wrong_in_both():
    # In the third frame it is gone; the data says so.
    predicted = said(1, MID_LEFT)
    for scores in both(
        predicted, [still(LEFT, (0, 6))], [still(MID_LEFT, (0, 6))], annotated=SECONDS
    ):
        assert shares(scores) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
        assert scores.frames == 3
        assert scores.deta == pytest.approx(2 / 3)


def test_what_is_not_known_to_be_absent_is_not_judged_by_default():
    scores = track_score(said(1, MID_LEFT), [still(LEFT, (0, 6))], [still(MID_LEFT, (0, 6))], FPS)

    assert shares(scores) == (1, 1, 1)
    assert (scores.frames, scores.unjudged) == (2, 1)


def test_masks_of_every_frame_are_judged_only_where_they_are_asked_about():
    # Masks at 6 fps, the model speaks once a second, and where points are is what is asked about.
    dense = still(LEFT, range(13))

    assert track_score(said(1, MID_LEFT), [dense], [still(MID_LEFT)], FPS).f1 == 1
    asked = sampled_frames(13, FPS)
    assert track_score(said(1, MID_LEFT), [dense], [{}], FPS, annotated=asked).f1 == 1
    assert track_score(said(1, MID_LEFT), [dense], [{}], FPS).f1 == pytest.approx(3 / 13)


def test_parity_moves_masks_up_where_an_earlier_object_is_hidden():
    # The first object is hidden throughout, the second is there and followed exactly: parity tries
    # it on the first one's mask, and recall is a share of both.
    objects, points = [{}, still(RIGHT)], [{}, still(MID_RIGHT)]
    parity, default = both(said(2, MID_RIGHT), objects, points)

    assert shares(parity) == (0, 0, 0)
    assert parity.hota == 0
    assert shares(default) == (1, 1, 1)
    assert default.hota == 1


def test_parity_recall_is_a_share_of_all_objects_seen_or_not():
    objects, points = [still(LEFT), {}], [still(MID_LEFT), {}]
    parity, default = both(said(1, MID_LEFT), objects, points)

    assert shares(parity) == pytest.approx((1, 1 / 2, 2 / 3))
    assert parity.hota == 1  # which knows of those who are there alone
    assert shares(default) == (1, 1, 1)


def test_parity_counts_hidden_objects_that_have_a_point():
    # Some data gives a point for what is occluded, and no mask.
    objects, points = [still(LEFT, (0, 6))], [still(MID_LEFT)]
    parity, default = both(said(1, MID_LEFT, (0.0, 1.0)), objects, points)

    assert shares(parity) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert shares(default) == (1, 1, 1)
    assert default.frames == 2


def test_parity_takes_the_later_of_two_times_that_round_to_one_frame():
    # At 6 fps 1.0 s and 1.1 s would be frames 6 and 7, 0.9 s and 1.0 s frames 5 and 6; at 1 fps
    # 0.9 s and 1.0 s are both frame 1.
    predicted = [(0.9, 1, *MID_LEFT), (1.0, 1, *NOWHERE)]
    objects, points = [{1: LEFT}], [{1: MID_LEFT}]

    assert track_score(predicted, objects, points, 1, parity=True).f1 == 0
    assert track_score(predicted[::-1], objects, points, 1, parity=True).f1 == 0
    assert track_score(predicted[:1], objects, points, 1, parity=True).f1 == pytest.approx(1)
    scores = track_score(predicted, objects, points, 1)
    assert (scores.f1, scores.unjudged) == (0, 1)  # 0.9 s is no annotated time


def test_parity_rounds_half_a_frame_to_the_even_one():
    objects, points = [{2: LEFT}], [{2: MID_LEFT}]

    for time_s, f1 in ((1.5, 1), (2.5, 1), (0.5, 0), (3.5, 0)):
        scores = track_score(said(1, MID_LEFT, (time_s,)), objects, points, 1, parity=True)
        assert scores.f1 == pytest.approx(f1)
        assert track_score(said(1, MID_LEFT, (time_s,)), objects, points, 1).unjudged == 1


def test_a_label_of_one_decimal_reaches_the_frame_it_was_rounded_from():
    # Frame 900 at 29.97 fps is at 30.03 s and labelled 30.0, which parity takes for frame 899.
    objects, points = [{900: LEFT}], [{900: MID_LEFT}]
    label = said(1, MID_LEFT, (30.0,))

    assert track_score(label, objects, points, 29.97).f1 == 1
    assert track_score(label, objects, points, 29.97, parity=True).f1 == 0


@pytest.mark.parametrize(
    ('fps', 'frame', 'time_s', 'judged'),
    [
        pytest.param(20, 1, 0.1, True, id='0.05 rounded up'),
        pytest.param(20, 1, 0.0, True, id='0.05 rounded down'),
        pytest.param(6, 1, 0.2, True, id='one sixth'),
        pytest.param(25, 1, 0.1, False, id='0.04 is not rounded to 0.1'),
        pytest.param(10, 2, 0.1, False, id='the frame before'),
    ],
)
def test_a_label_is_at_most_half_a_tenth_from_its_frame(fps, frame, time_s, judged):
    scores = track_score(said(1, MID_LEFT, (time_s,)), [{frame: LEFT}], [{frame: MID_LEFT}], fps)

    assert (scores.f1, scores.unjudged) == (judged, not judged)


def test_parity_pairs_by_distance_before_it_tries():
    # Two points are in one object each. A third, beside both, is the nearest to one of them, and
    # the other goes to the point that is in the wrong one.
    tall, wide = box(0, 0, 5, 30), box(6, 0, 36, 5)
    objects, points = [{0: tall}, {0: wide}], [{0: (2.0, 15.0)}, {0: (21.0, 2.0)}]
    predicted = [(0.0, 1, 2.0, 2.0), (0.0, 2, 7.0, 4.0), (0.0, 3, 20.0, 9.0)]
    parity, default = both(predicted, objects, points)

    assert shares(parity) == (0, 0, 0)
    assert shares(default) == pytest.approx((2 / 3, 1, 4 / 5))


def test_an_identity_said_twice_at_one_time_is_taken_as_first_said():
    predicted = [(0.0, 1, *MID_LEFT), (0.0, 1, *NOWHERE)]
    for scores in both(predicted, [{0: LEFT}], [{0: MID_LEFT}]):
        assert scores.precision == 1
    for scores in both(predicted[::-1], [{0: LEFT}], [{0: MID_LEFT}]):
        assert scores.precision == 0


def test_a_mask_without_a_pixel_is_nobody_by_default():
    objects, points = [{0: LEFT, 6: EMPTY}], [{0: MID_LEFT, 6: MID_LEFT}]
    parity, default = both(said(1, MID_LEFT, (0.0,)), objects, points)

    assert shares(default) == (1, 1, 1)
    assert parity.recall == pytest.approx(1 / 2)


# -- identities


def test_a_swap_costs_hota_and_no_f1():
    objects = [still(LEFT, range(0, 24, 6)), still(RIGHT, range(0, 24, 6))]
    points = [
        dict.fromkeys(track, place)
        for track, place in zip(objects, (MID_LEFT, MID_RIGHT), strict=True)
    ]
    predicted = [
        *said(1, MID_LEFT, (0.0, 1.0)),
        *said(2, MID_RIGHT, (0.0, 1.0)),
        *said(2, MID_LEFT, (2.0, 3.0)),
        *said(1, MID_RIGHT, (2.0, 3.0)),
    ]
    for scores in both(predicted, objects, points):
        assert scores.f1 == pytest.approx(1)
        assert scores.deta == 1
        assert scores.assa == pytest.approx(1 / 3)
        assert scores.hota == pytest.approx((1 / 3) ** 0.5)


def test_hota_is_that_of_similarity_1_in_a_mask_at_every_alpha():
    objects, points = [still(LEFT), still(RIGHT)], [still(MID_LEFT), still(MID_RIGHT)]
    predicted = [*said(1, MID_LEFT), *said(2, MID_RIGHT, (0.0, 2.0)), *said(3, NOWHERE, (1.0,))]
    alike = [np.eye(2), [[1, 0], [0, 0]], np.eye(2)]
    whole = hota([[1, 2]] * 3, [[1, 2], [1, 3], [1, 2]], alike)

    for scores in both(predicted, objects, points):
        assert np.allclose(whole.hota, scores.hota)
        assert np.allclose(whole.deta, scores.deta)
        assert np.allclose(whole.assa, scores.assa)


def test_identities_are_sorted_as_text_where_two_suit_as_well():
    # 2 is right in frames 0 and 1, 10 in 0, 2 and 3, where 5 is too, and wrong in 1. Over all
    # frames 2 and 10 suit the object as well: 1.5 / (4 + 2 - 1.5) = 2 / (4 + 4 - 2). "10" is
    # before "2", so frame 0 is its own, and it has 3 pairs: (1 / 5 + 3 * 3 / 5) / 4.
    predicted = [
        *said(2, MID_LEFT, (0.0, 1.0)),
        *said(10, MID_LEFT, (0.0, 2.0, 3.0)),
        *said(10, NOWHERE, (1.0,)),
        *said(5, MID_LEFT, (3.0,)),
    ]
    four = range(0, 24, 6)

    for scores in both(predicted, [still(LEFT, four)], [still(MID_LEFT, four)]):
        assert scores.assa == pytest.approx(1 / 2)


# -- empty cases and bad ones


def test_nobody_and_nothing_said_is_right():
    for objects, points in (([], []), ([{}], [{}])):
        scores = track_score([], objects, points, FPS, parity=True)
        assert set(scores.metrics().values()) == {1.0}
    assert set(track_score([], [], [], FPS, annotated=SECONDS).metrics().values()) == {1.0}
    assert track_score([], [], [], FPS).frames == 0


def test_something_said_of_nobody_is_wrong():
    for scores in both(said(1, MID_LEFT), [], [], annotated=SECONDS):
        assert set(scores.metrics().values()) == {0.0}


def test_nothing_said_of_somebody_is_wrong():
    for scores in both([], [still(LEFT)], [still(MID_LEFT)]):
        assert set(scores.metrics().values()) == {0.0}
        assert scores.frames == 3


def test_data_without_masks_cannot_be_scored_by_default_and_is_missed_under_parity():
    parity, default = both(said(1, MID_LEFT), [{}], [still(MID_LEFT)])

    assert all(map(math.isnan, default.metrics().values()))
    assert default.unjudged == 3
    assert set(parity.metrics().values()) == {0.0}


def test_predictions_off_the_clip_and_off_the_picture():
    predicted = [*said(1, MID_LEFT), *said(1, MID_LEFT, (60.0,)), *said(2, (WIDTH + 5.0, 5.0))]
    scores = track_score(predicted, [still(LEFT)], [still(MID_LEFT)], FPS)

    assert (scores.precision, scores.recall, scores.unjudged) == (1 / 2, 1, 1)


def test_parity_needs_points_and_all_need_a_rate():
    with pytest.raises(BadArgument, match='parity pairs by annotated points'):
        track_score([], [still(LEFT)], [{}], FPS, parity=True)
    with pytest.raises(BadArgument, match='parity needs one path for each of 1 objects'):
        track_score([], [still(LEFT)], [], FPS, parity=True)
    for fps in (0, -1, math.nan):
        with pytest.raises(BadArgument, match='fps'):
            track_score([], [], [], fps)


@pytest.mark.parametrize(
    ('frames', 'fps', 'rate', 'expected'),
    [
        (13, 6, 1, [0, 6, 12]),
        (12, 6, 1, [0, 6]),
        (13, 6, 2, [0, 3, 6, 9, 12]),
        (3, 1, 1, [0, 1, 2]),
        (0, 6, 1, []),
        (26, 25, 2, [0, 12, 25]),
        (25, 25, 2, [0, 12]),
        (13, 12.5, 2, [0, 6, 12]),
    ],
)
def test_frames_asked_about_are_on_the_grid(frames, fps, rate, expected):
    assert list(sampled_frames(frames, fps, rate)) == expected


def test_frames_asked_about_do_not_drift_at_a_broken_rate():
    asked = sampled_frames(1800, 29.97)

    assert len(asked) == 61  # 1800 frames last 60.06 s
    assert max(abs(frame / 29.97 - k) for k, frame in enumerate(asked)) < 0.5 / 29.97 + 1e-9


@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 400))
def test_frames_asked_about_are_the_references_where_the_rates_divide(rate, times, frames):
    fps = rate * times
    expected = [k for k in range(frames) if k % (fps // rate) == 0]

    assert list(sampled_frames(frames, fps, rate)) == expected


def test_no_more_frames_are_asked_about_than_there_are():
    for rate in (2, 0, -1):
        with pytest.raises(BadArgument, match=f'sampling_fps = {rate}'):
            sampled_frames(10, 1, rate)
