# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes the `start` fixture known to the tests of this folder, and tries them up to three times.

Discovery over loopback now and then outlasts any patience (two tests in about 320);
pytest's summary says which tests were tried again.
"""

from pathlib import Path

import pytest
from world import start  # noqa: F401 - a fixture

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark this folder's tests, and no others, to be tried again."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=1))
