# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every run of the tests needs, whether in one process or in several."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import pytest
from support import domain, parallel  # noqa: F401 - each process gets a domain

with suppress(ImportError):
    from hypothesis import HealthCheck, settings

    # Processes that share a machine wait for each other: how long an example took says nothing.
    settings.register_profile(
        'shared machine', deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile('shared machine')


@pytest.fixture(autouse=True)
def same_priority() -> Generator[None]:
    """No test leaves its process another priority: whatever starts later would have it too."""
    before = os.sched_getscheduler(0)
    yield
    assert os.sched_getscheduler(0) == before


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let slow groups start first where several processes run the tests."""
    if hasattr(config, 'workerinput'):
        items[:] = parallel.slow_groups_first(items)


@pytest.hookimpl(optionalhook=True)  # there is no such hook without pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a group in one process."""
    return parallel.scheduler(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let every report travel between processes: what a test printed may not be UTF-8."""
    report = yield
    report.sections = [(name, parallel.as_utf8(text)) for name, text in report.sections]
    if report.failed:
        report.longrepr = parallel.as_utf8(str(report.longrepr))
    return report
