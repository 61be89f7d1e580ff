# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Labelled points become records with masks, which our own readers and scores take."""

from __future__ import annotations

import json

import numpy as np
import pytest

from molmo_ground_ros.benchmarks.datasets import read, write
from molmo_ground_ros.benchmarks.feedback.clip_masks import (
    point_record_with_masks,
    track_record_with_masks,
)
from molmo_ground_ros.errors import BadArgument
from molmo_ground_ros.frames.masks import mask_of

WIDTH, HEIGHT, FRAMES = 40, 30, 6
POINTS = {
    'video_id': 'clip',
    'video_source': 'own',
    'video_duration': 2.5,
    'category': 'own',
    'label': 'cup',
    'question': 'How many cups?',
    'count': 3,
    'points': [[{'x': 25.0, 'y': 50.0}], [{'x': 75.0, 'y': 50.0}, {'x': 100.0, 'y': 100.0}]],
    'two_fps_timestamps': [0.5, 2.0],
    'width': WIDTH,
    'height': HEIGHT,
}
TRACKS = {
    'id': 'clip_0',
    'video': 'clip',
    'clip': 'clip',
    'fps': 2,
    'start_frame': 0,
    'end_frame': FRAMES - 1,
    'video_dataset': 'own',
    'exp': 'cup',
    'w': WIDTH,
    'h': HEIGHT,
    'mask_id': ['7', '9'],
    'points': [
        {'object_id': '7', 'points': [[10.5, 15.0], None, [20.0, 15.0], None, None, None]},
        {'object_id': '9', 'points': [None, None, None, [0.0, 0.0], None, None]},
    ],
}


class Squares:
    """A segmenter that gives a square around each click, moved by `off`, and keeps it."""

    def __init__(self, off=0):
        self.off = off
        self.clicks = {}

    def track_points(self, frames, points):
        self.clicks = points
        last = {}
        for index, _ in enumerate(frames):
            for number, placed in points.items():
                if index in placed:
                    x, y = (int(side) + self.off for side in placed[index])
                    pixels = np.zeros((HEIGHT, WIDTH), bool)
                    pixels[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = True
                    last[number] = mask_of(pixels)
            yield dict(last)


def frames():
    return (np.zeros((HEIGHT, WIDTH, 3), np.uint8) for _ in range(FRAMES))


def test_each_point_is_a_click_of_its_own_with_the_mask_of_its_frame(tmp_path):
    squares = Squares()
    record = point_record_with_masks(POINTS, frames(), squares)
    # The last point lies on the corner, and is moved onto the last pixel.
    assert squares.clicks == {0: {1: (10.0, 15.0)}, 1: {4: (30.0, 15.0)}, 2: {4: (39, 29)}}
    assert [[mask['frame_id'] for mask in masks] for masks in record['masks']] == [[1], [4], [4]]
    assert record['two_fps_timestamps'] == [0.5, 2.0, 2.0]
    assert write(tmp_path / 'videopointeval.parquet', [record], 'videopointeval') == 1
    (example,) = read('videopointeval', tmp_path)
    assert [list(tubelet.masks) for tubelet in example.truth.objects] == [[0.5], [2.0], [2.0]]
    assert example.truth.objects[0].masks[0.5].contains(10, 15)


def test_objects_have_masks_only_where_a_point_was_labelled(tmp_path):
    record = track_record_with_masks(TRACKS, frames(), Squares())
    (tmp_path / 'videotrackeval.jsonl').write_text(json.dumps(record))
    (example,) = read('videotrackeval', tmp_path)
    assert [sorted(tracked.masks) for tracked in example.truth.objects] == [[0, 2], [3]]
    assert example.truth.objects[0].masks[2].contains(20, 15)


@pytest.mark.parametrize('make', [point_record_with_masks, track_record_with_masks])
def test_a_mask_beside_its_point_is_refused(make):
    record = POINTS if make is point_record_with_masks else TRACKS
    with pytest.raises(BadArgument, match="is not in SAM 2's mask of it on frame"):
        make(record, frames(), Squares(off=6))


def test_an_answer_of_nothing_needs_no_segmenter():
    nothing = TRACKS | {'mask_id': [], 'points': []}
    assert track_record_with_masks(nothing, frames(), Squares())['masks'] == []
