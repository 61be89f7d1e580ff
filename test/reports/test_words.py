# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from support.findings import ZERO

from molmo_ground_ros.reports.words import clock, date, trust
from molmo_ground_ros.types import Point


@pytest.mark.parametrize(
    ('since_ns', 'words'),
    [(0, '0.0 s'), (15_830_000_000, '15.8 s'), (59_960_000_000, '0:01:00.0'),
     (3_725_400_000_000, '1:02:05.4'), (-500_000_000, '-0.5 s')],
)  # fmt: skip
def test_time_since_the_start_in_words(since_ns, words):
    assert clock(since_ns) == words


def test_stamp_of_a_simulator_is_no_date():
    assert date(12 * 10**9) == ''
    assert date(ZERO + 500_000_000) == '2025-11-22 10:00:00.500 UTC'


@pytest.mark.parametrize(
    ('score', 'probability', 'words'),
    [
        (0.5, math.nan, '0.50'),
        (0.5, 0.414, '0.50, probability 0.41'),
        (math.nan, math.nan, '\u2013'),
    ],
)
def test_score_and_probability_in_words(score, probability, words):
    assert trust(Point(1, 1, 2.0, 3.0, score=score, probability=probability)) == words
