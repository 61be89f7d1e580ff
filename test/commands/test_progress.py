# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io

import pytest

from molmo_ground_ros.commands.progress import ProgressLine, duration

STEPS = [('exporting', 10.0), ('building', 30.0)]


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def printed_lines(stream, *calls, steps=STEPS):
    """calls: (seconds that pass before, name, done, total)."""
    clock = Clock()
    progress = ProgressLine(steps, stream, clock)
    for seconds, *call in calls:
        clock.now += seconds
        progress.show(*call)
    progress.close()
    return stream.getvalue()


def test_elsewhere_a_finished_step_is_one_line():
    calls = [(0, 'exporting', 0, 1), (20, 'exporting', 1, 1), (0, 'exporting', 1, 1)]
    assert printed_lines(io.StringIO(), *calls) == 'exporting: done, about 60 s left\n'


def lines(step_s, total):
    calls = [(step_s, 'windows', done, total) for done in range(1, total + 1)]
    return printed_lines(io.StringIO(), *calls, steps=[('windows', 1.0)]).splitlines()


def test_elsewhere_a_short_run_says_only_that_it_is_done():
    assert lines(5.0, 11) == ['windows: done, about 0 s left']


def test_elsewhere_a_long_run_says_every_tenth_how_far_it_is():
    printed = lines(36.0, 100)  # an hour
    assert len(printed) == 10
    assert printed[0] == 'windows 10/100, about 54 min left'


def test_elsewhere_a_very_long_run_says_every_ten_minutes_that_it_lives():
    printed = lines(60.0, 1440)  # a day
    assert len(printed) == 144
    assert printed[0] == 'windows 10/1440, about 23.8 h left'


def test_time_left_is_a_guess_until_something_was_measured():
    text = printed_lines(Terminal(), (5, 'exporting', 0, 1), (15, 'exporting', 1, 1))
    guessed, measured = text.split('\r')[1:]
    assert 'about 40 s (a guess)' in guessed
    assert measured.endswith('about 60 s left\n')  # a quarter took 20 s


def test_the_bar_fills_with_the_guessed_shares_and_counts_parts():
    text = printed_lines(Terminal(), (1, 'exporting', 1, 1), (1, 'building decoder', 2, 4))
    bars = [line.partition(']')[0] for line in text.split('[')[2::2]]
    assert [drawn.count('#') for drawn in bars] == [6, 15]
    assert 'building decoder 2/4, ' in text


def test_a_step_of_no_known_name_moves_no_bar():
    text = printed_lines(Terminal(), (1, 'exporting', 1, 1), (1, 'humming', 1, 1))
    bars = [line.partition(']')[0] for line in text.split('[')[2::2]]
    assert bars[0] == bars[1]


def test_steps_that_take_no_time_divide_by_nothing():
    text = printed_lines(io.StringIO(), (0, 'exporting', 1, 1), steps=[('exporting', 0.0)])
    assert text == 'exporting: done, about 0 s (a guess)\n'


@pytest.mark.parametrize(
    ('seconds', 'text'), [(0.4, '0 s'), (89, '89 s'), (600, '10 min'), (7200, '2.0 h')]
)
def test_durations_for_people(seconds, text):
    assert duration(seconds) == text
