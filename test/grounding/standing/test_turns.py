# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns come at whole numbers of periods, and those that pass are counted."""

from __future__ import annotations

import pytest

from molmo_ground_ros.grounding.standing.turns import Turns


@pytest.mark.parametrize(
    ('since', 'newest', 'first'),
    [
        pytest.param(20, 20, 25, id='on a turn'),
        pytest.param(21, 21, 30, id='between two'),
        pytest.param(21, 44, 40, id='images came long before the first look'),
    ],
)
def test_first_turn_is_after_a_period_at_least(since: int, newest: int, first: int) -> None:
    turns = Turns()
    assert not turns.is_due(newest)
    turns.begin(since, newest, 5, 20)
    assert turns.next_ns == first


def test_turns_that_pass_are_counted_and_do_not_pile_up() -> None:
    turns = Turns(next_ns=30)
    assert not turns.is_due(29)
    turns.take(30, 5)
    assert (turns.due, turns.skipped, turns.next_ns) == (1, 0, 35)
    turns.take(52, 5)
    assert (turns.due, turns.skipped, turns.next_ns) == (5, 3, 55)
    assert not turns.is_due(54)


def test_a_long_period_begins_with_the_first_window() -> None:
    turns = Turns()
    turns.begin(20, 20, 3600, 12)
    assert turns.next_ns == 32
    turns.take(33, 3600)
    assert (turns.due, turns.skipped, turns.next_ns) == (1, 0, 3600)


def test_counts_come_back_and_the_next_turn_is_set_anew() -> None:
    assert Turns.restored(Turns(7, 2, 35).state()) == Turns(7, 2, 0)
