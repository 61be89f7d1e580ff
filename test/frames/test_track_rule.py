# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Frames for tracks lie on a finer grid than those of other questions, as far as they fit."""

from __future__ import annotations

import pytest
from support.clips import empty_buffer, filled, raw, stamp

from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.frames.windows import MAX_FRAMES, sample

S = 1_000_000_000


def camera(hz: float, seconds: float, jitter_s: float = 0.0) -> list[int]:
    """Stamps of a camera; every other image is late by the jitter."""
    count = round(seconds * hz) + 1
    return [round((k / hz + (k % 2) * jitter_s) * S) for k in range(count)]


@pytest.mark.parametrize(
    ('stamps', 'rate'),
    [
        pytest.param(camera(30, 10), 10, id='as many as were trained'),
        pytest.param(camera(10, 12), 10, id='all that the node keeps'),
        pytest.param(camera(10, 12, 0.02), 10, id='a camera that jitters'),
        pytest.param(camera(29.97, 12), 10, id='no whole rate'),
        pytest.param(camera(10, 13), 8, id='131 frames at 10 are too many'),
        pytest.param(camera(10, 30), 4, id='half a minute'),
        pytest.param(camera(10, 63), 2, id='the longest window'),
        pytest.param(camera(8, 10), 8, id='a camera of 8 Hz'),
        pytest.param(camera(7, 10), 6, id='between two rates, the lower'),
        pytest.param(camera(2, 10), 2, id='as slow as the grid'),
        pytest.param(camera(1, 10), 2, id='slower than the grid'),
        pytest.param([5], 10, id='one image'),
        pytest.param([*camera(10, 4), *(t + 8 * S for t in camera(10, 4))], 10, id='a pause'),
    ],
)
def test_the_highest_rate_is_taken_that_the_camera_delivers_and_that_fits(stamps, rate):
    assert TrackRule().rate(stamps) == rate


@pytest.mark.parametrize(
    ('rule', 'rate'),
    [
        (TrackRule(most_hz=4), 4),
        (TrackRule(most_hz=5), 4),
        (TrackRule(most_hz=3), 2),
        (TrackRule(most_frames=50), 4),
        (TrackRule(most_frames=3), 2),
    ],
)
def test_a_setting_and_a_short_context_lower_the_rate(rule, rate):
    assert rule.rate(camera(10, 10)) == rate


@pytest.mark.parametrize('seconds', [1.0, 6.0, 12.6, 15.6, 21.0, 31.4, 62.9, 63.0])
def test_no_window_has_more_frames_than_the_longest(seconds):
    stamps = camera(10, seconds)
    for anchor_ns in (stamps[0], stamps[0] - 170_000_000):
        samples, expected = sample(stamps, 0, stamps[-1], anchor_ns, TrackRule().rate(stamps))
        assert len(samples) <= MAX_FRAMES
        assert expected - 1 <= len(samples) <= expected


def test_labels_are_those_of_the_released_format():
    # str(round(k / 6, 1)): molmo2 f3cb108, olmo/preprocessing/data_formatter.py:1654-1668.
    stamps = camera(6, 2)
    samples, expected = sample(stamps, 0, stamps[-1], 0, 6)
    assert [chosen.seconds for chosen in samples][:7] == [0.0, 0.2, 0.3, 0.5, 0.7, 0.8, 1.0]
    assert [chosen.index for chosen in samples] == list(range(13))
    assert expected == 13


@pytest.mark.parametrize('hz', [2, 4, 6, 8, 10])
def test_labels_ascend_at_every_rate(hz):
    stamps = camera(60, 12)
    labels = [chosen.seconds for chosen in sample(stamps, 0, stamps[-1], 0, hz)[0]]
    assert labels == [round(k / hz, 1) for k in range(12 * hz + 1)]
    assert len(set(labels)) == len(labels)


def test_the_newest_frame_is_no_exception_to_the_grid_of_tracks():
    stamps = [*camera(10, 2), round(2.04 * S)]
    every_question, _ = sample(stamps, 0, stamps[-1])
    tracks, _ = sample(stamps, 0, stamps[-1], None, 10)
    assert every_question[-1].index == 21
    assert tracks[-1] == sample(stamps[:-1], 0, stamps[-2], None, 10)[0][-1]


def test_the_frames_of_other_questions_are_among_those_of_tracks():
    stamps = camera(10, 12)
    every_question = {chosen.index for chosen in sample(stamps, 0, stamps[-1], 0)[0]}
    assert every_question <= {chosen.index for chosen in sample(stamps, 0, stamps[-1], 0, 10)[0]}


def test_windows_that_slide_over_a_camera_show_the_same_frames():
    stamps = [t + 30_000_000 for t in camera(30, 20)]
    shown = []
    for start_s in (3.0, 3.05, 3.1):
        window = [t for t in stamps if start_s * S <= t <= (start_s + 8) * S]
        samples, _ = sample(window, window[0], window[-1], stamps[0], 10)
        shown.append([window[chosen.index] for chosen in samples])
    common = set(shown[0]) & set(shown[1]) & set(shown[2])
    assert len(common) >= 78


def test_a_buffer_gives_both_kinds_of_clip():
    window = filled(seconds=6).pin()
    plain, tracks = window.decode(), window.decode(tracks=TrackRule())
    assert plain.seconds == tuple(k / 2 for k in range(13))
    assert tracks.seconds == tuple(k / 10 for k in range(61))
    assert tracks.frames_expected == 61
    assert {frame.stamp_ns for frame in plain.frames} <= {f.stamp_ns for f in tracks.frames}


def test_a_camera_that_was_thinned_out_unevenly_still_gives_ten_a_second():
    # Of 15 Hz the first image of each 0.1 s stays: pauses of 133 and of 67 ms.
    buffer = empty_buffer()
    for k in range(121):
        buffer.push(stamp(k / 15), raw(), 'optical')
    clip = buffer.pin().decode(tracks=TrackRule())
    assert len(clip.frames) > 0.95 * 8 * 10
    assert all(
        abs(frame.stamp_ns - clip.frames[0].stamp_ns - label * S) <= 0.05 * S
        for frame, label in zip(clip.frames, clip.seconds, strict=True)
    )
