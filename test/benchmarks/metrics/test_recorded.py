# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parity equals what the reference's own evaluators gave for recorded cases.

reference_scores.json holds made-up cases and what molmo2 f3cb108 computed for them: masks are boxes
[left, top, right, bottom], by frame or second, in a picture of 40 x 30.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from molmo_ground_ros.benchmarks.metrics.counting import count_score, stated_count
from molmo_ground_ros.benchmarks.metrics.pointing import (
    image_point_score,
    point_score,
    pointbench_hit,
)
from molmo_ground_ros.benchmarks.metrics.tracking import track_score
from molmo_ground_ros.frames.masks import mask_of

RECORDED = json.loads(Path(__file__).with_name('reference_scores.json').read_text())
WIDTH, HEIGHT = RECORDED['width'], RECORDED['height']


def box(left, top, right, bottom):
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[top:bottom, left:right] = True
    return mask_of(pixels)


def cases(kind):
    return [pytest.param(case, id=f'{kind} {k}') for k, case in enumerate(RECORDED[kind])]


@pytest.mark.parametrize('case', cases('tracks'))
def test_parity_of_tracks(case):
    objects = [{int(k): box(*at) for k, at in point.items()} for point in case['objects']]
    points = [{int(k): tuple(at) for k, at in point.items()} for point in case['points']]
    found = track_score(case['said'], objects, points, case['fps'], parity=True)

    assert list(found.metrics().values()) == pytest.approx(case['scores'], abs=1e-12)


@pytest.mark.parametrize('case', cases('points'))
def test_parity_of_points_in_videos(case):
    objects = [{float(k): box(*at) for k, at in point.items()} for point in case['objects']]
    found = point_score(
        *(case['said'], objects, case['points'], case['duration'], WIDTH, HEIGHT), parity=True
    )

    assert list(found.metrics().values()) == pytest.approx(case['scores'], abs=1e-12)


@pytest.mark.parametrize('case', cases('pictures'))
def test_parity_of_points_in_pictures(case):
    masks = [box(*at) for at in case['masks']]
    found = image_point_score(case['said'], masks, case['points'], parity=True)

    assert list(found.metrics().values()) == pytest.approx(case['scores'], abs=1e-12)


def test_pointbench():
    for case in RECORDED['pointbench']:
        hit = pointbench_hit(case['said'], box(*case['box']), WIDTH, HEIGHT)
        assert [float(hit)] == case['scores']


def test_parity_of_counts():
    for text, truth, *scores in RECORDED['counts']:
        found = count_score(truth, stated_count(text, parity=True))
        assert [found.correct, found.close, found.parsed] == scores, text


def test_recorded_cases_tell_parity_from_the_default():
    differ = 0
    for case in RECORDED['tracks']:
        objects = [{int(k): box(*at) for k, at in point.items()} for point in case['objects']]
        points = [{int(k): tuple(at) for k, at in point.items()} for point in case['points']]
        found = track_score(case['said'], objects, points, case['fps'])
        differ += list(found.metrics().values()) != pytest.approx(case['scores'], abs=1e-6)
    assert differ > 20
