# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which frame a point is about, and where on it."""

from __future__ import annotations

import pytest
from support.clips import make_clip

from molmo_ground_ros.grounding.placement import find_frame, point_on
from molmo_ground_ros.language.grammar import ParsedPoint


def parsed(time: float | None = None, frame_index: int | None = None) -> ParsedPoint:
    return ParsedPoint(time, frame_index, 3, 0.25, 0.5, 0, 1, 0, 0)


@pytest.mark.parametrize(
    ('time', 'number'),
    [
        pytest.param(0.0, 0, id='a label'),
        pytest.param(1.5, 3, id='another label'),
        pytest.param(1.74, 3, id='nearest to the label before it'),
        pytest.param(1.76, 4, id='nearest to the label after it'),
        pytest.param(3.75, 7, id='a quarter of a second after the last'),
        pytest.param(3.76, None, id='more than that'),
        pytest.param(-0.26, None, id='before the first'),
    ],
)
def test_a_time_names_the_nearest_frame_within_a_quarter_of_a_second(time, number):
    clip = make_clip(8)
    frame = find_frame(clip, parsed(time=time))
    assert frame is (None if number is None else clip.frames[number])


@pytest.mark.parametrize(('index', 'number'), [(1, 0), (8, 7), (0, None), (9, None)])
def test_a_frame_index_counts_from_1(index, number):
    clip = make_clip(8)
    frame = find_frame(clip, parsed(frame_index=index))
    assert frame is (None if number is None else clip.frames[number])


def test_no_time_means_the_only_frame_and_none_of_several():
    clip = make_clip(1)
    assert find_frame(clip, parsed()) is clip.frames[0]
    assert find_frame(make_clip(2), parsed()) is None


def test_a_point_has_the_pixels_stamp_and_frame_id_of_its_frame():
    (frame,) = make_clip(1, width=640, height=480).frames
    point = point_on(frame, parsed(time=0.0), 7, 0.5)
    assert (point.x, point.y, point.id, point.score) == (160.0, 240.0, 7, 0.5)
    assert (point.stamp_ns, point.frame_id) == (frame.stamp_ns, 'optical')
