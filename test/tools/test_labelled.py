# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The simulator's verdicts on points, on a clip whose masks are drawn by hand."""

import numpy as np
import pytest
from support.clips import make_clip

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.benchmarks.feedback.labels import Verdict, read_row
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Query
from tools.tabletop.evaluate import Question
from tools.tabletop.footage import Footage
from tools.tabletop.labelled import rows_of, verdicts
from tools.tabletop.render import EMPTY

RED = 0
ON_RED, BESIDE = (100.0, 100.0), (400.0, 400.0)


@pytest.fixture
def footage() -> Footage:
    """Six frames with red at x and y from 50 to 150, lifted 0.4 s and 2.0 s in."""
    masks = np.full((6, 480, 640), EMPTY, np.uint8)
    masks[:, 50:150, 50:150] = RED
    clear = np.zeros((6, 6), bool)
    clear[:, RED] = True
    present = np.arange(6) < 1
    return Footage(1, 0.5 * np.arange(6), (), masks, clear, present, ((0.4, RED), (2.0, RED)))


@pytest.mark.parametrize(
    ('kind', 'spots', 'right'),
    [
        ('count', [(1, *ON_RED), (1, *ON_RED), (4, *ON_RED)], [True, False, True]),
        ('count', [(1, *BESIDE), (2, *ON_RED)], [False, False]),
        ('point', [(0, *BESIDE), (0, *ON_RED), (1, *ON_RED)], [False, True, False]),
        ('track', [(0, *ON_RED), (1, *BESIDE), (2, *ON_RED)], [True, False, True]),
    ],
)
def test_each_point_is_judged_and_nothing_is_hit_twice(footage, kind, spots, right):
    assert verdicts(footage, Question(kind, RED, ''), spots) == right


def test_records_are_those_that_export_reads(footage):
    asked = Question('count', RED, 'How many times was the red block grasped?')
    text = (
        'Counting the <points coords="0.5 1 156 208;2.0 2 900 900">grasp</points>'
        ' shows a total of 2.'
    )
    answer = Grounder(ReplayBackend([text])).ground(make_clip(6), Query(asked.text))
    rows = [read_row(record, 'seed') for record in rows_of(footage, [asked], [answer])]
    assert [row.verdict for row in rows] == [Verdict.RIGHT, Verdict.WRONG]
    assert {row.task for row in rows} == {'count'}
