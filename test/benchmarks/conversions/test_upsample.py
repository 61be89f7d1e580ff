# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter

import pytest

from molmo_ground_ros.benchmarks.conversions.upsample import repeats, upsampled


@pytest.mark.parametrize(
    ('count', 'times'), [(0, 1), (1, 1), (5, 1), (6, 2), (25, 2), (26, 4), (400, 4)]
)
def test_repeats_are_the_references(count, times):
    # molmo2 f3cb108, olmo/data/molmo2_datasets.py:943-949
    assert repeats(count) == times


def test_medium_and_high_counts_gain_share():
    counts = [2] * 80 + [12] * 15 + [40] * 5  # skewed to low ones, as the article says
    records = Counter(record['count'] for record in upsampled({'count': n} for n in counts))
    assert records == {2: 80, 12: 30, 40: 20}
    total = sum(records.values())
    assert records[2] / total < 0.8
    assert records[12] / total > 0.15
    assert records[40] / total > 0.05


def test_copies_stay_beside_their_record_and_differ_in_their_number():
    records = list(upsampled([{'count': 6, 'label': 'a'}, {'count': 1, 'label': 'b'}]))
    assert [(record['label'], record['repeat']) for record in records] == [
        ('a', 1),
        ('a', 2),
        ('b', 1),
    ]
    assert all(record['count'] == (6 if record['label'] == 'a' else 1) for record in records)
