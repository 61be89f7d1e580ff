# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a stitcher remembers passes through JSON without loss, and nothing else is read."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from support.recordings import make_answer

from molmo_ground_ros.grounding.stitch import Gap, Sighting, coverage
from molmo_ground_ros.grounding.stitch import json_values as values
from molmo_ground_ros.types import Point, Position, PositionStatus


def through_json(value):
    return json.loads(json.dumps(value))


@pytest.mark.parametrize('score', [0.1, 1 / 3])
def test_sighting_comes_back(score: float) -> None:
    sighting = Sighting(7, 'red "block"', Point(2**62, 3, 0.1, 1e-9, score, 'optical'))
    assert values.sighting_of(through_json(values.sighting_json(sighting))) == sighting


def test_unknown_score_comes_back_as_unknown() -> None:
    entry = through_json(values.point_json(Point(1, 2, 3.0, 4.0)))
    assert math.isnan(values.point_of(entry).score)


def test_position_comes_back() -> None:
    position = Position(PositionStatus.OK, 0.1, -2.5, 1e-9, 0.004, '', 'base_link')
    placed = Point(1, 2, 3.0, 4.0, 0.5, 'optical', position)
    assert values.point_of(through_json(values.point_json(placed))) == placed
    missing = Position(PositionStatus.NO_DEPTH, reason='no depth image')
    point = values.point_of(through_json(values.point_json(replace(placed, position=missing))))
    assert (point.position.status, point.position.reason) == (3 - 1, 'no depth image')
    assert math.isnan(point.position.x) and math.isnan(point.position.spread_m)


def test_window_comes_back_without_its_words() -> None:
    window = coverage.answered(3, make_answer((10, 20), truncated=True))
    assert values.window_of(through_json(values.window_json(window))) == window
    assert 'text' not in values.window_json(window)


def test_gap_comes_back() -> None:
    gap = Gap(1, 2, (), 'off')
    assert values.gap_of(through_json(values.gap_json(gap))) == gap


@pytest.mark.parametrize(
    ('read', 'value'),
    [
        pytest.param(values.integer, True, id='true is no number'),
        pytest.param(values.integer, 1.0, id='a fraction is no whole number'),
        pytest.param(values.integer, '1', id='a text is no number'),
        pytest.param(values.real, math.nan, id='nan'),
        pytest.param(values.real, math.inf, id='infinite'),
        pytest.param(values.words, 1, id='a number is no text'),
        pytest.param(values.span_of, [2, 1], id='ends before it starts'),
        pytest.param(values.span_of, [2, 3, 4], id='three ends'),
        pytest.param(values.point_of, [1, 2, 3.0, 4.0, None], id='a point without a frame'),
        pytest.param(values.fields_of, [1], id='a list is no object'),
    ],
)
def test_other_values_are_refused(read, value) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        read(value)
