# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every run of the tests needs, whether in one process or in several."""

from __future__ import annotations

from contextlib import suppress

import pytest
from support import domain, parallel  # noqa: F401 - each process gets a domain

with suppress(ImportError):
    from hypothesis import HealthCheck, settings

    # Processes that share a machine wait for each other: how long an example took says nothing.
    settings.register_profile(
        'shared machine', deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile('shared machine')


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests into groups where pytest-xdist spreads them over processes."""
    if config.pluginmanager.hasplugin('xdist') and config.getoption('dist', 'no') != 'no':
        items[:] = parallel.in_groups(items)
