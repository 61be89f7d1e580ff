# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Outcomes are counted by code, and latencies are those of answers."""

from __future__ import annotations

import math

import pytest
from support.recordings import make_answer

from molmo_ground_ros.errors import BackendError, Busy
from molmo_ground_ros.grounding.tally import MOST_LATENCIES, Tally

ANSWER = make_answer((1, 2))


def test_outcomes_are_counted_and_the_newest_error_is_told() -> None:
    tally = Tally()
    tally.count(ANSWER, 2_000_000_000)
    tally.count(Busy(3), 9_000_000_000)
    tally.count_late()
    values = tally.values()
    assert values['outcomes'] == {'OK': 1, 'BUSY': 1}
    assert (values['late'], values['last_error']) == (1, str(Busy(3)))
    assert (values['latency_p50_s'], values['latency_p95_s']) == (2.0, 2.0)


def test_a_backends_error_lasts_until_the_next_answer() -> None:
    tally = Tally()
    assert math.isnan(tally.values()['latency_p50_s'])
    for outcome, told in [
        (BackendError('no memory'), 'no memory'),
        (Busy(1), 'no memory'),
        (ANSWER, ''),
    ]:
        tally.note_backend(outcome)
        assert tally.values()['backend_error'] == told


def test_percentiles_are_of_the_last_answers() -> None:
    tally = Tally()
    tally.count(ANSWER, 500_000_000_000)
    for _ in range(MOST_LATENCIES):
        tally.count(ANSWER, 1_000_000_000)
    assert tally.values()['latency_p95_s'] == pytest.approx(1.0)
