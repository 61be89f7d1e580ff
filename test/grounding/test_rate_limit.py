# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import threading

import pytest

from molmo_ground_ros.errors import ErrorCode
from molmo_ground_ros.grounding.rate_limit import MINUTE_NS, RateLimit, TooManyQueries

SECOND = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 5 * SECOND

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


def taken(limit: RateLimit, per_minute: int, attempts: int) -> int:
    """How many of these attempts pass."""
    passed = 0
    for _ in range(attempts):
        try:
            limit.take(per_minute)
        except TooManyQueries:
            continue
        passed += 1
    return passed


def test_burst_of_a_minutes_queries_passes_and_no_more(clock: Clock) -> None:
    assert taken(RateLimit(clock), 30, 100) == 30


def test_refusal_is_busy_and_names_limit_and_wait(clock: Clock) -> None:
    limit = RateLimit(clock)
    taken(limit, 30, 30)
    with pytest.raises(TooManyQueries, match=r'queries_per_minute = 30 .* again in 2\.0 s') as told:
        limit.take(30)
    assert told.value.code is ErrorCode.BUSY
    assert told.value.wait_s == pytest.approx(2.0)


def test_query_passes_after_the_wait_that_was_named(clock: Clock) -> None:
    limit = RateLimit(clock)
    taken(limit, 30, 30)
    clock.now_ns += 2 * SECOND
    assert taken(limit, 30, 5) == 1


def test_over_a_long_time_no_more_than_the_limit_pass(clock: Clock) -> None:
    limit = RateLimit(clock)
    passed = 0
    for _ in range(600):
        clock.now_ns += SECOND
        passed += taken(limit, 30, 3)
    assert passed in range(300, 331)


def test_pause_of_an_hour_saves_up_one_minute(clock: Clock) -> None:
    limit = RateLimit(clock)
    clock.now_ns += 60 * MINUTE_NS
    assert taken(limit, 30, 100) == 30


def test_zero_sets_no_limit(clock: Clock) -> None:
    assert taken(RateLimit(clock), 0, 10_000) == 10_000


def test_changed_limit_holds_from_the_next_query_on(clock: Clock) -> None:
    limit = RateLimit(clock)
    assert taken(limit, 60, 30) == 30
    assert taken(limit, 10, 10) == 5  # half of a minute's queries were left
    clock.now_ns += MINUTE_NS
    assert taken(limit, 600, 1000) == 600


def test_threads_together_stay_within_the_limit() -> None:
    limit, passed = RateLimit(), []
    threads = [
        threading.Thread(target=lambda: passed.append(taken(limit, 100, 100))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 100 <= sum(passed) <= 105  # some may be refilled meanwhile
